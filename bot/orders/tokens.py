"""Cut a masked text into number tokens: maximal runs, joined where a line or a label allows. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bot.orders import lookalikes
from bot.orders.labels import Label, before
from bot.orders.masks import MASK, PART_OF_NUMBER
from bot.orders.shapes import ShapeBook

_TOKEN = re.compile(r"[0-9A-Za-z]+(?:[-_]{1,3}[0-9A-Za-z]+)*")
_GROUPED = re.compile(r"[ \t]+|[-_]{1,3}")
_GROUPS = re.compile(r"[0-9]+(?:[ \t]{0,3}[-_]{0,3}[ \t]{0,3}[0-9]+)*(?![0-9A-Za-z])")
_ALONE = re.compile(r"[\s\d\-_:.,,。]*(?:复制)?\s*")
_LIST_GLUE = re.compile(r"[\s,;、/+&和跟与及]{1,4}(?:还有|以及)?[\s:,、]{0,2}\Z")


@dataclass(frozen=True, slots=True)
class Token:
    """One maximal run, or several joined: ``text`` has letters and digits only."""

    text: str
    start: int
    end: int
    label: Label | None
    pieces: int = 1
    hyphen_at: int | None = None  # digits before the only hyphen

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
        end = _group_end(blanked, run, label)
        at = end
        if PART_OF_NUMBER in text[max(0, run.start() - 1) : end + 1]:
            continue  # its neighbour digits were taken out: not a whole number
        for token in _split(blanked, run.start(), end, label, book):
            yield token
            previous = token


def _group_end(text: str, run: re.Match[str], label: Label | None) -> int:
    """How far digits in groups reach: to the end of the run, or further when the place allows joining."""
    if re.fullmatch(r"[0-9_-]+", run[0]) is None:
        return run.end()
    line_start = text.rfind("\n", 0, run.start()) + 1
    line_end = text.find("\n", run.start())
    line_end = len(text) if line_end < 0 else line_end
    alone = _ALONE.fullmatch(text[line_start:line_end]) is not None
    if not alone and (label is None or label.kind not in {"order", "number"}):
        return run.end()
    further = _GROUPS.match(text, run.start(), line_end)
    return max(run.end(), further.end()) if further else run.end()


def _split(text: str, start: int, end: int, label: Label | None, book: ShapeBook) -> Iterator[Token]:
    """One token for groups that belong together, several for numbers that merely stand side by side."""
    pieces: list[tuple[int, int]] = []
    at = start
    for gap in _GROUPED.finditer(text, start, end):
        if gap.start() > at:
            pieces.append((at, gap.start()))
        at = gap.end()
    pieces.append((at, end))
    words = [text[a:b] for a, b in pieces]
    if len(words) == 1:
        yield Token(words[0], start, end, label)
        return
    joined = "".join(words)
    hyphen_at = len(words[0]) if len(words) == 2 and text[pieces[0][1] : pieces[1][0]].strip() else None
    if not joined.isdigit():
        yield Token(joined, start, end, label, len(words), hyphen_at)
        return
    alone = [lookalikes.is_mobile(word) or book.fit("", word) is not None for word in words]
    is_pdd = len(words) == 2 and len(words[0]) == 6 and (len(words[1]) == 15 or (hyphen_at and len(words[1]) > 12))
    if is_pdd or not any(alone) or (sum(alone) == 1 and len(joined) in {18, 19}):
        yield Token(joined, start, end, label, len(words), hyphen_at)
        return
    for (a, b), word in zip(pieces, words, strict=True):
        yield Token(word, a, b, label)
