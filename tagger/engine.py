"""Suggest tags for one message, with a receipt for each. Pure: no clock, no database, no network.

A hit of a keyword passes, in this order: exclusions, word border, longer keywords of the same class,
speaker, context, negation, person, quotation, question. What falls out is a near miss with its reason.
Each keyword counts once; independent evidence adds up as 1 - prod(1 - weight) (noisy-OR; Pearl 1988).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Final

from kernel.text import Folded, fold
from tagger import scope
from tagger.errors import TextTooLong
from tagger.evidence import Evidence, NearMiss, Reason, Suggestion
from tagger.lexicon import Lexicon, RawHit
from tagger.rules import SCORE_MIN, Mode, TagRule, parts_of
from tagger.words import (
    WHOLE_WORD_LENGTH,
    Word,
    broken_border,
    cover_words,
    find_containing,
    find_near,
    find_overlapping,
)

TEXT_MAX: Final = 4_000  # code points; anything longer is refused, not cut
QUESTION_FACTOR: Final = 0.5


@dataclass(frozen=True, slots=True)
class _Words:
    """A rule's word lists, folded once."""

    context: tuple[str, ...]
    exclusions: Mapping[str, tuple[str, ...]]  # keyword → words that contain it and silence the hit inside them
    forbidden: tuple[str, ...]  # silence the hit when near


@dataclass(frozen=True, slots=True)
class Library:
    """Rules compiled for matching. Build with ``compile_library``; equal rules give equal answers."""

    rules: tuple[TagRule, ...]
    version: int
    score_min: float
    lexicon: Lexicon
    words: tuple[_Words, ...]
    by_id: Mapping[str, TagRule]


def compile_library(rules: Iterable[TagRule], *, version: int = 0, score_min: float = SCORE_MIN) -> Library:
    """Compile rules; those with mode ``off`` are left out. The order of ``rules`` is irrelevant."""
    active = tuple(sorted((r for r in rules if r.mode != "off"), key=lambda r: r.rule_id))
    folded = tuple(_fold_words(rule) for rule in active)
    sounding = [replace(rule, context_sound=tuple(fold(w).text for w in rule.context_sound)) for rule in active]
    return Library(active, version, score_min, Lexicon(sounding), folded, {r.rule_id: r for r in active})


def suggest(text: str, library: Library, *, speaker: str) -> list[Suggestion]:
    """Return tags worth proposing, strongest first; equal input gives equal output.

    ``speaker`` is ``customer`` or ``staff``. Spans are half-open code-point offsets into ``text``.
    Raises TextTooLong above TEXT_MAX.
    """
    return _judge(text, library, speaker)[0]


def explain_near_misses(text: str, library: Library, speaker: str) -> list[NearMiss]:
    """Why keywords that stand in ``text`` did not count, in the order of the text."""
    return _judge(text, library, speaker)[1]


def _judge(text: str, library: Library, speaker: str) -> tuple[list[Suggestion], list[NearMiss]]:
    if len(text) > TEXT_MAX:
        raise TextTooLong(length=len(text), length_max=TEXT_MAX)
    hits = library.lexicon.find(text.translate(_FOLD))
    if not hits:
        return [], []
    message = _Message(fold(text), library, speaker)
    return message.judge(sorted(set(hits), key=lambda h: (h.start, -h.end, h.rule, h.keyword, h.how)))


class _FoldTable(dict[int, str]):
    """``kernel.text.fold`` character by character, for texts whose offsets nobody will ask for."""

    def __missing__(self, code: int) -> str:
        self[code] = fold(chr(code)).text
        return self[code]


_FOLD = _FoldTable()


class _Message:
    """One text on its way through the questions of the module's docstring."""

    def __init__(self, folded: Folded, library: Library, speaker: str) -> None:
        self.folded, self.library, self.speaker = folded, library, speaker
        self.text = folded.text
        self.service = scope.sounds_like_service(self.text) if speaker == "customer" else ""
        self.misses: list[NearMiss] = []
        self.negated: list[tuple[int, int]] = []
        self.cover: list[Word] | None = None

    def judge(self, hits: Sequence[RawHit]) -> tuple[list[Suggestion], list[NearMiss]]:
        standing = self._drop_shorter([hit for hit in hits if self._stands(hit)])
        found: dict[tuple[str, str], dict[str, Evidence]] = defaultdict(dict)
        for hit in standing:
            evidence = self._weigh(hit)
            if evidence is None:
                continue
            rule = self.library.rules[hit.rule]
            kept = found[rule.group, rule.tag].get(hit.keyword)
            if kept is None or evidence.weight > kept.weight:
                found[rule.group, rule.tag][hit.keyword] = evidence
        suggestions = [s for key, kept in found.items() if (s := self._propose(key, list(kept.values())))]
        suggestions.sort(key=lambda s: (-s.score, s.group, s.tag))
        return suggestions, sorted(self.misses, key=lambda m: (m.start, m.end, m.rule_id, m.keyword, m.reason))

    def _stands(self, hit: RawHit) -> bool:
        """Is the keyword really there, as a word of its own?"""
        words = self.library.words[hit.rule]
        excluded = find_containing(self.text, hit.start, hit.end, words.exclusions.get(hit.keyword, ()))
        if excluded:
            return self._miss(hit, "excluded", f"它是「{excluded}」的一部分，这个词已排除")
        if not hit.how and hit.end - hit.start <= WHOLE_WORD_LENGTH:
            across = self._word_across(hit)
            if across:
                return self._miss(hit, "border", f"这里读作「{across}」，词的边界不对")
        return True

    def _word_across(self, hit: RawHit) -> str:
        if self.cover is None:  # cut into words once, and only for a message that asks
            self.cover = cover_words(self.text)
        return broken_border(self.cover, hit.start, hit.end)

    def _drop_shorter(self, hits: Sequence[RawHit]) -> list[RawHit]:
        """Longest wins inside a class: 混油皮 hides the 油皮 in it."""
        kept = []
        widest: dict[str, RawHit] = {}  # class → the hit that reaches furthest; hits come by start, longest first
        for hit in hits:
            name = self.library.rules[hit.rule].class_name
            longer = widest.get(name)
            if longer is None or longer.end < hit.end:
                widest[name] = hit
                kept.append(hit)
            elif (longer.start, longer.end) == (hit.start, hit.end):
                kept.append(hit)
            elif longer.rule != hit.rule:
                self._miss(hit, "longer", f"更长的「{longer.keyword}」优先")
        return kept

    def _weigh(self, hit: RawHit) -> Evidence | None:
        """The evidence a hit is worth, or None after noting why it is worth nothing."""
        rule, words = self.library.rules[hit.rule], self.library.words[hit.rule]
        refusal = self._refusal(hit, rule, words)
        if refusal is not None:
            self._miss(hit, *refusal)
            return None
        weight, how = rule.weight * hit.factor, list(hit.how)
        near = find_near(self.text, hit.start, hit.end, words.context)
        if near:
            how.append(f"附近有「{near}」")
        if rule.question == "weaker" and self._asked(hit):
            weight *= QUESTION_FACTOR
            how.append("问句减半")
        if rule.question == "unless_if" and scope.is_hypothetical(self.text, hit.start, hit.end):
            weight *= QUESTION_FACTOR
            how.append("假设减半")
        start, end = self.folded.span(hit.start, hit.end)
        matched = self.folded.original[start:end]
        if not hit.how and matched != self.text[hit.start : hit.end]:
            how.insert(0, "写法归一")
        return Evidence(rule.rule_id, hit.keyword, matched, start, end, round(weight, 4), tuple(how))

    def _refusal(self, hit: RawHit, rule: TagRule, words: _Words) -> tuple[Reason, str] | None:
        return (
            self._refuse_speaker(rule)
            or self._refuse_surroundings(hit, words)
            or self._refuse_negated(hit, rule)
            or self._refuse_other_person(hit, rule)
            or self._refuse_question(hit, rule)
        )

    def _refuse_speaker(self, rule: TagRule) -> tuple[Reason, str] | None:
        if rule.speaker not in {"either", self.speaker}:
            return "speaker", "只算客户说的话" if rule.speaker == "customer" else "只算员工说的话"
        if self.service and rule.speaker == "customer":
            return "speaker", f"「{self.service}」像是客服的话术"
        return None

    def _refuse_surroundings(self, hit: RawHit, words: _Words) -> tuple[Reason, str] | None:
        forbidden = find_overlapping(self.text, hit.start, hit.end, words.forbidden)
        if forbidden:
            return "excluded", f"附近有排除词「{forbidden}」"
        if words.context and not find_near(self.text, hit.start, hit.end, words.context):
            return "context", "附近没有需要的词"
        return None

    def _refuse_negated(self, hit: RawHit, rule: TagRule) -> tuple[Reason, str] | None:
        negator = self._negator(hit) if rule.negation else ""
        return ("negated", f"被「{negator}」否定") if negator else None

    def _refuse_other_person(self, hit: RawHit, rule: TagRule) -> tuple[Reason, str] | None:
        if not rule.about_self:
            return None
        if other := scope.other_person(self.text, hit.start, hit.end):
            return "other_person", f"「{other}」说的是别人"
        if said := scope.quotation(self.text, hit.start, hit.end):
            return "quoted", f"「{said}」是引用的话"
        return None

    def _refuse_question(self, hit: RawHit, rule: TagRule) -> tuple[Reason, str] | None:
        if rule.question == "statement" and self._asked(hit):
            return "question", "这是问句或假设，规则只算陈述"
        if rule.question == "question" and not scope.is_question(self.text, hit.start, hit.end):
            return "question", "这是陈述，规则只算问句"
        return None

    def _negator(self, hit: RawHit) -> str:
        """The negating word, also when it governs an earlier item of the same list or an overlapping keyword."""
        negator = scope.negation(self.text, hit.start, hit.end)
        if not negator and any(
            scope.joins_list(self.text, end, hit.start) or start <= hit.start < end for start, end in self.negated
        ):
            negator = "前面的否定"
        if negator:
            self.negated.append((hit.start, hit.end))
        return negator

    def _asked(self, hit: RawHit) -> bool:
        return scope.is_question(self.text, hit.start, hit.end) or scope.is_hypothetical(self.text, hit.start, hit.end)

    def _propose(self, key: tuple[str, str], evidence: list[Evidence]) -> Suggestion | None:
        by_id = self.library.by_id
        evidence = _independent(evidence)
        score = _noisy_or(e.weight for e in evidence)
        if score < self.library.score_min:
            for item in evidence:
                self.misses.append(
                    NearMiss(
                        item.rule_id, *key, item.keyword, item.matched, item.start, item.end, "low_score",
                        f"分数 {score:.2f} 不到 {self.library.score_min:.2f}",
                    )
                )  # fmt: skip
            return None
        automatic = _noisy_or(e.weight for e in evidence if by_id[e.rule_id].mode == "auto")
        mode: Mode = "auto" if automatic >= self.library.score_min else "suggest"
        return Suggestion(*key, by_id[evidence[0].rule_id].class_name, score, mode, tuple(evidence))

    def _miss(self, hit: RawHit, reason: Reason, detail: str) -> bool:
        rule = self.library.rules[hit.rule]
        start, end = self.folded.span(hit.start, hit.end)
        matched = self.folded.original[start:end]
        self.misses.append(
            NearMiss(rule.rule_id, rule.group, rule.tag, hit.keyword, matched, start, end, reason, detail)
        )
        return False


def _noisy_or(weights: Iterable[float]) -> float:
    return round(1 - prod(1 - weight for weight in weights), 4)


def _independent(evidence: Iterable[Evidence]) -> list[Evidence]:
    """Heaviest first; of pieces that overlap only one counts, for they are one observation."""
    kept: list[Evidence] = []
    for item in sorted(evidence, key=lambda e: (-e.weight, e.start - e.end, e.start, e.rule_id, e.keyword)):
        if all(item.end <= other.start or other.end <= item.start for other in kept):
            kept.append(item)
    return kept


def _fold_words(rule: TagRule) -> _Words:
    forbidden = [fold(word).text for word in rule.forbidden]
    exclusions: dict[str, tuple[str, ...]] = {}
    for keyword in rule.keywords:
        parts = parts_of(keyword)
        containing = tuple(word for word in forbidden if any(len(p) > 1 and p in word for p in parts))
        if containing:
            exclusions[keyword] = containing
    containing_any = {word for words in exclusions.values() for word in words}
    return _Words(
        context=tuple(fold(word).text for word in rule.context_any),
        exclusions=exclusions,
        forbidden=tuple(word for word in forbidden if word not in containing_any),
    )
