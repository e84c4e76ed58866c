"""Cut a masked text into number tokens: maximal runs, joined where a line or a label allows. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bot.orders import lookalikes
from bot.orders.labels import Label, before
from bot.orders.masks import MASK, PART_OF_NUMBER
from bot.orders.shapes import ShapeBook

LONG_NUMBERS = frozenset({18, 19})  # groups that add up to these are one number even without a label

_TOKEN = re.compile(r"[0-9A-Za-z]+(?:[-_]{1,3}[0-9A-Za-z]+)*")
_GROUPED = re.compile(r"[ \t]+|[-_]{1,3}")
_GROUPS = re.compile(r"[0-9]+(?:[ \t]{0,3}[-_]{0,3}[ \t]{0,3}[0-9]+)*(?![0-9A-Za-z])")
_OWN_LINE = re.compile(r"[\s:]*[\d \t\-_]+[.,。]?\s*(?:复制)?\s*")
_LIST_GLUE = re.compile(r"[\s,;、/+&和跟与及]{1,4}(?:还有|以及)?[\s:,、]{0,2}\Z")


@dataclass(frozen=True, slots=True)
class Token:
    """One maximal run, or several joined: ``text`` has letters and digits only."""

    text: str
    start: int
    end: int
    label: Label | None
    pieces: int = 1
    hyphen_at: int | None = None  # digits before the hyphen of a dated number
    is_scattered: bool = False  # groups in the middle of a sentence: nothing says that they belong together

    @property
    def span(self) -> tuple[int, int]:
        return self.start, self.end


def tokens(text: str, labels: list[Label], book: ShapeBook) -> Iterator[Token]:
    """Maximal runs in reading order; runs of one line or behind one label are joined where that makes sense."""
    blanked = text
    for one in labels:
        if one.text[0].isascii():  # a label in letters must not stick to its number
            blanked = blanked[: one.start] + MASK * len(one.text) + blanked[one.end :]
    at = 0
    previous: Token | None = None
    while (run := _TOKEN.search(blanked, at)) is not None:
        label = before(labels, text, run.start())
        if label is None and previous is not None and _LIST_GLUE.match(text[previous.end : run.start()]):
            label = previous.label
        end, may_join = _group_end(blanked, run, label)
        at = end
        if PART_OF_NUMBER in text[max(0, run.start() - 1) : end + 1]:
            continue  # its neighbour digits were taken out: not a whole number
        for token in _split(blanked, run.start(), end, label, book, may_join=may_join):
            yield token
            previous = token


def _group_end(text: str, run: re.Match[str], label: Label | None) -> tuple[int, bool]:
    """How far digits in groups reach, and whether the place allows joining them: a line of its own, or a label."""
    if re.fullmatch(r"[0-9_-]+", run[0]) is None:
        return run.end(), False
    line_start = text.rfind("\n", 0, run.start()) + 1
    line_end = text.find("\n", run.start())
    line_end = len(text) if line_end < 0 else line_end
    has_own_line = _OWN_LINE.fullmatch(text[line_start:line_end]) is not None
    if not has_own_line and (label is None or label.kind not in {"order", "number"}):
        return run.end(), False
    further = _GROUPS.match(text, run.start(), line_end)
    return max(run.end(), further.end()) if further else run.end(), True


def _split(text: str, start: int, end: int, label: Label | None, book: ShapeBook, *, may_join: bool) -> Iterator[Token]:
    """One token for groups that belong together, several for numbers that merely stand side by side."""
    pieces = _pieces(text, start, end)
    words = [text[a:b] for a, b in pieces]
    joined = "".join(words)
    if len(words) == 1:
        yield Token(joined, start, end, label)
        return
    if not joined.isdigit():
        yield Token(joined, start, end, label, len(words))
        return
    alone = [lookalikes.is_mobile(word) or book.fit("", word) is not None for word in words]
    pairs = [_is_dated_pair(text, pieces, at) for at in range(len(pieces))]
    if any(pairs) or sum(alone) > 1 or (any(alone) and len(joined) not in LONG_NUMBERS):
        at = 0
        while at < len(pieces):
            a, b = pieces[at]
            if pairs[at]:
                last = pieces[at + 1]
                has_hyphen = bool(text[b : last[0]].strip())
                yield Token(words[at] + words[at + 1], a, last[1], label, 2, len(words[at]) if has_hyphen else None)
                at += 2
            else:
                yield Token(words[at], a, b, label)
                at += 1
        return
    is_phone = lookalikes.is_mobile(joined) or lookalikes.is_landline(joined)
    is_scattered = not (may_join or is_phone or len(joined) in LONG_NUMBERS)
    yield Token(joined, start, end, label, len(words), is_scattered=is_scattered)


def _pieces(text: str, start: int, end: int) -> list[tuple[int, int]]:
    pieces: list[tuple[int, int]] = []
    at = start
    for gap in _GROUPED.finditer(text, start, end):
        if gap.start() > at:
            pieces.append((at, gap.start()))
        at = gap.end()
    return [*pieces, (at, end)]


def _is_dated_pair(text: str, pieces: list[tuple[int, int]], at: int) -> bool:
    """Six digits and the fifteen behind them; with a hyphen also a few more or less, to be refused as a whole."""
    if at + 1 >= len(pieces) or pieces[at][1] - pieces[at][0] != 6:
        return False
    length = pieces[at + 1][1] - pieces[at + 1][0]
    return length == 15 or (13 <= length <= 17 and bool(text[pieces[at][1] : pieces[at + 1][0]].strip()))
