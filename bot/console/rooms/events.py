"""The mailbox and the archive as pages list them: what failed and why, who was refused, what will not open."""

from collections.abc import Sequence

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.archive.tables import ArchiveCursor, Envelope
from bot.console.data import ArchiveProgress, EventRow, Listing, QuarantineRow, RefusalRow
from bot.console.rooms.queries import page
from bot.console.words import EVENT_WORDS, LANE_ADVICE, quarantine_advice, refusal_words
from bot.kinds import InboxKind
from bot.mailbox import INBOX, OUTBOX, Mail, State
from bot.server import Refusal
from kernel.pages import TableQuery

LANES = {"inbox": INBOX, "outbox": OUTBOX}


async def list_events(db: AsyncSession, query: TableQuery) -> Listing[EventRow]:
    rows = select(Mail)
    if lanes := LANES.get(query.filters.get("lane", "")):
        rows = rows.where(Mail.lane.in_(lanes))
    if state := query.filters.get("state"):
        rows = rows.where(Mail.state == state)
    if query.q:
        rows = rows.where(
            or_(Mail.key.contains(query.q, autoescape=True), Mail.kind.contains(query.q, autoescape=True))
        )
    found, total = await page(db, rows, query, {"created_at": Mail.created_at, "attempts": Mail.attempts}, Mail.id)
    return Listing([_event_row(one) for one in found], total)


def _event_row(one: Mail) -> EventRow:
    return EventRow(
        id=one.id,
        key=one.key,
        lane="outbox" if one.lane in OUTBOX else "inbox",
        kind=EVENT_WORDS.get(one.kind, one.kind),
        state=one.state,
        attempts=one.attempts,
        created_at=one.created_at,
        due_at=one.due_at if one.state == State.WAITING else None,
        failure=one.error or "",
        advice=LANE_ADVICE.get(one.state, ""),
    )


async def list_refusals(db: AsyncSession, *, limit: int) -> Sequence[RefusalRow]:
    rows = await db.scalars(select(Refusal).order_by(Refusal.id.desc()).limit(limit))
    return [RefusalRow(one.at, refusal_words(one.reason), one.status, one.peer, one.body_bytes) for one in rows]


async def get_archive(db: AsyncSession) -> ArchiveProgress:
    cursor = await db.get(ArchiveCursor, 1)
    rows = await db.execute(select(Envelope.state, func.count()).group_by(Envelope.state))
    counts = {state: int(n) for state, n in rows}
    newest = select(Mail).where(Mail.kind == InboxKind.PULL_ARCHIVE).order_by(Mail.id.desc()).limit(1)
    pull = await db.scalar(newest)
    return ArchiveProgress(
        seq_done=cursor.seq if cursor else 0,
        seq_newest=None,
        stored=sum(counts.values()),
        quarantined=counts.get("quarantined", 0),
        last_pull_at=cursor.pulled_at if cursor else None,
        failure=(pull.error or "") if pull is not None and pull.state != State.DONE else "",
    )


async def list_quarantined(db: AsyncSession, query: TableQuery) -> Listing[QuarantineRow]:
    rows = select(Envelope).where(Envelope.state == "quarantined")
    found, total = await page(db, rows, query, {"seq": Envelope.seq, "at": Envelope.fetched_at}, Envelope.seq)
    return Listing(
        [
            QuarantineRow(
                one.seq, one.msgid, one.publickey_ver, one.reason, one.fetched_at, 1, quarantine_advice(one.reason)
            )
            for one in found
        ],
        total,
    )
