"""Read and write what messages earned: suggestions, their receipts, and what people decided.

A person's word is final: once somebody rejected or removed a tag of a contact, no message brings it back.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from tagger.errors import SuggestionMissing
from tagger.evidence import Suggestion
from tagger.tables import SuggestionRow

BATCH_MAX: Final = 500  # rows of one INSERT
RECEIPTS_MAX: Final = 500  # rows read for one contact
AUTOMATIC: Final = "自动"
_ONCE = ("external_userid", "group", "tag", "message_key")


@dataclass(frozen=True, slots=True)
class Recording:
    """What one message earned. ``message_key`` names the message, so recording it again changes nothing."""

    external_userid: str
    message_key: str
    suggestions: tuple[Suggestion, ...]
    userid: str | None = None
    library_version: int = 0


@dataclass(frozen=True, slots=True)
class Marking:
    """A tag to mark in WeCom now."""

    external_userid: str
    userid: str | None
    suggestion: Suggestion


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided; ``was_applied`` says whether WeCom carries the tag already."""

    external_userid: str
    userid: str | None
    group: str
    tag: str
    state: str
    was_applied: bool


@dataclass(frozen=True, slots=True)
class ContactTag:
    """A tag of a contact with its receipts, newest first."""

    class_name: str
    group: str
    tag: str
    score: float  # the best of the receipts
    state: str
    receipts: tuple[SuggestionRow, ...]


async def record(
    db: AsyncSession,
    suggestions: Iterable[Suggestion],
    *,
    external_userid: str,
    userid: str | None,
    message_key: str,
    now: datetime,
    library_version: int = 0,
) -> list[Suggestion]:
    """Keep what one message earned; returns the automatic tags that are new for this contact."""
    item = Recording(external_userid, message_key, tuple(suggestions), userid, library_version)
    return [marking.suggestion for marking in await record_many(db, [item], now=now)]


async def record_many(db: AsyncSession, items: Sequence[Recording], *, now: datetime) -> list[Marking]:
    """Keep what many messages earned: one SELECT, one INSERT. Returns what to mark in WeCom.

    A marking is returned once for each (contact, group, tag), in the order of ``items``; never for a
    tag that is applied already or that a person rejected or removed.
    """
    items = [item for item in items if item.suggestions]
    if not items:
        return []
    states = await _decided(db, {item.external_userid for item in items})
    rows: list[dict[str, Any]] = []
    markings: list[Marking] = []
    for item in items:
        for suggestion in item.suggestions:
            key = (item.external_userid, suggestion.group, suggestion.tag)
            if states.get(key) in {"rejected", "removed"}:
                continue
            if suggestion.mode == "auto" and key not in states:
                states[key] = "applied"
                markings.append(Marking(item.external_userid, item.userid, suggestion))
            rows.append(_values(item, suggestion, state=states.get(key, "suggested"), now=now))
    await _insert(db, rows)
    return markings


async def tags_of(db: AsyncSession, external_userid: str) -> list[ContactTag]:
    """The contact's tags, those with the best scores first; rejected and removed ones last."""
    query = select(SuggestionRow).where(SuggestionRow.external_userid == external_userid)
    query = query.order_by(SuggestionRow.created_at.desc(), SuggestionRow.id.desc()).limit(RECEIPTS_MAX)
    receipts: dict[tuple[str, str], list[SuggestionRow]] = defaultdict(list)
    for row in await db.scalars(query):
        receipts[row.group, row.tag].append(row)
    tags = [
        ContactTag(
            class_name=rows[0].class_name,
            group=group,
            tag=tag,
            score=max(row.score for row in rows),
            state=next((row.state for row in rows if row.state != "suggested"), "suggested"),
            receipts=tuple(rows),
        )
        for (group, tag), rows in receipts.items()
    ]
    return sorted(tags, key=lambda t: (t.state in {"rejected", "removed"}, -t.score, t.group, t.tag))


async def accept(db: AsyncSession, which: int | tuple[str, str, str], *, by: str, now: datetime) -> Decision:
    """A person says the tag is right: applied from now on. ``which``: suggestion id or (contact, group, tag)."""
    return await _decide(db, which, by=by, now=now, refuse=False)


async def reject(db: AsyncSession, which: int | tuple[str, str, str], *, by: str, now: datetime) -> Decision:
    """A person says the tag is wrong: it is never proposed for this contact again.

    ``which``: a suggestion's id or (external_userid, group, tag). Raises SuggestionMissing. When the
    decision ``was_applied``, the caller takes the tag off in WeCom.
    """
    return await _decide(db, which, by=by, now=now, refuse=True)


async def latest_of_rule(db: AsyncSession, rule_id: str, *, limit: int = 20) -> list[SuggestionRow]:
    """A rule's newest suggestions."""
    query = select(SuggestionRow).where(SuggestionRow.rule_id == rule_id)
    query = query.order_by(SuggestionRow.created_at.desc(), SuggestionRow.id.desc()).limit(limit)
    return list(await db.scalars(query))


async def _decide(
    db: AsyncSession, which: int | tuple[str, str, str], *, by: str, now: datetime, refuse: bool
) -> Decision:
    key = await _key(db, which)
    external_userid, group, tag = key
    mine = (
        (SuggestionRow.external_userid == external_userid) & (SuggestionRow.group == group) & (SuggestionRow.tag == tag)
    )
    newest = select(SuggestionRow).where(mine).order_by(SuggestionRow.created_at.desc(), SuggestionRow.id.desc())
    rows = list(await db.scalars(newest))
    if not rows:
        raise SuggestionMissing(*key)
    was_applied = any(row.state == "applied" for row in rows)
    state = ("removed" if was_applied else "rejected") if refuse else "applied"
    await db.execute(update(SuggestionRow).where(mine).values(state=state, decided_by=by, decided_at=now))
    return Decision(external_userid, rows[0].userid, group, tag, state, was_applied)


async def _key(db: AsyncSession, which: int | tuple[str, str, str]) -> tuple[str, str, str]:
    if isinstance(which, tuple):
        return which
    row = await db.get(SuggestionRow, which)
    if row is None:
        raise SuggestionMissing(str(which))
    return row.external_userid, row.group, row.tag


async def _decided(db: AsyncSession, contacts: set[str]) -> dict[tuple[str, str, str], str]:
    """(contact, group, tag) → its decided state, for those that have one."""
    query = (
        select(SuggestionRow.external_userid, SuggestionRow.group, SuggestionRow.tag, SuggestionRow.state)
        .where(SuggestionRow.external_userid.in_(contacts), SuggestionRow.state != "suggested")
        .distinct()
    )
    return {(contact, group, tag): state for contact, group, tag, state in await db.execute(query)}


async def _insert(db: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    make_insert: Any = sqlite.insert if db.get_bind().dialect.name == "sqlite" else postgresql.insert
    statement = make_insert(SuggestionRow).on_conflict_do_nothing(index_elements=_ONCE)
    for first in range(0, len(rows), BATCH_MAX):
        await db.execute(statement, rows[first : first + BATCH_MAX])


def _values(item: Recording, suggestion: Suggestion, *, state: str, now: datetime) -> dict[str, Any]:
    applied = state == "applied"
    return {
        "external_userid": item.external_userid,
        "userid": item.userid,
        "class_name": suggestion.class_name,
        "group": suggestion.group,
        "tag": suggestion.tag,
        "rule_id": suggestion.evidence[0].rule_id,
        "score": suggestion.score,
        "mode": suggestion.mode,
        "evidence": [asdict(evidence) for evidence in suggestion.evidence],
        "message_key": item.message_key,
        "library_version": item.library_version,
        "state": state,
        "created_at": now,
        "decided_by": AUTOMATIC if applied else None,
        "decided_at": now if applied else None,
    }
