"""Read order numbers out of a chat message. Pure: no clock, no database, no network.

The steps: clean → mask what holds digits of its own (quotes, links, amounts, dates) → labels →
tokens, grouped where a line or a label allows → look-alikes → shapes. A digit run is always taken
whole, never a part of it. Everything that looked like a number and was refused says why.
"""

import re
from dataclasses import replace
from datetime import date

from bot.orders.candidates import ORDERS_MAX, Candidate, Reading, Refused, refuse
from bot.orders.cleaning import Cleaned, clean
from bot.orders.judging import Page, judge, link_order, spoken
from bot.orders.labels import find_labels
from bot.orders.masks import mask
from bot.orders.shapes import ShapeBook, shipped_shapes
from bot.orders.tokens import tokens

__all__ = ["Candidate", "Reading", "Refused", "extract"]

TEXT_MAX = 4_000  # code points read; what comes after is not looked at

# Most chat has no seven digits in a row: one pass of one pattern sends those messages home.
_DIGIT = r"\dOolI零〇一二三四五六七八九幺壹贰叁肆伍陆柒捌玖"
_WORTH_READING = re.compile(rf"[{_DIGIT}](?:[^0-9A-Za-z\u4e00-\u9fff]{{0,4}}[{_DIGIT}]){{6}}|\d[eE](?:\+|1)\d|\d\*\*")
_CUT_NUMBER = re.compile(r"[\w\-]{1,64}\Z")  # what the limit may have cut in two
_CORRECTION = re.compile(r"少了|多了|漏了|打错|写错|发错|输错|搞错|弄错|错了|更正|上面不对|刚才不对|重新发|应该是")

NOTHING = Reading()


def extract(
    text: str,
    *,
    role: str = "customer",
    shapes: ShapeBook | None = None,
    today: date | None = None,
    staff_numbers: frozenset[str] = frozenset(),
) -> Reading:
    """Find the order numbers of one message; equal input gives equal output; never raises on any text.

    A staff member's numbers are no claims: they come back refused with kind ``staff``. Numbers in
    ``staff_numbers`` (key texts staff have sent as examples) are refused too. ``today`` rules out
    numbers that carry a date in the future.
    """
    if len(text) > TEXT_MAX:
        text = _CUT_NUMBER.sub("", text[:TEXT_MAX])
    if _WORTH_READING.search(text) is None:
        return NOTHING
    book = shapes or shipped_shapes()
    cleaned = clean(text)
    masked = mask(cleaned.text)
    labels = find_labels(masked.text)
    page = Page(masked.text, labels, book, book.named_in(cleaned.text), today)
    found: list[Candidate | Refused] = [
        link_order(number, span, name, page) for number, span, name in masked.link_orders
    ]
    found += [refuse(kind, span) for kind, span in masked.refused]
    cut = list(tokens(masked.text, labels, book))
    found += [answer for token in cut if (answer := judge(token, page)) is not None]
    found += spoken(page, [token.span for token in cut])
    return _answer(found, cleaned, role, staff_numbers, is_correction=_CORRECTION.search(cleaned.text) is not None)


def _answer(
    found: list[Candidate | Refused],
    cleaned: Cleaned,
    role: str,
    staff_numbers: frozenset[str],
    *,
    is_correction: bool,
) -> Reading:
    """Map spans back, keep each number once, and apply what depends on who wrote it."""
    orders: dict[str, Candidate] = {}
    refused: list[Refused] = []
    for item in sorted(found, key=lambda one: one.span):
        span = cleaned.span(*item.span)
        if isinstance(item, Refused):
            refused.append(replace(item, span=span))
        elif role == "staff":
            refused.append(refuse("staff", span))
        elif item.number in staff_numbers:
            refused.append(refuse("example", span))
        elif item.number in orders:
            if item.confidence < orders[item.number].confidence:
                orders[item.number] = replace(item, span=span)
        elif len(orders) == ORDERS_MAX:
            refused.append(refuse("too_many", span))
        else:
            orders[item.number] = replace(item, span=span)
    return Reading(tuple(orders.values()), tuple(refused), is_correction)
