"""What the pages show of a flag: the lines around it, and in words why it was flagged."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from compliance.categories import CATEGORY_OF, FOLD_NAMES, SEVERITY_NAMES, Role
from compliance.scan import Hit
from compliance.store import VERDICT_NAMES
from compliance.tables import Flag

SEVERITY_TONES = {"high": "bad", "medium": "warn", "low": "info"}
VERDICT_TONES = {"violation": "bad", "not_violation": "good", "unclear": "warn"}


@dataclass(frozen=True, slots=True)
class Line:
    """One message of a conversation, as the bot hands it over."""

    message_key: str
    at: datetime
    speaker_name: str
    role: Role
    text: str


ContextLines = Callable[[AsyncSession, str], Awaitable[Sequence[Line]]]
"""Given a message key: up to ten lines around it, oldest first, the message among them; empty when it is gone."""


@dataclass(frozen=True, slots=True)
class ConversationLine:
    """A line for the kit's ``conversation`` macro."""

    key: str
    side: str
    speaker: str
    at: datetime
    text: str
    spans: tuple[tuple[int, int], ...] = ()
    note: str = ""


def conversation(lines: Iterable[Line], flags: Sequence[Flag]) -> list[ConversationLine]:
    """Mark in each line what was flagged in it. ``flags`` are those of the flagged message."""
    shown = []
    for line in lines:
        here = [flag for flag in flags if flag.message_key == line.message_key]
        spans = tuple((flag.matched_start, flag.matched_end) for flag in here)
        note = "；".join(dict.fromkeys(f"{category_name(f.category)}：{f.reason}" for f in here))
        shown.append(
            ConversationLine(line.message_key, line.role, line.speaker_name, line.at, line.text, spans, note=note)
        )
    return shown


def matched_text(flag: Flag, lines: Iterable[Line]) -> str:
    """The flagged words as written; empty when the message is no longer kept."""
    for line in lines:
        if line.message_key == flag.message_key:
            return line.text[flag.matched_start : flag.matched_end]
    return ""


def category_name(category: str) -> str:
    known = CATEGORY_OF.get(category)
    return known.name if known else category


def severity_name(severity: str) -> str:
    return next((name for key, name in SEVERITY_NAMES.items() if key == severity), severity)


def fold_names(how: Iterable[str]) -> str:
    """What the writer changed, as a sentence: 繁体字、字间夹了空格、符号或表情."""
    return "、".join(FOLD_NAMES.get(fold, fold) for fold in how) or "原样写出"


def explain(hit: Hit | Flag) -> str:
    """Why this was flagged, in one sentence."""
    return f"命中「{category_name(hit.category)}」词条「{hit.word}」，写法：{fold_names(hit.how)}。{hit.reason}。"


def verdict_name(verdict: str | None) -> str:
    return VERDICT_NAMES.get(verdict or "", "待判定")
