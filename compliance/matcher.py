"""A lexicon compiled for one role: the strings to look for in each stream and what each stands for. Pure.

Everything that can be decided before a message arrives is decided here: spellings, pinyin, initials and
split characters become strings of their own, so a message costs one automaton pass per stream.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import ahocorasick_rs
import pypinyin

from compliance.categories import Role
from compliance.lexicon import Allowed, Entry, Lexicon, template_parts
from compliance.split_characters import SPLIT
from compliance.streams import collapse, folded_of, letters_of
from kernel.text import HAN_FIRST, HAN_LAST, syllable_code, to_syllables

ROOM_LENGTH = {"": 0, "*": 4, "…": 16}  # most characters between the parts of a template
PINYIN_MIXED_MAX = 5  # up to this many Han characters, any of them may be the one written in pinyin
SYLLABLE_LENGTH_MAX = 6  # zhuang
COLLAPSED_MIN = 3  # a word with doubled characters is also sought without them when this much is left


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """One string of an automaton. ``needs`` names the folds its finding implies."""

    entry: Entry
    needs: tuple[str, ...] = ()
    parts: tuple[dict[str, str], ...] = ()  # of a template: as the stream has it → as the entry has it
    rooms: tuple[str, ...] = ()  # before each part: "", "*" or "…"
    whole: re.Pattern[str] | None = None  # the template without regard to punctuation

    def fits(self, text: str) -> bool:
        """A cheap look: False means that the template cannot stand in this stream."""
        return self.whole is not None and self.whole.search(text) is not None


@dataclass(frozen=True, slots=True)
class Automaton:
    """All strings of one stream; ``owners[i]`` are the patterns that wait for string i."""

    search: ahocorasick_rs.AhoCorasick
    owners: tuple[tuple[Pattern, ...], ...]

    def find(self, text: str) -> list[tuple[int, int, int]]:
        """Every overlapping occurrence: (index into owners, start, end)."""
        found: list[tuple[int, int, int]] = self.search.find_matches_as_indexes(text, overlapping=True)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Matcher:
    """The automatons by stream; None where the lexicon has nothing to seek there."""

    letters: Automaton | None
    sounds: Automaton | None
    symbols: Automaton | None
    collapsed: Automaton | None
    allowed: dict[str, tuple[str, ...]]  # category → letters of its allowed words, longest first


@lru_cache(maxsize=16)
def matcher_for(lexicon: Lexicon, role: Role) -> Matcher:
    """Compile the entries that apply to ``role``. Kept for the last lexicons used."""
    letters: list[tuple[str, Pattern]] = []
    sounds: list[tuple[str, Pattern]] = []
    symbols: list[tuple[str, Pattern]] = []
    collapsed: list[tuple[str, Pattern]] = []
    for entry in lexicon.entries:
        if role not in entry.roles:
            continue
        if entry.is_template:
            letters += _template(entry, phonetic=False)
            sounds += _template(entry, phonetic=True) if entry.phonetic else []
            continue
        for number, spelling in enumerate((entry.word, *entry.spellings)):
            needs = ("spelling",) if number else ()
            written = letters_of(spelling)
            folded = folded_of(spelling)
            if folded != written:  # it has signs of its own, or shrinks: only as written
                symbols.append((folded, Pattern(entry, needs)))
                continue
            letters.append((written, Pattern(entry, needs)))
            once = collapse(written)
            if once == written or len(once) >= COLLAPSED_MIN:
                collapsed.append((once, Pattern(entry, (*needs, "repeats"))))
        letters += _by_letters(entry)
        sounds += _by_sound(entry)
    return Matcher(
        letters=_automaton(letters),
        sounds=_automaton(sounds),
        symbols=_automaton(symbols),
        collapsed=_automaton(collapsed),
        allowed=_allowed(lexicon.allowed),
    )


def syllable_of(char: str) -> str | None:
    """The toneless pinyin of a Han character by the kernel's table, for example ``wei``."""
    read = pypinyin.lazy_pinyin(char, errors="ignore", v_to_u=False)
    return read[0] if read else None


def is_pinyin(letters: str) -> bool:
    """True when Latin letters are nothing but whole syllables, one after another (or nothing at all)."""
    reachable = {0}
    for end in range(1, len(letters) + 1):
        starts = (start for start in range(max(0, end - SYLLABLE_LENGTH_MAX), end) if start in reachable)
        if any(syllable_code(letters[start:end]) for start in starts):
            reachable.add(end)
    return len(letters) in reachable


def is_han(char: str) -> bool:
    return HAN_FIRST <= ord(char) <= HAN_LAST


def _automaton(patterns: Iterable[tuple[str, Pattern]]) -> Automaton | None:
    owners: dict[str, dict[Pattern, None]] = {}
    for text, pattern in patterns:
        if text:
            owners.setdefault(text, {})[pattern] = None
    if not owners:
        return None
    search = ahocorasick_rs.AhoCorasick(list(owners), implementation=ahocorasick_rs.Implementation.ContiguousNFA)
    return Automaton(search, tuple(tuple(waiting) for waiting in owners.values()))


def _by_letters(entry: Entry) -> Iterator[tuple[str, Pattern]]:
    """Initials and split characters: other letters for the same word."""
    word = letters_of(entry.word)
    if entry.initials and len(word) > 1:
        syllables = [syllable_of(c) if is_han(c) else c for c in word]
        if all(syllables):
            yield "".join(s[0] for s in syllables if s), Pattern(entry, ("initials",))
    if entry.split:
        at_all = [at for at, char in enumerate(word) if char in SPLIT]
        for chosen in [*({at} for at in at_all), set(at_all)]:
            text = "".join(SPLIT[c] if at in chosen else c for at, c in enumerate(word))
            if text != word:
                yield text, Pattern(entry, ("split",))


def _by_sound(entry: Entry) -> Iterator[tuple[str, Pattern]]:
    """Homophones and pinyin, as strings of syllable codes and Latin letters."""
    word = letters_of(entry.word)
    codes = to_syllables(word)
    if entry.phonetic:
        yield codes, Pattern(entry, ("homophone",))
    if not entry.pinyin:
        return
    latin = [syllable_of(c) if is_han(c) else None for c in word]
    readable = [at for at, syllable in enumerate(latin) if syllable]
    few = len(readable) <= PINYIN_MIXED_MAX
    choices = [set(bits) for bits in _subsets(readable)] if few else [set(readable)]
    for chosen in choices:
        text = "".join((latin[at] or code) if at in chosen else code for at, code in enumerate(codes))
        yield text, Pattern(entry, ("pinyin",))


def _subsets(items: list[int]) -> Iterator[list[int]]:
    for bits in product((False, True), repeat=len(items)):
        if any(bits):
            yield [item for item, bit in zip(items, bits, strict=True) if bit]


def _template(entry: Entry, *, phonetic: bool) -> Iterator[tuple[str, Pattern]]:
    def written(word: str) -> str:
        return to_syllables(letters_of(word)) if phonetic else letters_of(word)

    parts = template_parts(entry.word)
    spelled = tuple({written(word): word for word in part.words} for part in parts)
    choices = ["|".join(map(re.escape, sorted(words, key=len, reverse=True))) for words in spelled]
    whole = "".join(f".{{0,{ROOM_LENGTH[part.room]}}}(?:{c})" for part, c in zip(parts, choices, strict=True))
    pattern = Pattern(
        entry,
        ("homophone",) if phonetic else (),
        parts=spelled,
        rooms=tuple(part.room for part in parts),
        whole=re.compile(whole),
    )
    anchor = max(parts, key=lambda part: (min(map(len, part.words)), -len(part.words)))
    for word in anchor.words:
        yield written(word), pattern


def _allowed(words: Iterable[Allowed]) -> dict[str, tuple[str, ...]]:
    by_category: dict[str, set[str]] = {}
    for allowed in words:
        by_category.setdefault(allowed.category, set()).add(letters_of(allowed.word))
    return {category: tuple(sorted(found, key=lambda w: (-len(w), w))) for category, found in by_category.items()}
