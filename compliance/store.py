"""Read and write flags and verdicts. Functions take ``db`` and ``now`` and never commit."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeVar

from sqlalchemy import ColumnElement, Select, and_, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from compliance import audit
from compliance.categories import SEVERITY_RANK, Role
from compliance.errors import NothingToUndo, UnknownFlag
from compliance.scan import Hit
from compliance.tables import KEY_LENGTH_MAX, WORD_LENGTH_MAX, Flag
from kernel.database import insert_many_once

Verdict = Literal["violation", "not_violation", "unclear"]
Order = Literal["oldest", "newest", "severity"]
VERDICT_NAMES: dict[str, str] = {"violation": "违规", "not_violation": "不违规", "unclear": "说不清"}
NOTE_LENGTH_MAX = 1_000
HITS_PER_MESSAGE_MAX = 50
HIT_KEY = ("message_key", "category", "word", "matched_start")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Scanned:
    """The hits of one message and whose message it was."""

    hits: Sequence[Hit]
    message_key: str
    external_userid: str
    userid: str
    role: Role


@dataclass(frozen=True, slots=True)
class Filters:
    """What to list; an empty string means all."""

    category: str = ""
    severity: str = ""
    state: str = ""
    external_userid: str = ""
    userid: str = ""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many flags there are: open ones by category and by severity, and verdicts."""

    open: int
    judged: int
    open_by_category: dict[str, int]
    open_by_severity: dict[str, int]
    by_verdict: dict[str, int]


async def record(
    db: AsyncSession,
    hits: Sequence[Hit],
    *,
    message_key: str,
    external_userid: str,
    userid: str,
    role: Role,
    lexicon_version: str = "",
    now: datetime,
) -> int:
    """Flag the hits of one message; how many were new. Safe to repeat."""
    scanned = Scanned(hits, message_key, external_userid, userid, role)
    return await record_many(db, [scanned], lexicon_version=lexicon_version, now=now)


async def record_many(db: AsyncSession, batch: Iterable[Scanned], *, lexicon_version: str = "", now: datetime) -> int:
    """Flag the hits of many messages in few statements; how many were new. Safe to repeat."""
    rows: dict[tuple[str, str, str, int], dict[str, object]] = {}
    for scanned in batch:
        for hit in scanned.hits[:HITS_PER_MESSAGE_MAX]:
            row = _row(hit, scanned, lexicon_version, now)
            rows.setdefault((scanned.message_key, hit.category, hit.word[:WORD_LENGTH_MAX], hit.start), row)
    return len(await insert_many_once(db, Flag, list(rows.values()), unique=HIT_KEY)) if rows else 0


async def list_flags(
    db: AsyncSession, filters: Filters, *, order: Order = "oldest", limit: int = 50, offset: int = 0
) -> list[Flag]:
    """Flags that fit, in queue order."""
    statement = _filtered(select(Flag), filters)
    match order:
        case "severity":
            statement = statement.order_by(Flag.state.desc(), Flag.severity_rank.desc(), Flag.id)  # open before judged
        case "newest":
            statement = statement.order_by(Flag.id.desc())
        case "oldest":
            statement = statement.order_by(Flag.id)
    return list((await db.scalars(statement.limit(limit).offset(offset))).all())


async def count_flags(db: AsyncSession, filters: Filters) -> int:
    return int(await db.scalar(_filtered(select(func.count()).select_from(Flag), filters)) or 0)


async def get_flag(db: AsyncSession, flag_id: int) -> Flag:
    """Raises UnknownFlag."""
    flag = await db.get(Flag, flag_id)
    if flag is None:
        raise UnknownFlag(flag_id)
    return flag


async def list_flags_of_message(db: AsyncSession, message_key: str) -> list[Flag]:
    found = await db.scalars(select(Flag).where(Flag.message_key == message_key).order_by(Flag.matched_start, Flag.id))
    return list(found.all())


async def get_neighbours(
    db: AsyncSession, flag: Flag, filters: Filters, *, order: Order = "oldest"
) -> tuple[int | None, int | None]:
    """Ids of the flags before and after ``flag`` in its queue; None at the ends. ``flag`` need not be in it."""
    older, younger = Flag.id < flag.id, Flag.id > flag.id
    up: list[ColumnElement[int] | ColumnElement[str]] = [Flag.id.asc()]
    down: list[ColumnElement[int] | ColumnElement[str]] = [Flag.id.desc()]
    if order == "severity":
        same = Flag.severity_rank == flag.severity_rank
        older = or_(Flag.severity_rank > flag.severity_rank, and_(same, older))
        younger = or_(Flag.severity_rank < flag.severity_rank, and_(same, younger))
        alike = Flag.state == flag.state  # "open" sorts above "judged"
        older, younger = (
            or_(Flag.state > flag.state, and_(alike, older)),
            or_(Flag.state < flag.state, and_(alike, younger)),
        )
        up = [Flag.state.desc(), Flag.severity_rank.desc(), *up]
        down = [Flag.state.asc(), Flag.severity_rank.asc(), *down]
    elif order == "newest":
        older, younger, up, down = younger, older, down, up
    before = _filtered(select(Flag.id), filters).where(older).order_by(*down).limit(1)
    after = _filtered(select(Flag.id), filters).where(younger).order_by(*up).limit(1)
    return await db.scalar(before), await db.scalar(after)


async def judge(db: AsyncSession, flag_id: int, verdict: Verdict, note: str, *, by: str, now: datetime) -> Flag:
    """Give a verdict, or another one, and log it. The same verdict with the same note again changes nothing."""
    flag = await get_flag(db, flag_id)
    note = note.strip()[:NOTE_LENGTH_MAX]
    if flag.state == "judged" and flag.verdict == verdict and flag.note == note:
        return flag
    await db.execute(
        update(Flag)
        .where(Flag.id == flag_id)
        .values(state="judged", verdict=verdict, note=note, judged_by=by, judged_at=now)
    )
    what: dict[str, object] = {
        "act": "judge",
        "flag": flag_id,
        "message_key": flag.message_key,
        "entry": flag.entry,
        "verdict": verdict,
        "note": note,
    }
    await audit.append(db, who=by, what=what, now=now)
    await db.refresh(flag)
    return flag


async def undo(db: AsyncSession, flag_id: int, *, by: str, now: datetime) -> Flag:
    """Take a verdict back: the flag is open again, and the log says who did it. Raises NothingToUndo."""
    flag = await get_flag(db, flag_id)
    if flag.state != "judged":
        raise NothingToUndo(f"flag {flag_id} is open")
    what: dict[str, object] = {
        "act": "undo",
        "flag": flag_id,
        "message_key": flag.message_key,
        "entry": flag.entry,
        "verdict": flag.verdict,
    }
    await db.execute(
        update(Flag)
        .where(Flag.id == flag_id)
        .values(state="open", verdict=None, note="", judged_by=None, judged_at=None)
    )
    await audit.append(db, who=by, what=what, now=now)
    await db.refresh(flag)
    return flag


async def get_last_judged(db: AsyncSession, *, by: str) -> int | None:
    """The flag this person judged last, for the key U in the queue."""
    latest = select(Flag.id).where(Flag.judged_by == by).order_by(Flag.judged_at.desc(), Flag.id.desc()).limit(1)
    return await db.scalar(latest)


async def get_counts(db: AsyncSession) -> Counts:
    grouped = select(Flag.state, Flag.category, Flag.severity, Flag.verdict, func.count()).group_by(
        Flag.state, Flag.category, Flag.severity, Flag.verdict
    )
    by_category: dict[str, int] = {}
    by_severity: dict[str, int] = {}
    by_verdict: dict[str, int] = {}
    totals = {"open": 0, "judged": 0}
    for state, category, severity, verdict, number in (await db.execute(grouped)).all():
        totals[state] = totals.get(state, 0) + number
        if state == "open":
            by_category[category] = by_category.get(category, 0) + number
            by_severity[severity] = by_severity.get(severity, 0) + number
        elif verdict:
            by_verdict[verdict] = by_verdict.get(verdict, 0) + number
    return Counts(totals["open"], totals["judged"], by_category, by_severity, by_verdict)


async def erase_contact(db: AsyncSession, external_userid: str) -> int:
    """Forget the flags of one external contact; the log of verdicts keeps ids only and stays. How many went."""
    gone = (await db.scalars(delete(Flag).where(Flag.external_userid == external_userid).returning(Flag.id))).all()
    return len(gone)


def _row(hit: Hit, scanned: Scanned, lexicon_version: str, now: datetime) -> dict[str, object]:
    return {
        "message_key": scanned.message_key[:KEY_LENGTH_MAX],
        "category": hit.category,
        "severity": hit.severity,
        "severity_rank": SEVERITY_RANK[hit.severity],
        "word": hit.word[:WORD_LENGTH_MAX],
        "matched_start": hit.start,
        "matched_end": hit.end,
        "how": list(hit.how),
        "reason": hit.reason,
        "entry": hit.entry,
        "external_userid": scanned.external_userid,
        "userid": scanned.userid,
        "role": scanned.role,
        "lexicon_version": lexicon_version,
        "state": "open",
        "note": "",
        "created_at": now,
    }


def _filtered(statement: Select[T], filters: Filters) -> Select[T]:
    for column, value in (
        (Flag.category, filters.category),
        (Flag.severity, filters.severity),
        (Flag.state, filters.state),
        (Flag.external_userid, filters.external_userid),
        (Flag.userid, filters.userid),
    ):
        if value:
            statement = statement.where(column == value)
    return statement
