"""What the checks are given: settings, database, network, clock; and what one check learns for the next."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

import aiohttp

from bot.archive.source import Sealed, SimulatedSource
from bot.settings import Settings
from kernel.database import Database


class ArchiveFetch(Protocol):
    """The half of an archive source that a doctor needs: it fetches and opens nothing."""

    async def fetch(self, seq: int, /, *, limit: int) -> Sequence[Sealed]: ...


@dataclass(slots=True)
class Chart:
    """Notes of one examination, filled in as it goes on."""

    access_token: str = ""
    follow_users: list[str] = field(default_factory=list)
    follow_users_errcode: int = 0
    follow_users_errmsg: str = ""
    wecom_date: datetime | None = None
    pay_date: datetime | None = None


@dataclass(frozen=True, slots=True)
class DoctorServices:
    """``archive`` is None when no archive is configured. ``chart`` belongs to one examination."""

    settings: Settings
    database: Database
    session: aiohttp.ClientSession
    clock: Callable[[], datetime]
    archive: ArchiveFetch | None
    chart: Chart = field(default_factory=Chart)


@asynccontextmanager
async def open_services(
    settings: Settings, *, clock: Callable[[], datetime] | None = None, archive: ArchiveFetch | None = None
) -> AsyncIterator[DoctorServices]:
    """Open database and network for one examination. Without ``archive`` the simulated source is asked."""
    database = Database(settings.database_url)
    try:
        async with aiohttp.ClientSession() as session:
            if archive is None and settings.archives:
                archive = SimulatedSource(
                    session, url=settings.archive_url, secret=settings.archive_secret, cipher=_never
                )
            yield DoctorServices(settings, database, session, clock or _utc_now, archive)
    finally:
        await database.close()


def _never(_random_key: str, _encrypt_chat_msg: str) -> bytes:
    raise ValueError("the doctor fetches and never opens")


def _utc_now() -> datetime:
    return datetime.now(UTC)
