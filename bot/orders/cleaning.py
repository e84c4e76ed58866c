"""One way of writing for digits, letters, hyphens and blanks, each character keeping its place. Pure.

Narrower than ``kernel.text.fold`` on purpose: ① is a list marker here and not a digit, and capital
letters stay, because O and l are repaired to digits only where the engine says so.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

from kernel.text import INVISIBLE

LAST_DIGIT = 0x1FBF9  # the highest decimal digit Unicode has

_HYPHENS = "‐‑‒–—―−﹣－ーｰ~～＿"
_TRADITIONAL = str.maketrans(
    "訂單編號碼貨購買詢運遞淘寶東抖紅書視頻戶額實發賬證銀開銷這條個給兩別錯",
    "订单编号码货购买询运递淘宝东抖红书视频户额实发账证银开销这条个给两别错",
)
_INVISIBLE = re.compile("[" + "".join(map(re.escape, map(chr, sorted(INVISIBLE)))) + "]")
_ONE_AS_HYPHEN = re.compile(r"(?<=\d)一(?=\d)")


@dataclass(frozen=True, slots=True)
class Cleaned:
    """``text[i]`` stood at ``places[i]`` of the original."""

    text: str
    places: tuple[int, ...] | None  # None: nothing was dropped, places are equal

    def span(self, start: int, end: int) -> tuple[int, int]:
        if self.places is None:
            return start, end
        return self.places[start], self.places[end - 1] + 1


def clean(text: str) -> Cleaned:
    """Width, digits of every script, hyphens, blanks and traditional label characters; invisible ones dropped."""
    places = None
    if not text.isascii():
        if _INVISIBLE.search(text):
            places = tuple(at for at, char in enumerate(text) if ord(char) not in INVISIBLE)
            text = "".join(text[at] for at in places)
        text = _ONE_AS_HYPHEN.sub("-", text.translate(_table()))
    return Cleaned(text, places)


@cache
def _table() -> dict[int, str]:
    table = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
    for code in range(0x80, LAST_DIGIT + 1):
        char = chr(code)
        digit = unicodedata.decimal(char, None)
        if digit is not None:
            table[code] = str(digit)
        elif char.isspace() and char not in "\n\x85\u2028\u2029":
            table[code] = " "
    table.update(dict.fromkeys(map(ord, _HYPHENS), "-"))
    table.update({code: chr(simple) for code, simple in _TRADITIONAL.items()})
    return table
