"""Scan one message: which entries of a lexicon it contains, however they were written. Pure.

A message is translated once into letters and once into syllables; one automaton runs over each. Only
when something is found are positions worked out and each candidate confirmed: borders, the gaps between
its characters, segmentation, context, allowed words.
"""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import rjieba

from compliance.borders import SENTENCE_SIGNS, borders_fit, gaps_are_evasion, is_all, is_pinyin_around
from compliance.categories import SEVERITY_RANK, Role, Severity
from compliance.lexicon import Entry, Lexicon
from compliance.matcher import ROOM_LENGTH, Automaton, Matcher, Pattern, is_han, matcher_for
from compliance.recognisers import may_hold_numbers, recognise
from compliance.streams import (
    Stream,
    collapse,
    collapsed_stream,
    folded_of,
    folded_stream,
    has_repeats,
    letters_of,
    letters_stream,
)
from kernel.text import INVISIBLE, to_syllables

HITS_MAX = 500  # findings of words in one message that are looked at; beyond it is abuse of the scanner
NEAR_LENGTH = 15  # 附近, 除非: characters to each side
TOUCH_LENGTH = 4  # 前无, 后无
CLAUSE_SIGNS = SENTENCE_SIGNS | frozenset("()（）[]【】/\\|、:：")
STOP_SIGNS = frozenset("\n\r")


@dataclass(frozen=True, slots=True)
class Hit:
    """One finding and its evidence. ``matched == text[start:end]``; ``how`` names the folds needed."""

    category: str
    severity: Severity
    word: str  # the entry; of one with alternatives, those that stood here: 加我*微信
    matched: str  # as the person wrote it
    start: int
    end: int
    how: tuple[str, ...]
    reason: str
    entry: str  # id of the lexicon entry, with all alternatives, or of the recogniser


def scan(text: str, lexicon: Lexicon, *, role: Role) -> list[Hit]:
    """Find what ``role`` should not have written, in order of position. Never raises; equal input, equal output."""
    matcher = matcher_for(lexicon, role)
    letters = letters_of(text)
    passes = _passes(text, letters, matcher)
    numbers = lexicon.recognisers and may_hold_numbers(letters)
    if not passes and not numbers:
        return []
    reading = _Reading(text)
    hits = list(islice((hit for found in passes for hit in _confirm_all(found, reading)), HITS_MAX))
    if numbers:
        hits += [
            Hit(f.category, f.severity, f.word, text[start:end], start, end, f.how, f.reason, f.id)
            for f in recognise(reading.folded.text, role)
            for start, end in [reading.folded.span(f.start, f.end)]
        ]
    return _settle([hit for hit in hits if not is_allowed(hit, reading, matcher)])


@dataclass(frozen=True, slots=True)
class _Pass:
    automaton: Automaton
    stream: str  # letters | sounds | symbols | collapsed
    text: str  # of that stream
    found: list[tuple[int, int, int]]


def _passes(text: str, letters: str, matcher: Matcher) -> list[_Pass]:
    """Run each automaton over its stream; only those that found something are returned."""
    passes = []

    def look(automaton: Automaton | None, stream: str, content: str) -> None:
        if automaton and (found := automaton.find(content)):
            passes.append(_Pass(automaton, stream, content, found))

    look(matcher.letters, "letters", letters)
    look(matcher.sounds, "sounds", to_syllables(letters))
    if len(letters) != len(text):
        look(matcher.symbols, "symbols", folded_of(text))
    if has_repeats(letters):
        look(matcher.collapsed, "collapsed", collapse(letters))
    return passes


class _Reading:
    """One message with its streams, worked out when first asked for."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def letters(self) -> Stream:
        return letters_stream(self.text)

    @cached_property
    def folded(self) -> Stream:
        return folded_stream(self.text)

    @cached_property
    def collapsed(self) -> Stream:
        return collapsed_stream(self.letters)

    @cached_property
    def sounds(self) -> Stream:
        return Stream(to_syllables(self.letters.text), self.letters.starts)

    @cached_property
    def borders(self) -> frozenset[int]:
        """Word borders by segmentation, as positions in the original."""
        borders, at = {0}, 0
        for word in rjieba.cut(self.folded.text):
            at += len(word)
            borders.add(self.folded.starts[at] if at < len(self.folded.starts) else len(self.text))
        return frozenset(borders)

    def stream(self, name: str) -> Stream:
        match name:
            case "letters":
                return self.letters
            case "sounds":
                return self.sounds
            case "collapsed":
                return self.collapsed
            case _:
                return self.folded


def _confirm_all(found: _Pass, reading: _Reading) -> Iterator[Hit]:
    tried: set[Pattern] = set()
    for index, start, end in found.found:
        for pattern in found.automaton.owners[index]:
            if not pattern.parts:
                candidates: Iterable[tuple[int, int, str]] = ((start, end, pattern.entry.word),)
            elif pattern in tried:
                continue  # the anchor stands here twice; the template was sought in the whole message
            else:
                tried.add(pattern)
                candidates = _templates(pattern, found, reading)
            for a, b, word in candidates:
                hit = _confirm(pattern, word, reading.stream(found.stream), (a, b), reading)
                if hit is not None:
                    yield hit


def _templates(pattern: Pattern, found: _Pass, reading: _Reading) -> Iterator[tuple[int, int, str]]:
    """Where a template stands, in stream positions, and with which of its alternatives: 加我*微信.

    One chain of parts for each place it can begin at.
    """
    if not pattern.fits(found.text):
        return
    stream, text = reading.stream(found.stream), reading.text
    places = [
        [
            (a, b)
            for a, b in _places(words, found.text)
            if gaps_are_evasion(stream, a, b, text) and borders_fit(stream, a, b, text)
        ]
        for words in pattern.parts
    ]

    def chain(number: int, end: int) -> list[tuple[int, int]] | None:
        """The places of the parts from ``number`` on, when they can follow at ``end``."""
        if number == len(places):
            return []
        room, here = pattern.rooms[number], places[number]
        for a, b in here[bisect_left(here, (end, -1)) : bisect_left(here, (end + ROOM_LENGTH[room] + 1, -1))]:
            if _room_is_clear(room, text, stream, end, a):
                rest = chain(number + 1, b)
                if rest is not None:
                    return [(a, b), *rest]
        return None

    done = -1
    for first in places[0]:
        rest = chain(1, first[1]) if first[0] != done else None
        if rest is not None:
            done = first[0]
            chosen = zip(pattern.rooms, pattern.parts, [first, *rest], strict=True)
            word = "".join(room + words[found.text[a:b]] for room, words, (a, b) in chosen)
            yield first[0], (rest or [first])[-1][1], word


def _places(words: Iterable[str], text: str) -> list[tuple[int, int]]:
    """Where any of the words stands, in order; at one place the longest first."""
    found = []
    for word in words:
        at = text.find(word)
        while at >= 0:
            found.append((at, at + len(word)))
            at = text.find(word, at + 1)
    return sorted(found, key=lambda place: (place[0], -place[1]))


def _room_is_clear(room: str, text: str, stream: Stream, end: int, start: int) -> bool:
    between = text[stream.starts[end - 1] + 1 : stream.starts[start]]
    return (STOP_SIGNS if room == "…" else CLAUSE_SIGNS).isdisjoint(between)


def _confirm(pattern: Pattern, word: str, stream: Stream, place: tuple[int, int], reading: _Reading) -> Hit | None:
    """Turn a candidate into a hit, or into nothing. ``place`` is where it stands in the stream."""
    entry, text = pattern.entry, reading.text
    start, end = stream.span(*place)
    if not pattern.parts and not _stands_alone(pattern, stream, *place, reading):
        return None
    if not _context_fits(entry, text, start, end):
        return None
    matched = text[start:end]
    how = _folds(pattern, matched, word)
    return Hit(entry.category, entry.severity, word, matched, start, end, how, entry.reason, entry.id)


def _stands_alone(pattern: Pattern, stream: Stream, a: int, b: int, reading: _Reading) -> bool:
    """What a candidate of one piece must also be: bordered, unbroken, and what its entry asks for."""
    entry, text = pattern.entry, reading.text
    start, end = stream.span(a, b)
    spelled_out = "pinyin" in pattern.needs
    if not borders_fit(stream, a, b, text) and not (spelled_out and is_pinyin_around(stream.text, a, b)):
        return False
    if not gaps_are_evasion(stream, a, b, text, latin=spelled_out):
        return False
    word, written = letters_of(entry.word), letters_of(text[start:end])
    refusals = (
        entry.whole and not is_all(stream, a, b),
        # pinyin without homophones: what is still Han must be the word's own
        spelled_out and not entry.phonetic and any(is_han(c) and c not in word for c in written),
        # the word has a doubled character of its own, and the text has it once; or 妈妈的 holds no 妈的
        "repeats" in pattern.needs and (len(written) < len(word) or entry.segmented),
        entry.segmented and not pattern.needs and b - a == end - start and not {start, end} <= reading.borders,
    )
    return not any(refusals)


def _context_fits(entry: Entry, text: str, start: int, end: int) -> bool:
    if not (entry.near or entry.unless or entry.not_after or entry.not_before):
        return True
    before = letters_of(text[max(0, start - NEAR_LENGTH) : start])
    after = letters_of(text[end : end + NEAR_LENGTH])
    around = (before, after)
    if entry.near and not _any_in(entry.near, around):
        return False
    if _any_in(entry.unless, around) or _any_in(entry.not_after, (before[-TOUCH_LENGTH:],)):
        return False
    return not _any_in(entry.not_before, (after[:TOUCH_LENGTH],))


def _any_in(words: Iterable[str], texts: tuple[str, ...]) -> bool:
    return any(letters_of(word) in text for word in words for text in texts)


def _folds(pattern: Pattern, matched: str, entry_word: str) -> tuple[str, ...]:
    """Which ways of writing had to be undone, in a fixed order, for the person who reads the flag."""
    needed = set(pattern.needs)
    word, written = letters_of(entry_word), letters_of(matched)
    if "homophone" in needed and _is_written_out(entry_word, written):
        needed.discard("homophone")
    if "pinyin" in needed and any(is_han(c) and c not in word for c in written):
        needed.add("homophone")
    if matched != entry_word and "spelling" not in needed:
        folds = set(_char_folds(matched, set(entry_word)))
        if any(pattern.rooms) and all(piece in folded_of(matched) for piece in _pieces(entry_word)):
            folds.discard("symbols")  # between the parts of a template signs are nothing special
        needed |= folds
    return tuple(sorted(needed))


def _is_written_out(entry_word: str, written: str) -> bool:
    """True when the letters of the entry's pieces stand in the text as they are."""
    at = 0
    for piece in _pieces(entry_word):
        at = written.find(piece, at)
        if at < 0:
            return False
        at += len(piece)
    return True


def _pieces(entry_word: str) -> list[str]:
    return [letters_of(piece) for piece in re.split(r"[*…]", entry_word)]


def _char_folds(matched: str, expected: set[str]) -> Iterator[str]:
    for char in matched:
        if ord(char) in INVISIBLE:
            yield "invisible"
            continue
        folded = folded_of(char)
        if not letters_of(char) and char not in expected:
            yield "symbols"
        elif folded != char and char not in expected:
            yield _fold_kind(char, folded)


def _fold_kind(char: str, folded: str) -> str:
    if char.lower() == folded:
        return "case"
    return "width" if unicodedata.normalize("NFKC", char) != char else "traditional"


def is_allowed(hit: Hit, reading: _Reading, matcher: Matcher) -> bool:
    """True when an allowed word of the category covers the hit."""
    letters = reading.letters
    for word in matcher.allowed.get(hit.category, ()):
        at = letters.text.find(word)
        while at >= 0:
            start, end = letters.span(at, at + len(word))
            if start <= hit.start and hit.end <= end:
                return True
            at = letters.text.find(word, at + 1)
    return False


def _settle(hits: list[Hit]) -> list[Hit]:
    """One hit for one thing: of equal spans the plainest, of nested ones in a category the longest."""
    order = sorted(hits, key=lambda h: (h.category, h.start - h.end, -SEVERITY_RANK[h.severity], len(h.how), h.entry))
    kept: list[Hit] = []
    for hit in order:
        covered = any(
            other.category == hit.category
            and other.start <= hit.start
            and hit.end <= other.end
            and SEVERITY_RANK[other.severity] >= SEVERITY_RANK[hit.severity]
            for other in kept
        )
        if not covered:
            kept.append(hit)
    return sorted(kept, key=lambda h: (h.start, h.end, h.category, h.entry))
