"""Read and write rules: the library in the database, its versions, and a cache of its compiled form.

Functions take a session and never commit. Saving a rule adds one to the library's version in the same
transaction, so whoever compiled an older version finds out with one small SELECT.
"""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from kernel.database import insert_once
from tagger.engine import Library, compile_library
from tagger.errors import RuleChanged
from tagger.rules import TagRule, format_rule, parse_rule
from tagger.shipped import shipped_rules
from tagger.tables import LibraryVersionRow, RuleRow, RuleVersionRow, SuggestionRow

SHIPPED_BY: Final = "小二内置"
_ONLY = 1  # the counter's row


async def seed_shipped_rules(db: AsyncSession, *, now: datetime) -> int:
    """Add the shipped rules whose ids are not there yet; returns how many. Edited rules stay as they are."""
    known = set(await db.scalars(select(RuleVersionRow.rule_id).distinct()))  # deleted rules stay deleted
    fresh = [rule for rule in shipped_rules() if rule.rule_id not in known]
    if fresh:
        await add_rules(db, fresh, by=SHIPPED_BY, now=now)
    return len(fresh)


async def add_rules(db: AsyncSession, rules: Iterable[TagRule], *, by: str, now: datetime) -> None:
    """Add rules with new ids."""
    for rule in rules:
        db.add(_row(rule, version=1, by=by, now=now))
        db.add(_version_row(rule, version=1, by=by, now=now))
    await db.flush()
    await _count_up(db)


async def list_rules(db: AsyncSession) -> list[RuleRow]:
    return list(await db.scalars(select(RuleRow).order_by(RuleRow.rule_id)))


async def get_rule(db: AsyncSession, rule_id: str) -> RuleRow | None:
    return await db.get(RuleRow, rule_id)


async def save_rule(
    db: AsyncSession, rule: TagRule, *, by: str, now: datetime, expected_version: int | None = None
) -> int:
    """Save a new or changed rule; returns its version.

    With ``expected_version`` (0 for a new rule) raises RuleChanged when somebody else saved in between.
    """
    newest = await db.scalar(select(func.max(RuleVersionRow.version)).where(RuleVersionRow.rule_id == rule.rule_id))
    row = await db.get(RuleRow, rule.rule_id, with_for_update=True)
    current = row.version if row else 0
    if expected_version is not None and expected_version != current:
        raise RuleChanged(rule.rule_id, saved_by=row.updated_by if row else "")
    version = (newest or 0) + 1
    await db.merge(_row(rule, version=version, by=by, now=now))
    db.add(_version_row(rule, version=version, by=by, now=now))
    await db.flush()
    await _count_up(db)
    return version


async def delete_rule(db: AsyncSession, rule_id: str) -> bool:
    """Take a rule out of the library. Its versions and what it suggested stay for explanation."""
    gone = await db.execute(delete(RuleRow).where(RuleRow.rule_id == rule_id).returning(RuleRow.rule_id))
    if gone.first() is None:
        return False
    await _count_up(db)
    return True


async def library_version(db: AsyncSession) -> int:
    """The counter; 0 before the first rule."""
    return await db.scalar(select(LibraryVersionRow.version).where(LibraryVersionRow.id == _ONLY)) or 0


async def load_library(db: AsyncSession) -> Library:
    """Compile the enabled rules as they are in the database now."""
    version = await library_version(db)
    contents = await db.scalars(select(RuleRow.content).where(RuleRow.enabled, RuleRow.mode != "off"))
    rules = [parse_rule(content) for content in contents]
    return await asyncio.to_thread(compile_library, rules, version=version)  # a large one takes a second


class LibraryCache:
    """The compiled library, compiled again only when its version in the database changed."""

    def __init__(self) -> None:
        self._library: Library | None = None

    async def get(self, db: AsyncSession) -> Library:
        if self._library is None or self._library.version != await library_version(db):
            self._library = await load_library(db)
        return self._library


async def count_suggestions(db: AsyncSession, *, since: datetime) -> dict[str, dict[str, int]]:
    """Rule id → state → number of suggestions since a moment."""
    found = await db.execute(
        select(SuggestionRow.rule_id, SuggestionRow.state, func.count())
        .where(SuggestionRow.created_at >= since)
        .group_by(SuggestionRow.rule_id, SuggestionRow.state)
    )
    counts: dict[str, dict[str, int]] = {}
    for rule_id, state, number in found:
        counts.setdefault(rule_id, {})[state] = number
    return counts


def _row(rule: TagRule, *, version: int, by: str, now: datetime) -> RuleRow:
    return RuleRow(
        rule_id=rule.rule_id,
        version=version,
        content=format_rule(rule),
        mode=rule.mode,
        enabled=rule.mode != "off",
        updated_by=by,
        updated_at=now,
    )


def _version_row(rule: TagRule, *, version: int, by: str, now: datetime) -> RuleVersionRow:
    return RuleVersionRow(rule_id=rule.rule_id, version=version, content=format_rule(rule), saved_by=by, saved_at=now)


async def _count_up(db: AsyncSession) -> None:
    first = await insert_once(db, LibraryVersionRow, {"id": _ONLY, "version": 1}, unique=("id",))
    if not first:
        await db.execute(
            update(LibraryVersionRow).where(LibraryVersionRow.id == _ONLY).values(version=LibraryVersionRow.version + 1)
        )
