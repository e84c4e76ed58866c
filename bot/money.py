"""Money is an integer number of fen (1 yuan = 100 fen). No floats anywhere.

Owns the two conversions at the edges: what people type and see is yuan, everything between is fen.
"""

import re
from decimal import Decimal
from typing import NewType

Fen = NewType("Fen", int)

FEN_MAX = 10_000_000_000  # 一亿元: larger than any sum a shop pays; a bigger number is a typing mistake
_YUAN = re.compile(r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d*))?", re.ASCII)


class NotAnAmount(ValueError):
    """What was typed is no amount of money. ``why`` is a sentence for the person who typed it."""

    def __init__(self, text: str, why: str) -> None:
        super().__init__(why)
        self.text, self.why = text, why


def parse_yuan(text: str) -> Fen:
    """Read yuan as people and exports write them: ``12.30``, ``¥1,204``, ``８元``. Exact, never rounded.

    Raises NotAnAmount for anything else: signs, exponents, a third decimal, sums above FEN_MAX.
    """
    plain = text.translate(_PLAIN).strip().removeprefix("¥").removesuffix("元").strip()
    if not plain:
        raise NotAnAmount(text, "请填写金额，例如 12.30")
    match = _YUAN.fullmatch(plain)
    if match is None:
        raise NotAnAmount(text, "这不是一个金额。请填写数字，例如 12.30")
    if len((match[1] or "").rstrip("0")) > 2:
        raise NotAnAmount(text, "金额最多到分（两位小数）")
    fen = int(Decimal(plain.replace(",", "")) * 100)
    if fen > FEN_MAX:
        raise NotAnAmount(text, f"金额太大，最多 {format_yuan(FEN_MAX)} 元")
    return Fen(fen)


def format_yuan(fen: int) -> str:
    """``1230`` → ``"12.30"``, ``-5`` → ``"-0.05"``; thousands are grouped: ``"1,204.00"``."""
    yuan, rest = divmod(abs(fen), 100)
    return f"{'-' if fen < 0 else ''}{yuan:,}.{rest:02d}"


# Full-width digits and punctuation, as typed with a Chinese keyboard.
_PLAIN = {ord(wide): narrow for wide, narrow in zip("０１２３４５６７８９．，￥", "0123456789.,¥", strict=True)}
