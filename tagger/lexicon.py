"""Find where a library's keywords stand: one pass whatever its size, a second one by sound. Pure.

Built once from rules, used for every message. The exact pass sees every occurrence; the other passes
run when the message could hold something for them: spaced out (敏 感 肌), by sound (敏感机), in pinyin
letters (min gan ji, 敏gan肌).
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final, NamedTuple

import ahocorasick_rs

from kernel.text import HAN_FIRST, HAN_LAST
from tagger.fuzzy import judge_sound, loose_sounds, spell, spellings
from tagger.rules import GAP_MAX, TagRule, parts_of
from tagger.words import find_near, is_other_word

SOUND_LENGTH_MIN: Final = 3  # shorter keywords must opt in
PINYIN_LETTERS_MIN: Final = 6

_HAN = "\u4e00-\u9fff"
_SPACED = re.compile(rf"[{_HAN}][^\w,。!?;:、\n]{{1,3}}[{_HAN}]")
_LETTERS = re.compile(r"[a-z]{2,}")
_CLAUSE_END, _SENTENCE_END = re.compile(r"[,。!?;\n]"), re.compile(r"[。!?;\n]")
_JOINABLE = re.compile(r"[^\w,。!?;:、\n]")


class RawHit(NamedTuple):
    """A keyword of ``rules[rule]`` at ``[start, end)`` of the folded text; ``factor`` scales its weight."""

    rule: int
    keyword: str
    start: int
    end: int
    how: tuple[str, ...] = ()
    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class _Use:
    """A pattern's role: part ``part`` of ``parts`` of a rule's keyword. ``slot`` counts parts of keywords with gaps."""

    rule: int
    keyword: str
    text: str  # the part, folded
    part: int
    parts: int
    slot: int


class _Index:
    """Patterns in one automaton and, for each, who wants it."""

    def __init__(self, uses: Mapping[str, Sequence[_Use]]) -> None:
        self.patterns = sorted(uses)
        self.uses = [tuple(uses[pattern]) for pattern in self.patterns]
        self.ascii = [_is_ascii_word(pattern[0]) or _is_ascii_word(pattern[-1]) for pattern in self.patterns]
        self._automaton = ahocorasick_rs.AhoCorasick(self.patterns) if self.patterns else None

    @property
    def find(self) -> Callable[[str], list[tuple[int, int, int]]]:
        """(pattern number, start, end) of every occurrence, overlapping ones too."""
        if self._automaton is None:
            return lambda _text: []
        find = self._automaton.find_matches_as_indexes
        return lambda text: find(text, overlapping=True)


class Lexicon:
    """All passes over one library's keywords."""

    def __init__(self, rules: Sequence[TagRule]) -> None:
        self._rules = rules
        exact: dict[str, list[_Use]] = defaultdict(list)
        sounds: dict[str, list[_Use]] = defaultdict(list)
        letters: dict[str, list[_Use]] = defaultdict(list)
        slot = 0
        for number, rule in enumerate(rules):
            for keyword in rule.keywords:
                parts = parts_of(keyword)
                for part, text in enumerate(parts):
                    exact[text].append(_Use(number, keyword, text, part, len(parts), slot))
                    slot += 1
                if len(parts) > 1 or rule.phonetic == "off" or not _is_han(parts[0]):
                    continue
                use = _Use(number, keyword, parts[0], 0, 1, slot)
                if len(parts[0]) >= SOUND_LENGTH_MIN or rule.phonetic == "on":
                    sounds[loose_sounds(parts[0])].append(use)
                pinyin = "".join(map(spell, parts[0]))
                if len(pinyin) >= PINYIN_LETTERS_MIN:
                    letters[pinyin].append(use)
        self._exact, self._sounds, self._letters = _Index(exact), _Index(sounds), _Index(letters)
        self._find_exact, self._find_sounds = self._exact.find, self._sounds.find
        self._find_letters = self._letters.find

    def find(self, text: str) -> list[RawHit]:
        """Every place in a folded text where a keyword stands, in any of the ways above."""
        hits: list[RawHit] = []
        matches_exact = self._find_exact(text)
        if matches_exact:
            hits += self._exact_hits(text, matches_exact)
        matches = self._find_sounds(loose_sounds(text))
        if matches:
            hits += self._sound_hits(text, matches)
        if _SPACED.search(text):
            hits += self._spaced_hits(text, len(matches_exact))
        if any(map(_is_pinyin, _LETTERS.findall(text))):
            hits += self._letter_hits(text)
        return hits

    def _exact_hits(self, text: str, matches: Iterable[tuple[int, int, int]]) -> list[RawHit]:
        hits: list[RawHit] = []
        parts: dict[int, list[tuple[int, int]]] = {}  # slot → where that part stands
        for pattern, start, end in matches:
            if self._exact.ascii[pattern] and not _has_ascii_borders(text, start, end):
                continue
            for use in self._exact.uses[pattern]:
                if use.parts == 1:
                    hits.append(RawHit(use.rule, use.keyword, start, end))
                elif use.part == 0 or use.slot - 1 in parts:  # matches come in the order of the text
                    parts.setdefault(use.slot, []).append((start, end))
                    if use.part == use.parts - 1:
                        hits += _join_parts(text, use, parts)
        return hits

    def _sound_hits(self, text: str, matches: Iterable[tuple[int, int, int]]) -> list[RawHit]:
        hits: list[RawHit] = []
        for pattern, start, end in matches:
            written = text[start:end]
            for use in self._sounds.uses[pattern]:
                if written == use.text or is_other_word(text, start, end, use.text):
                    continue
                near = find_near(text, start, end, self._rules[use.rule].context_sound)
                factor = judge_sound(use.text, written, has_context=bool(near))
                if factor is not None:
                    hits.append(RawHit(use.rule, use.keyword, start, end, ("同音",), factor))
        return hits

    def _spaced_hits(self, text: str, count: int) -> list[RawHit]:
        """``count``: how many matches the text has as it stands; without more, nothing was spaced out."""
        matches = self._find_exact(_JOINABLE.sub("", text))
        if len(matches) <= count:
            return []
        origins = [at for at, char in enumerate(text) if not _JOINABLE.match(char)]
        hits: list[RawHit] = []
        for pattern, first, last in matches:
            start, end = origins[first], origins[last - 1] + 1
            size = last - first
            gaps = sum(origins[at + 1] - origins[at] > 1 for at in range(first, last - 1))
            lone = (start == 0 or _JOINABLE.match(text[start - 1])) and (
                end == len(text) or _JOINABLE.match(text[end : end + 1]) or text[end] in ",。!?;的"
            )
            if gaps == 0 or (size < SOUND_LENGTH_MIN and not lone) or (gaps < size - 1 and gaps > 1):
                continue
            hits += [
                RawHit(use.rule, use.keyword, start, end, ("去掉间隔",), 0.95)
                for use in self._exact.uses[pattern]
                if use.parts == 1
            ]
        return hits

    def _letter_hits(self, text: str) -> list[RawHit]:
        letters: list[str] = []
        origins: list[int] = []
        borders: set[int] = set()  # positions in letters where a syllable of a Han character or a run starts
        for at, char in enumerate(text):
            if char.isspace() or char in "'-":
                borders.add(len(letters))
                continue
            pinyin = spell(char) if HAN_FIRST <= ord(char) <= HAN_LAST else char
            if not ("a" <= char <= "z" and at > 0 and "a" <= text[at - 1] <= "z"):
                borders.add(len(letters))
            letters += pinyin or "|"
            origins += [at] * max(1, len(pinyin))
        borders.add(len(letters))
        hits: list[RawHit] = []
        for pattern, first, last in self._find_letters("".join(letters)):
            start, end = origins[first], origins[last - 1] + 1
            if first in borders and last in borders and _LETTERS.search(text[start:end]):
                hits += [
                    RawHit(use.rule, use.keyword, start, end, ("拼音",), 0.9) for use in self._letters.uses[pattern]
                ]
        return hits


@cache
def _syllables() -> re.Pattern[str]:
    return re.compile(f"(?:{'|'.join(sorted(set(spellings().values()), key=len, reverse=True))})+")


@lru_cache(maxsize=10_000)
def _is_pinyin(letters: str) -> bool:
    """Could these letters be typed syllables? order and http cannot."""
    return _syllables().fullmatch(letters) is not None


def _is_han(text: str) -> bool:
    return all(HAN_FIRST <= ord(char) <= HAN_LAST for char in text)


def _join_parts(text: str, use: _Use, parts: Mapping[int, list[tuple[int, int]]]) -> list[RawHit]:
    """The keyword with gaps that ends with the last part just found: nearest parts backwards, or nothing."""
    start, end = parts[use.slot][-1]
    for back in range(1, use.part + 1):
        earlier = reversed(parts[use.slot - back])
        near = next((span for span in earlier if span[1] <= start), None)
        if near is None or start - near[1] > GAP_MAX:
            return []
        lone = min(near[1] - near[0], end - start) == 1  # a single character reaches to the comma only
        if (_CLAUSE_END if lone else _SENTENCE_END).search(text, near[1], start):
            return []
        start = near[0]
    return [RawHit(use.rule, use.keyword, start, end)]


def _has_ascii_borders(text: str, start: int, end: int) -> bool:
    """A word of letters or digits must not stand inside a longer one (``der`` in ``order``)."""
    inside_before = start > 0 and _is_ascii_word(text[start]) and _is_ascii_word(text[start - 1])
    return not inside_before and not (end < len(text) and _is_ascii_word(text[end - 1]) and _is_ascii_word(text[end]))


def _is_ascii_word(char: str) -> bool:
    return char.isascii() and char.isalnum()
