"""The streams a text is matched in, each with the way back to the original. Pure.

``letters``: the kernel's fold with everything dropped that is not a letter, digit or Han character,
so that ``加.微.信`` reads 加微信. ``symbols``: the fold alone, for words that contain signs (+微信).
Both are one ``str.translate`` over a table that learns each character once; positions are worked out
only for texts in which something was found.
"""

import re
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from kernel.text import fold

TABLE_SIZE_MAX = 30_000  # distinct characters remembered; more than any chat has
SURROGATES = range(0xD800, 0xE000)  # half a character: no text, and no matcher takes them
LOST = "\ufffd"  # what stands in its place: a sign, so that words still end there

_RUN = re.compile(r"(.)\1+", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Stream:
    """A text to match in; ``starts[i]`` is where character i stood in the original."""

    text: str
    starts: tuple[int, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The original's half-open span behind ``text[start:end]``; needs ``start < end``."""
        return self.starts[start], self.starts[end - 1] + 1


class _Table(dict[int, str]):
    """Code point → what it becomes; learns on first sight."""

    def __init__(self, *, letters_only: bool) -> None:
        super().__init__()
        self.letters_only = letters_only

    def __missing__(self, code: int) -> str:
        folded = LOST if code in SURROGATES else fold(chr(code)).text
        if self.letters_only:
            folded = "".join(c for c in folded if c.isalnum())
        if len(self) < TABLE_SIZE_MAX:
            self[code] = folded
        return folded


@cache
def _letters() -> _Table:
    return _Table(letters_only=True)


@cache
def _symbols() -> _Table:
    return _Table(letters_only=False)


def letters_of(text: str) -> str:
    """The folded letters, digits and Han characters of a text, in order."""
    return text.translate(_letters())


def folded_of(text: str) -> str:
    """The folded text with its signs; unlike ``kernel.text.fold`` it takes halves of surrogate pairs."""
    return text.translate(_symbols())


def letters_stream(text: str) -> Stream:
    return _stream(text, _letters())


def folded_stream(text: str) -> Stream:
    return _stream(text, _symbols())


def has_repeats(letters: str) -> bool:
    return _RUN.search(letters) is not None


def collapse(letters: str) -> str:
    """One of each run of equal characters: 加加微微信 → 加微信."""
    return _RUN.sub(r"\1", letters)


def collapsed_stream(stream: Stream) -> Stream:
    """``collapse`` with positions. A run's span begins at its first character."""
    kept = [0] if stream.text else []
    kept += [at for at, (a, b) in enumerate(pairwise(stream.text), start=1) if a != b]
    return Stream("".join(stream.text[at] for at in kept), tuple(stream.starts[at] for at in kept))


def _stream(text: str, table: _Table) -> Stream:
    pieces: list[str] = []
    starts: list[int] = []
    for at, char in enumerate(text):
        piece = table[ord(char)]
        if piece:
            pieces.append(piece)
            starts += [at] * len(piece)
    return Stream("".join(pieces), tuple(starts))
