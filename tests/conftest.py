"""Fixtures for every test: databases on both back ends, and what to say about a missing one."""

import os
import secrets
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import MetaData

from kernel.database import Database

POSTGRESQL_URL = os.environ.get("XIAOER_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432/postgres")


def all_metadata() -> list[MetaData]:
    from bot.schema import METADATA  # noqa: PLC0415  # imported late so that one room's tests need no other room

    return list(METADATA)


def postgresql_absent() -> str | None:
    """Why PostgreSQL cannot be used, or None."""
    host, port = POSTGRESQL_URL.split("@")[-1].split("/")[0].split(":")
    try:
        with socket.create_connection((host, int(port)), timeout=2):
            return None
    except OSError as error:
        return f"no PostgreSQL at {host}:{port} ({error.strerror or error})"


POSTGRESQL_ABSENT = postgresql_absent()


@pytest.fixture(params=["sqlite", "postgresql"])
def back_end(request: pytest.FixtureRequest) -> str:
    if request.param == "postgresql" and POSTGRESQL_ABSENT:
        pytest.skip(POSTGRESQL_ABSENT)
    return str(request.param)


@pytest.fixture
async def database_url(back_end: str, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of an empty database of its own."""
    if back_end == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'test.sqlite3'}"
        return
    name = f"xiaoer_test_{secrets.token_hex(6)}"
    admin = await asyncpg.connect(POSTGRESQL_URL)
    try:
        await admin.execute(f'CREATE DATABASE "{name}"')
        yield POSTGRESQL_URL.replace("postgresql://", "postgresql+asyncpg://").rsplit("/", 1)[0] + f"/{name}"
        await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    finally:
        await admin.close()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A database with every room's tables."""
    database = Database(database_url)
    async with database.engine.begin() as connection:
        for metadata in all_metadata():
            await connection.run_sync(metadata.create_all)
    yield database
    await database.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what this machine lacked, and why: a skip nobody reads is a hidden failure."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons: dict[str, int] = {}
    for report in skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[reason] = reasons.get(reason, 0) + 1
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"not run here: {count} × {reason}")
