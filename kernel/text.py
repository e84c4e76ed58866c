"""Fold Chinese chat text for matching, keeping the way back to what was written. Pure.

``fold`` undoes ways of writing one thing (width, case, script, invisible characters); what a room
drops or joins beyond that is its own business. Spans found in a folded text map back to the
original with ``Folded.span``. ``to_syllables`` gives each Han character one code point for its
toneless syllable, so homophones cost a second pass of the same matcher and positions stay equal.
"""

import unicodedata
from dataclasses import dataclass
from functools import cache

import opencc
import pypinyin

# Characters that are not seen: zero-width, joiners, variation selectors, bidi marks, soft hyphen, BOM.
INVISIBLE = frozenset((0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180E, 0x3164, 0xFEFF, 0xFFA0)).union(
    range(0x200B, 0x2010),
    range(0x202A, 0x202F),
    range(0x2060, 0x2070),
    range(0xFE00, 0xFE10),
    range(0xE0100, 0xE01F0),
)

HAN_FIRST, HAN_LAST = 0x4E00, 0x9FFF  # CJK Unified Ideographs, the block chat is written in
SYLLABLE_FIRST = 0xF0000  # private use plane: one code point for each toneless syllable


@dataclass(frozen=True, slots=True)
class Folded:
    """A folded text and, for each of its characters, where it stood in the original.

    ``text[i]`` was made from ``original[starts[i]:ends[i]]`` (half-open code points). One original
    character may fold to several (㎏ → kg): they share one origin.
    """

    original: str
    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The original's half-open span behind ``text[start:end]``; needs ``start < end``."""
        return self.starts[start], self.ends[end - 1]


def fold(text: str) -> Folded:
    """Fold width, compatibility forms, case and traditional script; drop invisible characters.

    Folding a folded text changes nothing. White space other than invisible characters is kept.
    """
    table = _fold_table()
    if text.isascii():  # the common fast case: one to one
        positions = tuple(range(len(text)))
        return Folded(text, text.lower(), positions, tuple(range(1, len(text) + 1)))
    out: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for at, char in enumerate(text):
        folded = table[char] if char in table else _remember(table, char)
        for piece in folded:
            out.append(piece)
            starts.append(at)
            ends.append(at + 1)
    return Folded(text, "".join(out), tuple(starts), tuple(ends))


def to_syllables(folded_text: str) -> str:
    """Replace each Han character by one code point for its toneless syllable; others stay.

    Same length as the input. The reading is the character's most frequent one (pypinyin's table).
    """
    return folded_text.translate(_syllable_table())


def syllable_code(pinyin: str) -> str | None:
    """The code point ``to_syllables`` uses for a toneless syllable such as ``"gan"``; None when unknown."""
    return _syllable_codes().get(pinyin)


@cache
def _fold_table() -> dict[str, str]:
    return {}


@cache
def _to_simplified() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")


FOLD_CACHE_MAX = 20_000  # distinct characters; more than any chat has


def _remember(table: dict[str, str], char: str) -> str:
    folded = _fold_char(char)
    if len(table) < FOLD_CACHE_MAX:
        table[char] = folded
    return folded


def _fold_char(char: str) -> str:
    if ord(char) in INVISIBLE:
        return ""
    folded = char
    while True:  # the three steps feed each other (Ⅰ → I → i); two rounds are the most ever needed
        step = unicodedata.normalize("NFKC", folded).casefold()
        step = "".join(c for c in step if ord(c) not in INVISIBLE)
        step = "".join(_to_simplified().convert(c) if _may_be_han(c) else c for c in step)
        if step == folded:
            return folded
        folded = step


def _may_be_han(char: str) -> bool:
    code = ord(char)
    return code >= 0x3400 and not 0xD800 <= code <= 0xDFFF  # a lone surrogate is no character: it stays as it is


@cache
def _readings() -> dict[int, str]:
    """The toneless syllable of each Han character that has a reading."""
    readings = {}
    for code in range(HAN_FIRST, HAN_LAST + 1):
        reading = pypinyin.lazy_pinyin(chr(code), errors="ignore", v_to_u=False)
        if reading:
            readings[code] = reading[0]
    return readings


@cache
def _syllable_codes() -> dict[str, str]:
    syllables = sorted(set(_readings().values()))
    return {syllable: chr(SYLLABLE_FIRST + n) for n, syllable in enumerate(syllables)}


@cache
def _syllable_table() -> dict[int, str]:
    codes = _syllable_codes()
    return {code: codes[reading] for code, reading in _readings().items()}
