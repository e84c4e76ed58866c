"""Fixtures for every test: databases on both back ends, and what to say about a missing one."""

import asyncio
import os
import secrets
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
import structlog
from hypothesis import settings
from sqlalchemy import MetaData

from kernel.database import Database

# In CI properties look at the same examples every time, so that a change is judged by what it changed; everywhere
# else they look at new ones in each run, and what they find becomes an ``@example``.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")

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


@pytest.fixture(autouse=True)
def _logs_as_they_come() -> Iterator[None]:
    """What one test sets up for logging is not the next one's."""
    yield
    structlog.reset_defaults()


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
    async with postgresql_database() as url:
        yield url


@pytest.fixture
async def database(back_end: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Database]:
    """An empty database with every room's tables. They are made once for the whole run.

    SQLite: a copy of one file. PostgreSQL: one database, emptied after each test.
    """
    if back_end == "sqlite":
        template = tmp_path_factory.getbasetemp() / "template.sqlite3"
        if not template.exists():
            await make_tables(f"sqlite+aiosqlite:///{template}")
        file = tmp_path / "test.sqlite3"
        shutil.copyfile(template, file)
        database = Database(f"sqlite+aiosqlite:///{file}")
        yield database
        await database.close()
        return
    if SHARED_NAME not in _made:
        async with postgresql_admin() as admin:
            await admin.execute(f'CREATE DATABASE "{SHARED_NAME}"')
        _made.add(SHARED_NAME)
        await make_tables(postgresql_url(SHARED_NAME))
    database = Database(postgresql_url(SHARED_NAME))
    yield database
    await database.close()
    connection = await asyncpg.connect(postgresql_url(SHARED_NAME).replace("+asyncpg", ""))
    try:
        await connection.execute(EMPTY_ALL)
    finally:
        await connection.close()


# Rows and counters, without TRUNCATE's new files: twenty times faster for a handful of rows.
EMPTY_ALL = """
SET session_replication_role = replica;
DO $$
DECLARE name text;
BEGIN
  FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
    EXECUTE format('DELETE FROM %I', name);
  END LOOP;
  FOR name IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL LOOP
    EXECUTE format('ALTER SEQUENCE %I RESTART', name);
  END LOOP;
END $$;
"""
SHARED_NAME = f"xiaoer_test_shared_{os.getpid()}"
_made: set[str] = set()


async def make_tables(url: str) -> None:
    database = Database(url)
    async with database.engine.begin() as connection:
        for metadata in all_metadata():
            await connection.run_sync(metadata.create_all)
    await database.close()  # the last to leave SQLite folds the write-ahead log into the one file


def postgresql_url(name: str) -> str:
    return POSTGRESQL_URL.replace("postgresql://", "postgresql+asyncpg://").rsplit("/", 1)[0] + f"/{name}"


@asynccontextmanager
async def postgresql_admin() -> AsyncIterator[asyncpg.Connection]:
    admin = await asyncpg.connect(POSTGRESQL_URL)
    try:
        yield admin
    finally:
        await admin.close()


@asynccontextmanager
async def postgresql_database() -> AsyncIterator[str]:
    name = f"xiaoer_test_{secrets.token_hex(6)}"
    async with postgresql_admin() as admin:
        await admin.execute(f'CREATE DATABASE "{name}"')
        try:
            yield postgresql_url(name)
        finally:
            await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def pytest_sessionfinish() -> None:
    for name in _made:
        asyncio.run(drop(name))


async def drop(name: str) -> None:
    async with postgresql_admin() as admin:
        await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what this machine lacked, and why: a skip nobody reads is a hidden failure."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons: dict[str, int] = {}
    for report in skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[reason] = reasons.get(reason, 0) + 1
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"not run here: {count} × {reason}")
