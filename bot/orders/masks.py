"""Cover what holds digits of its own before numbers are looked for: quotes, links, mails, amounts, dates. Pure.

Every covered character becomes ``MASK``, so positions stay and no number can be joined across one.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

MASK = "\ue000"
PART_OF_NUMBER = "\ue001"  # a publisher's [数字x]: digits were taken out, so a run that touches it is incomplete
INTEGER_DIGITS_MAX = 9  # a longer number before 元 is not an amount

_QUOTE = re.compile(r"\A\s*[「\"“][^\n]{0,60}?[::][\s\S]*?[」\"”]\s*\n\s*(?:-\s*){5,}")
_PLACEHOLDER = re.compile(r"\[[A-Z]+_[0-9A-Za-z]+\]|#E-s(?:\[数字x\]|\d{1,3})|\[(?!数字)[\u4e00-\u9fff]{1,4}x\]")
_TAKEN_OUT = re.compile(r"\[数字x\]")
_LINK = re.compile(
    r"(?:https?://|www\.)[^\s\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]+"
    r"|(?<![A-Za-z0-9.@])(?:[A-Za-z0-9-]{1,63}\.){1,4}(?:com|cn|net|hk|tv|cc|me)(?:/[^\s\u3000-\u303f\u4e00-\u9fff]*)?(?![A-Za-z0-9])"
)
_LINK_ORDER = re.compile(
    r"[?&#](order_?id|biz_?order_?id|order_?sn|order_?no|trade_?id|tid)=([0-9]{6}-?[0-9]{3,24})(?![0-9A-Za-z])",
    re.IGNORECASE,
)
_MAIL = re.compile(r"[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,4}")
_DAMAGED = re.compile(r"(?<![0-9A-Za-z.])\d(?:\.\d{1,15})?[eE](?:\+\d{1,2}|1\d)(?![0-9A-Za-z])")
_DATE = re.compile(
    r"(?<![\d.-])(?:19|20)\d\d(?:-\d{1,2}-\d{1,2}|/\d{1,2}/\d{1,2}|\.\d{1,2}\.\d{1,2}|年\d{1,2}月(?:\d{1,2}[日号])?)"
    r"(?![\d-])(?:[ T]{0,2}\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?)?"
)
_TIME = re.compile(r"(?<![\d:])\d{1,2}:\d{2}(?::\d{2})?(?![\d:])")
_AMOUNT = re.compile(
    r"(?:[¥￥$€]|rmb|人民币)\s{0,2}(\d[\d,]{0,14})(?:\.\d{1,4})?(?![\d,])|"
    r"(?<![\dA-Za-z.,-])(\d[\d,]{0,14})(?:\.\d{1,4})?\s{0,2}(?:元|块|圆|rmb|万|折|%|kg|ml|斤|克|件)|"
    r"(?<![\dA-Za-z.,-])(\d[\d,]{0,12})\.\d{1,2}(?![\d.A-Za-z])",
    re.IGNORECASE,
)
_MASKED_MOBILE = re.compile(r"(?<!\d)1[3-9]\d\*{3,6}\d{2,4}(?!\d)")
_STARRED = re.compile(r"[0-9A-Za-z*]*\*{2,}[0-9A-Za-z*]*")

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Masked:
    text: str
    refused: tuple[tuple[str, Span], ...]  # what was covered and deserves a word
    link_orders: tuple[tuple[str, Span, str], ...]  # (number, span, parameter) of links that carry an order


def mask(text: str) -> Masked:
    """Cover the pieces in a fixed order; a piece covered once is not looked at again."""
    refused: list[tuple[str, Span]] = []
    link_orders: list[tuple[str, Span, str]] = []

    def cover(pattern: re.Pattern[str], see: Callable[[re.Match[str]], bool]) -> None:
        nonlocal text
        text = pattern.sub(lambda found: MASK * len(found[0]) if see(found) else found[0], text)

    def refuse(kind: str, *, digits_min: int = 7) -> Callable[[re.Match[str]], bool]:
        def see(found: re.Match[str]) -> bool:
            if sum(char.isdigit() for char in found[0]) >= digits_min:
                refused.append((kind, found.span()))
            return True

        return see

    def see_link(found: re.Match[str]) -> bool:
        orders = [
            (one[2].replace("-", ""), (found.start() + one.start(2), found.start() + one.end(2)), one[1])
            for one in _LINK_ORDER.finditer(found[0])
        ]
        link_orders.extend(orders)
        return True if orders else refuse("link")(found)

    def see_amount(found: re.Match[str]) -> bool:
        whole = next(group for group in found.groups() if group)
        if sum(char.isdigit() for char in whole) > INTEGER_DIGITS_MAX:
            return False
        return refuse("amount")(found)

    cover(_QUOTE, refuse("quoted"))
    cover(_PLACEHOLDER, lambda _found: True)
    text = _TAKEN_OUT.sub(lambda found: PART_OF_NUMBER * len(found[0]), text)
    cover(_LINK, see_link)
    cover(_MAIL, refuse("account"))
    cover(_DAMAGED, refuse("damaged", digits_min=1))
    cover(_DATE, lambda _found: True)
    cover(_TIME, lambda _found: True)
    cover(_AMOUNT, see_amount)
    cover(_MASKED_MOBILE, refuse("mobile"))
    cover(_STARRED, refuse("code"))
    return Masked(text, tuple(refused), tuple(link_orders))
