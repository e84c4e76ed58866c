"""The durable inbox and outbox: put, claim, done, retry_later, give_up.

One table, a few lanes. A row is committed before anything is promised for it; claiming only postpones
it by a lease, so when its worker dies it falls due again. Items of one subject (a contact) are
claimed strictly in order. ``attempts`` is the fence: a worker that outlived its lease cannot
finish an item that somebody else has claimed since.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any

from sqlalchemy import JSON, Index, String, Text, UniqueConstraint, and_, delete, exists, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, aliased, mapped_column

from bot.tables import Base
from kernel.database import BigId, UtcDateTime, count_changed, insert_many_once, insert_once, wake

ATTEMPTS_MAX = 12  # with the pauses below: half an hour to three quarters of trying
PAUSE_FIRST = timedelta(seconds=1)
PAUSE_MAX = timedelta(minutes=15)
ERROR_CHARS_MAX = 500
LEASE = timedelta(seconds=60)  # longer than any single piece of work; the last net behind the heartbeat
BEAT_EVERY = timedelta(seconds=2)
BEAT_MISSED_MAX = timedelta(seconds=15)


class Lane(StrEnum):
    """Who works an item. Lanes do not wait for each other: a welcome is never behind bulk work."""

    EVENTS = "events"  # what happened: decide, in one commit
    MESSAGES = "messages"  # what was said: in batches
    FETCH = "fetch"  # read again from WeCom
    WELCOMES = "welcomes"  # calls that die in 20 seconds
    CALLS = "calls"  # every other call we want WeCom or WeChat Pay to take


INBOX = (Lane.EVENTS, Lane.MESSAGES, Lane.FETCH)
OUTBOX = (Lane.WELCOMES, Lane.CALLS)


class State(StrEnum):
    WAITING = "waiting"
    DONE = "done"
    IGNORED = "ignored"  # kept and shown, but nobody handles this kind
    EXPIRED = "expired"  # too late to be useful; never done late
    DEAD = "dead"  # given up: needs a person


class Priority(IntEnum):
    BULK = 0
    NORMAL = 10
    URGENT = 20


class LeaseLost(Exception):
    """Somebody else has claimed this item since: roll back, drop it, go on."""


class Mail(Base):
    """One item. ``payload`` holds ids and texts as received; it is emptied when a message is done."""

    __tablename__ = "mailbox_item"
    __table_args__ = (
        UniqueConstraint("lane", "key"),
        Index("mailbox_item_next", "lane", "state", "priority", "due_at", "id"),
        Index("mailbox_item_subject", "lane", "state", "subject", "id"),
        Index("mailbox_item_claimed_by", "claimed_by"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    lane: Mapped[str] = mapped_column(String(8))
    kind: Mapped[str] = mapped_column(String(64))
    key: Mapped[str] = mapped_column(String(200))
    subject: Mapped[str | None] = mapped_column(String(128))
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(String(8))
    priority: Mapped[int]
    attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    claimed_by: Mapped[str | None] = mapped_column(String(32))
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    error: Mapped[str | None] = mapped_column(Text)


class Worker(Base):
    """A process that claims items. When it is gone, what it held is given back at once."""

    __tablename__ = "mailbox_worker"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    host: Mapped[str] = mapped_column(String(255))
    pid: Mapped[int]
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    beat_at: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class Item:
    """A claimed item: a snapshot, so that nothing changes behind the worker's back."""

    id: int
    lane: Lane
    kind: str
    key: str
    subject: str | None
    payload: dict[str, Any]
    attempts: int
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Letter:
    """What ``put_many`` stores; the fields are those of ``put``."""

    kind: str
    payload: Mapping[str, Any]
    key: str
    subject: str | None = None
    priority: Priority = Priority.NORMAL
    due_at: datetime | None = None
    expires_at: datetime | None = None


async def put(
    db: AsyncSession,
    lane: Lane,
    kind: str,
    payload: Mapping[str, Any],
    *,
    key: str,
    now: datetime,
    subject: str | None = None,
    priority: Priority = Priority.NORMAL,
    due_at: datetime | None = None,
    expires_at: datetime | None = None,
) -> bool:
    """Store an item unless its key is there already. True when it is new."""
    letter = Letter(kind, payload, key, subject, priority, due_at, expires_at)
    return bool(await put_many(db, lane, [letter], now=now))


async def put_many(db: AsyncSession, lane: Lane, letters: Sequence[Letter], *, now: datetime) -> set[str]:
    """Store several items; returns the keys that are new."""
    rows = [
        {
            "lane": lane,
            "kind": letter.kind,
            "key": letter.key,
            "subject": letter.subject,
            "payload": dict(letter.payload),
            "state": State.WAITING,
            "priority": letter.priority,
            "attempts": 0,
            "created_at": now,
            "due_at": letter.due_at or now,
            "expires_at": letter.expires_at,
        }
        for letter in letters
    ]
    new = {str(key) for _lane, key in await insert_many_once(db, Mail, rows, unique=("lane", "key"))}
    if new:
        wake(db, lane)
    return new


async def claim(
    db: AsyncSession,
    lane: Lane,
    *,
    now: datetime,
    worker: str,
    lease: timedelta = LEASE,
    limit: int = 1,
) -> list[Item]:
    """Take up to ``limit`` of the most urgent due items, in order.

    One statement, so two workers never hold one row: PostgreSQL skips rows that are locked, SQLite
    has a single writer and ignores the clause. The earliest deadline comes first within a priority.
    """
    earlier = aliased(Mail)
    blocked = exists().where(
        and_(
            earlier.lane == lane,
            earlier.state == State.WAITING,
            earlier.subject == Mail.subject,
            earlier.id < Mail.id,
        )
    )
    due = select(Mail.id).where(Mail.lane == lane, Mail.state == State.WAITING, Mail.due_at <= now, ~blocked)
    due = due.order_by(Mail.priority.desc(), Mail.due_at, Mail.id).limit(limit).with_for_update(skip_locked=True)
    take = (
        update(Mail)
        .where(Mail.id.in_(due.scalar_subquery()))
        .values(due_at=now + lease, attempts=Mail.attempts + 1, claimed_by=worker)
        .returning(Mail)
        .execution_options(synchronize_session=False)
    )
    rows = sorted(await db.scalars(take), key=lambda row: (-row.priority, row.id))
    return [_item(row) for row in rows]


async def done(db: AsyncSession, item: Item, *, now: datetime) -> None:
    """Finish an item in the transaction that holds its effects. Raises LeaseLost."""
    await _finish(db, item, State.DONE, now=now, error=None)


async def done_many(db: AsyncSession, items: Sequence[Item], *, now: datetime, keep_payload: bool) -> None:
    """Finish a batch, all or none. ``keep_payload`` False empties them: the content lives elsewhere by now."""
    values: dict[str, Any] = {"state": State.DONE, "finished_at": now, "error": None}
    if not keep_payload:
        values["payload"] = {}
    held = tuple_(Mail.id, Mail.attempts).in_([(item.id, item.attempts) for item in items])
    finish = update(Mail).where(held, Mail.state == State.WAITING).values(**values)
    if await count_changed(db, finish) != len(items):
        raise LeaseLost(items[0].key)


async def ignore(db: AsyncSession, item: Item, reason: str, *, now: datetime) -> None:
    await _finish(db, item, State.IGNORED, now=now, error=reason)


async def expire(db: AsyncSession, item: Item, reason: str, *, now: datetime) -> None:
    await _finish(db, item, State.EXPIRED, now=now, error=reason)


async def give_up(db: AsyncSession, item: Item, reason: str, *, now: datetime) -> None:
    """Leave an item to a person: it is shown as a dead letter with this reason."""
    await _finish(db, item, State.DEAD, now=now, error=reason)


async def retry_later(
    db: AsyncSession, item: Item, reason: str, *, now: datetime, after: timedelta | None = None, jitter: float = 0.0
) -> State:
    """Try again after a pause, or give up when that was the last try. ``jitter`` is in [0, 1)."""
    if item.attempts >= ATTEMPTS_MAX:
        await give_up(db, item, reason, now=now)
        return State.DEAD
    pause = after or pause_before(item.attempts + 1, jitter=jitter)
    changed = await count_changed(
        db,
        update(Mail)
        .where(Mail.id == item.id, Mail.attempts == item.attempts, Mail.state == State.WAITING)
        .values(due_at=now + pause, error=reason[:ERROR_CHARS_MAX], claimed_by=None),
    )
    if changed != 1:
        raise LeaseLost(item.key)
    return State.WAITING


async def beat(db: AsyncSession, worker: str, *, host: str, pid: int, now: datetime) -> None:
    """Say that a worker process lives; the first beat registers it."""
    values = {"id": worker, "host": host, "pid": pid, "started_at": now, "beat_at": now}
    if not await insert_once(db, Worker, values, unique=("id",)):
        await db.execute(update(Worker).where(Worker.id == worker).values(beat_at=now))


async def bury(db: AsyncSession, *, host: str, lives: Callable[[int], bool], now: datetime) -> list[str]:
    """Give back what dead workers held: those of this host whose process is gone, and those silent too long.

    Returns the ids of the dead.
    """
    dead = [
        worker.id
        for worker in await db.scalars(select(Worker))
        if now - worker.beat_at > BEAT_MISSED_MAX or (worker.host == host and not lives(worker.pid))
    ]
    if dead:
        await db.execute(delete(Worker).where(Worker.id.in_(dead)))
        held = update(Mail).where(Mail.state == State.WAITING, Mail.claimed_by.in_(dead))
        await db.execute(held.values(due_at=now, claimed_by=None))
    return dead


async def replay(db: AsyncSession, item_id: int, *, now: datetime) -> bool:
    """Put a dead, expired or ignored item back to waiting, with its tries counted anew."""
    changed = await count_changed(
        db,
        update(Mail)
        .where(Mail.id == item_id, Mail.state.in_([State.DEAD, State.EXPIRED, State.IGNORED]))
        .values(state=State.WAITING, due_at=now, attempts=0, error=None, finished_at=None),
    )
    return bool(changed)


async def waiting_count(db: AsyncSession, lane: Lane | None = None) -> int:
    query = select(func.count()).select_from(Mail).where(Mail.state == State.WAITING)
    return int(await db.scalar(query if lane is None else query.where(Mail.lane == lane)) or 0)


async def next_due_at(db: AsyncSession, lane: Lane) -> datetime | None:
    """When the next waiting item falls due; None when nothing waits."""
    return await db.scalar(select(func.min(Mail.due_at)).where(Mail.lane == lane, Mail.state == State.WAITING))


def digest(parts: Sequence[str]) -> str:
    """A short, stable name for a set of words, to be part of a key."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def pause_before(attempt: int, *, jitter: float) -> timedelta:
    """Capped exponential pause before try number ``attempt`` (2 is the first repeat), spread by up to a half."""
    pause = min(PAUSE_FIRST * (1 << max(attempt - 2, 0)), PAUSE_MAX)
    return pause * (1 + jitter / 2)


async def _finish(db: AsyncSession, item: Item, state: State, *, now: datetime, error: str | None) -> None:
    changed = await count_changed(
        db,
        update(Mail)
        .where(Mail.id == item.id, Mail.attempts == item.attempts, Mail.state == State.WAITING)
        .values(state=state, finished_at=now, error=error and error[:ERROR_CHARS_MAX]),
    )
    if changed != 1:
        raise LeaseLost(item.key)


def _item(row: Mail) -> Item:
    return Item(
        row.id,
        Lane(row.lane),
        row.kind,
        row.key,
        row.subject,
        row.payload,
        row.attempts,
        row.created_at,
        row.expires_at,
    )
