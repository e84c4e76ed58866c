"""Join an order number that was sent in two messages. Pure.

The caller knows time and sender; it passes the customer's previous text message of the last
``JOIN_WITHIN`` when nothing else was said in between.
"""

import re
from datetime import date, timedelta

from bot.orders import lookalikes
from bot.orders.candidates import Candidate, Reading
from bot.orders.cleaning import clean
from bot.orders.labels import GLUE, find_labels
from bot.orders.shapes import ShapeBook, shipped_shapes

JOIN_WITHIN = timedelta(seconds=120)
UNLABELLED_MIN = 16  # two six-digit codes make a JD number; only a label allows joining those

_HALF = re.compile(r"\s*([0-9][0-9 \-]{2,23}[0-9])[\s\-]*(?:复制)?\s*\Z")


def join_split(
    previous_text: str, text: str, *, shapes: ShapeBook | None = None, today: date | None = None
) -> Reading | None:
    """The number of two halves as one candidate of confidence C, its span in ``text``; None when they do not join.

    Neither half may be a number in its own right, and nothing but a label may stand beside them.
    """
    book = shapes or shipped_shapes()
    first, second = clean(previous_text[:200]), clean(text[:200])
    label, head = _after_label(first.text)
    tail = _HALF.match(second.text)
    if head is None or tail is None:
        return None
    halves = [re.sub(r"\D", "", head), re.sub(r"\D", "", tail[1])]
    if any(lookalikes.is_mobile(half) or book.fit("", half, today=today) is not None for half in halves):
        return None
    number = "".join(halves)
    if len(number) < UNLABELLED_MIN and not label:
        return None
    fit = book.fit("", number, labelled=bool(label), today=today)
    if fit is None or _is_lookalike(number):
        return None
    reasons = ("分两条消息发送，已合并，需要确认", f"合并后 {len(number)} 位，符合平台号码的样子")
    span = second.span(tail.start(1), tail.end(1))
    return Reading((Candidate(number, fit.platforms, "C", span, label, reasons),))


def _after_label(text: str) -> tuple[str, str | None]:
    """The order label in front, if any, and the half number behind it."""
    labels = [label for label in find_labels(text) if label.kind in {"order", "number"}]
    if labels:
        last = labels[-1]
        half = re.search(r"[0-9][0-9 \-]*\Z", text.rstrip())
        if half and half.start() >= last.end and GLUE.match(text[last.end : half.start()]):
            return last.text, half[0]
        return "", None
    half = _HALF.match(text)
    return "", half[1] if half else None


def _is_lookalike(number: str) -> bool:
    return (
        lookalikes.is_id_card(number)
        or lookalikes.is_bank_card(number, context=False)
        or lookalikes.is_damaged(number)
        or lookalikes.is_made_up(number)
        or lookalikes.trade_kind(number) is not None
    )
