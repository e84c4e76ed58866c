"""``ConsoleData`` over the real tables: one class, its parts in modules of one idea each."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.console.data import (
    ArchiveProgress,
    ContactCard,
    ContactRow,
    EventRow,
    Listing,
    Overview,
    QuarantineRow,
    RefusalRow,
)
from bot.console.rooms import card, contact_list, events, overview
from bot.console.rooms.names import context_lines, people_names
from kernel.pages import TableQuery

__all__ = ["RoomsData", "context_lines", "people_names"]


class RoomsData:
    """See ``ConsoleData`` for what each function promises."""

    async def get_overview(self, db: AsyncSession, *, now: datetime) -> Overview:
        return await overview.get_overview(db, now=now)

    async def list_contacts(self, db: AsyncSession, query: TableQuery, *, now: datetime) -> Listing[ContactRow]:  # noqa: ARG002  # the protocol's
        return await contact_list.list_contacts(db, query)

    async def get_contact(
        self,
        db: AsyncSession,
        external_userid: str,
        *,
        with_conversation: bool,
        now: datetime,  # noqa: ARG002  # the protocol's
    ) -> ContactCard | None:
        return await card.get_contact(db, external_userid, with_conversation=with_conversation)

    async def list_events(self, db: AsyncSession, query: TableQuery, *, now: datetime) -> Listing[EventRow]:  # noqa: ARG002  # the protocol's
        return await events.list_events(db, query)

    async def list_refusals(self, db: AsyncSession, *, limit: int) -> Sequence[RefusalRow]:
        return await events.list_refusals(db, limit=limit)

    async def get_archive(self, db: AsyncSession, *, now: datetime) -> ArchiveProgress:  # noqa: ARG002  # the protocol's
        return await events.get_archive(db)

    async def list_quarantined(self, db: AsyncSession, query: TableQuery, *, now: datetime) -> Listing[QuarantineRow]:  # noqa: ARG002  # the protocol's
        return await events.list_quarantined(db, query)
