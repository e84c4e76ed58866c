"""What is known about the archive's continuity: which numbers are here, which are not, and why.

``seq`` only rises but may jump by itself (platform reference 5.1). WeCom keeps five days: after a longer
silence the pull starts, without an error, at the first message still there. So a jump alone is only
noted (``jump``); a jump after five days without being at the head means lost messages (``expired``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.archive.tables import ArchiveCursor, ArchiveGap, Envelope

RETENTION = timedelta(days=5)
LAG_ALARM = timedelta(hours=24)  # four days are left then to mend what is broken
HOLES_MAX = 200  # shown; the newest
QUARANTINED_MAX = 200  # listed; the newest
EXPIRED = "expired"
JUMP = "jump"
CURSOR_ID = 1


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers without a hole, both ends included."""

    first: int
    last: int

    @property
    def count(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Hole:
    """``after_seq`` and ``next_seq`` are here; what would be between is not. ``reason``: expired | jump."""

    after_seq: int
    next_seq: int
    reason: str = JUMP
    silent_since: datetime | None = None

    @property
    def missing(self) -> int:
        return self.next_seq - self.after_seq - 1


@dataclass(frozen=True, slots=True)
class Progress:
    """The cursor: the last number stored, and when we last heard."""

    seq: int = 0
    pulled_at: datetime | None = None
    caught_up_at: datetime | None = None
    silent_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ledger:
    progress: Progress
    counts: dict[str, int]  # envelopes by state
    ranges: tuple[Range, ...]  # stored without a hole, oldest first
    holes: tuple[Hole, ...]  # between them
    holes_hidden: int  # older ones beyond HOLES_MAX; the first range begins behind them
    quarantined: tuple[int, ...]  # seqs, newest first
    lag: timedelta | None  # since we last knew that nothing more was there; None before the first pull

    @property
    def stored(self) -> int:
        return sum(self.counts.values())

    @property
    def duplicates(self) -> int:
        return self.counts.get("duplicate", 0)

    @property
    def lost(self) -> tuple[Hole, ...]:
        """Holes known to hold messages that nobody can fetch any more."""
        return tuple(hole for hole in self.holes if hole.reason == EXPIRED)

    @property
    def alarm(self) -> bool:
        return self.lag is not None and self.lag >= LAG_ALARM


def judge_jump(progress: Progress, first_seq: int, *, now: datetime) -> Hole | None:
    """The hole between the last number stored and the first of the next page, if there is one.

    Before anything was stored there is nothing to lose: the first pull starts wherever WeCom does.
    """
    if progress.seq == 0 or first_seq <= progress.seq + 1:
        return None
    silent_since = silence(progress, now=now)
    reason = JUMP if silent_since is None else EXPIRED
    return Hole(progress.seq, first_seq, reason, silent_since)


def silence(progress: Progress, *, now: datetime) -> datetime | None:
    """Since when messages may have come and gone unseen; None when nothing can have expired.

    An empty answer after a long outage does not settle it: the next page shows what is missing.
    """
    if progress.silent_since is not None:
        return progress.silent_since
    known = progress.caught_up_at or progress.pulled_at
    return known if known is not None and now - known > RETENTION else None


def to_ranges(first: int, last: int, holes: Sequence[Hole]) -> tuple[Range, ...]:
    """What lies between the holes, from ``first`` to ``last``. Holes in order."""
    edges = [first, *(hole.next_seq for hole in holes)], [*(hole.after_seq for hole in holes), last]
    return tuple(Range(start, end) for start, end in zip(*edges, strict=True))


def make_ledger(
    progress: Progress,
    *,
    counts: dict[str, int],
    seqs: tuple[int, int] | None,
    jumps: Sequence[tuple[int, int]],
    jumps_total: int,
    known: Sequence[Hole],
    quarantined: Sequence[int],
    now: datetime,
) -> Ledger:
    """Put the figures together. ``jumps`` are neighbours (before, after) with numbers missing between, in order."""
    reasons = {hole.after_seq: hole for hole in known}
    holes = tuple(
        Hole(before, after, reasons[before].reason, reasons[before].silent_since)
        if before in reasons
        else Hole(before, after)
        for before, after in jumps
    )
    hidden = jumps_total - len(holes)
    ranges: tuple[Range, ...] = ()
    if seqs is not None:
        ranges = to_ranges(seqs[0], seqs[1], holes)
        ranges = ranges[1:] if hidden else ranges  # its beginning is not known here
    heard = progress.caught_up_at or progress.pulled_at
    return Ledger(
        progress=progress,
        counts=counts,
        ranges=ranges,
        holes=holes,
        holes_hidden=hidden,
        quarantined=tuple(quarantined),
        lag=None if heard is None else max(now - heard, timedelta()),
    )


async def get_progress(db: AsyncSession) -> Progress:
    row = await db.get(ArchiveCursor, CURSOR_ID)
    return Progress() if row is None else Progress(row.seq, row.pulled_at, row.caught_up_at, row.silent_since)


async def get_ledger(db: AsyncSession, *, now: datetime) -> Ledger:
    """Read it from the tables: one pass over the numbers, in their index."""
    states = await db.execute(select(Envelope.state, func.count()).group_by(Envelope.state))
    counts = {state: int(count) for state, count in states}
    first = await db.scalar(select(func.min(Envelope.seq)))
    last = await db.scalar(select(func.max(Envelope.seq)))
    before = func.lag(Envelope.seq).over(order_by=Envelope.seq).label("before")
    pairs = select(before, Envelope.seq.label("after")).subquery()
    jump = pairs.c.after > pairs.c.before + 1
    total = await db.scalar(select(func.count()).select_from(pairs).where(jump))
    newest = select(pairs.c.before, pairs.c.after).where(jump).order_by(pairs.c.after.desc()).limit(HOLES_MAX)
    jumps = [(int(left), int(right)) for left, right in await db.execute(newest)][::-1]
    known = await db.scalars(select(ArchiveGap).where(ArchiveGap.after_seq.in_([left for left, _ in jumps])))
    quarantined = await db.scalars(
        select(Envelope.seq).where(Envelope.state == "quarantined").order_by(Envelope.seq.desc()).limit(QUARANTINED_MAX)
    )
    return make_ledger(
        await get_progress(db),
        counts=counts,
        seqs=None if first is None or last is None else (first, last),
        jumps=jumps,
        jumps_total=int(total or 0),
        known=[Hole(one.after_seq, one.next_seq, one.reason, one.silent_since) for one in known],
        quarantined=quarantined.all(),
        now=now,
    )
