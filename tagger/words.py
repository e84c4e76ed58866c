"""What stands at and around a place in a text: word borders as jieba sees them, and words nearby. Pure.

Only module that asks jieba, through rjieba and a private dictionary.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Final

import rjieba

CONTEXT_REACH: Final = 20  # code points on either side of a hit
LONG_LENGTH: Final = 5  # a keyword this long is believed with one wrong character
WHOLE_WORD_LENGTH: Final = 2  # keywords up to this length need a word border


@cache
def _segmenter() -> Any:  # noqa: ANN401  # rjieba ships no types
    return rjieba.Jieba()


Word = tuple[str, int, int]  # a word and its span


def cover_words(text: str) -> list[Word]:
    """For each character of a folded text, the word that jieba sees it in."""
    return [word for word in _segmenter().tokenize(text) for _ in range(word[2] - word[1])]


def broken_border(cover: Sequence[Word], start: int, end: int) -> str:
    """The word across one border of ``[start, end)`` (饼干 for 干皮 in 饼干皮), or ``""``."""
    for word, first, last in (cover[start], cover[end - 1]):
        across = first < start < last < end or start < first < end < last
        if across and _segmenter().has_word(word):
            return word
    return ""


def is_other_word(text: str, start: int, end: int, keyword: str) -> bool:
    """Does a character that differs from ``keyword`` belong to a word of its own (大妈 is not a typo of 大码)?

    One wrong character in a long keyword is believed anyway: jieba's dictionary holds typos such as 时侯.
    """
    wrong = sum(a != b for a, b in zip(text[start:end], keyword, strict=True))
    if wrong == 1 and end - start >= LONG_LENGTH:
        return False
    first, last = max(0, start - 6), min(len(text), end + 6)
    for word, word_start, word_end in _segmenter().tokenize(text[first:last]):
        if word_end - word_start < 2 or not _segmenter().has_word(word):
            continue
        span = range(max(word_start + first, start), min(word_end + first, end))
        if any(text[at] != keyword[at - start] for at in span):
            return True
    return False


def find_near(text: str, start: int, end: int, words: Iterable[str]) -> str:
    """The first of ``words`` (folded) that stands within CONTEXT_REACH of the hit, outside it; or ``""``."""
    before, after = text[max(0, start - CONTEXT_REACH) : start], text[end : end + CONTEXT_REACH]
    return next((word for word in words if word in before or word in after), "")


def find_overlapping(text: str, start: int, end: int, words: Iterable[str]) -> str:
    """The first of ``words`` (folded) within CONTEXT_REACH of the hit that is not wholly inside it; or ``""``."""
    first = max(0, start - CONTEXT_REACH)
    window = text[first : end + CONTEXT_REACH]
    for word in words:
        at = window.find(word)
        while at >= 0:
            if first + at < start or first + at + len(word) > end:
                return word
            at = window.find(word, at + 1)
    return ""


def find_containing(text: str, start: int, end: int, words: Iterable[str]) -> str:
    """The first of ``words`` (folded) whose occurrence covers the hit, or ``""``."""
    for word in words:
        at = text.find(word, max(0, end - len(word)), start + len(word))
        if at >= 0 and at <= start and at + len(word) >= end:
            return word
    return ""
