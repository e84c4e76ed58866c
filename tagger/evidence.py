"""What the engine answers: a suggestion with its receipts, or a near miss with its reason. Pure."""

from dataclasses import dataclass
from typing import Literal

from tagger.rules import Mode

Reason = Literal[
    "excluded", "border", "longer", "speaker", "context", "negated", "other_person", "quoted", "question", "low_score"
]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One keyword found: ``matched == text[start:end]`` of the message as written."""

    rule_id: str
    keyword: str
    matched: str
    start: int
    end: int
    weight: float
    how: tuple[str, ...] = ()  # foldings and context that led here, in Chinese


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A tag worth proposing. ``mode`` is ``auto`` only when automatic rules alone reach the score."""

    group: str
    tag: str
    class_name: str
    score: float
    mode: Mode
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A keyword that was found but did not count, and why."""

    rule_id: str
    group: str
    tag: str
    keyword: str
    matched: str
    start: int
    end: int
    reason: Reason
    detail: str  # Chinese, for the person who tries the rule
