"""Numbers that look like order numbers and are not: their tests on the digits. Pure.

Negative evidence only: carriers change their ranges and check digits pass by chance, so a test
that is not decisive asks for context (a label, the words around it) before it refuses.
"""

import re

from bot.orders.shapes import is_date, is_date_time

# Bare waybills by carrier, on digits alone (B4). Twelve digits are left out: they are JD orders as well.
_BARE_WAYBILL = re.compile(r"7[34568]\d{12}|(?:77|43)\d{12,13}|[34]\d{14}|5\d{12}|[189]\d{12}|621\d{12}")
_LETTER_WAYBILL = re.compile(
    r"""(?: SF[0-9A-Z]\d{11,14} | YT\d{10,15} | (?:STO|ZTO|YTO|HTKY|DB|DPK|DPL|DPP|UC|YD|ZJS|TTK|QFKD|ANE)\d{8,15}
          | JTX?\d{12,15} | JD[0-9A-Z]{2}\d{11,15} | JD[A-Z]?\d{10,15} | LP\d{12,18} | CN\d{10,18} | P[A-Z]\d{11}
          | [A-Z]{2}\d{9}[A-Z]{2} )\Z""",
    re.VERBOSE,
)
_MOBILE = re.compile(r"(?:0086|86)?(1[3-9]\d{9})\Z")
_LANDLINE = re.compile(r"(?:0[1-9]\d{8,10}|[48]00\d{7})\Z")
_CARD_PREFIXES = re.compile(r"62(?:1[0-9]|2[0-9]|3[0-6]|5[0-9]|8[0-9])")  # the ranges Chinese debit cards are issued in
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECKS = "10X98765432"


def is_mobile(digits: str) -> bool:
    """Eleven digits, 1 then 3-9, perhaps behind 86 or 0086."""
    return _MOBILE.match(digits) is not None


def is_landline(digits: str) -> bool:
    """Area code with 0, or a 400/800 number."""
    return _LANDLINE.match(digits) is not None


def is_id_card(token: str) -> bool:
    """Length, date of birth and ISO 7064 check character all true."""
    if len(token) != 18 or not token[:17].isdigit() or not (token[17].isdigit() or token[17] in "Xx"):
        return False
    total = sum(weight * int(digit) for weight, digit in zip(_ID_WEIGHTS, token, strict=False))
    return looks_like_id_card(token) and _ID_CHECKS[total % 11] == token[17].upper()


def looks_like_id_card(token: str) -> bool:
    """Eighteen characters with a plausible date of birth: enough only beside the words 身份证."""
    if len(token) != 18 or not token[:17].isdigit() or token[0] in "09":
        return False
    year, month, day = int(token[6:10]), int(token[10:12]), int(token[12:14])
    # Any century's leap rule will do: a birth year is moved into the range `is_date` knows.
    return 1900 <= year <= 2035 and is_date(2004 + (year % 4 or 4), month, day)


def passes_luhn(digits: str) -> bool:
    """The check digit of bank cards; one random number in ten passes."""
    total = 0
    for at, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + at % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def is_bank_card(digits: str, *, context: bool) -> bool:
    """A card by range and check digit; beside 卡号, 银行, 开户 the range may be any bank's."""
    if not 16 <= len(digits) <= 19 or not passes_luhn(digits):
        return False
    if context:
        return digits[0] in "3456"
    return len(digits) in {16, 19} and _CARD_PREFIXES.match(digits) is not None


def is_letter_waybill(token: str) -> bool:
    """A carrier's letters decide."""
    return _LETTER_WAYBILL.match(token.upper()) is not None


def is_bare_waybill(digits: str) -> bool:
    """Thirteen to fifteen digits in a carrier's range: weaker than any order label."""
    return 13 <= len(digits) <= 15 and _BARE_WAYBILL.fullmatch(digits) is not None


def trade_kind(digits: str) -> str | None:
    """Which payment number this is: 28 digits with Alipay's date, or WeChat Pay's 42."""
    if len(digits) in {27, 28} and digits.startswith("42"):
        return "wechat_trade"
    if len(digits) == 28 and is_date(int(digits[:4]), int(digits[4:6]), int(digits[6:8])):
        return "alipay_trade"
    return "merchant_trade" if 24 <= len(digits) <= 34 else None


def is_damaged(digits: str) -> bool:
    """A spreadsheet keeps 15 digits and fills the rest with zeros; three such zeros are no accident."""
    return len(digits) >= 18 and not digits[15:].strip("0")


def is_made_up(digits: str) -> bool:
    """One digit repeated, or 1234567890…: what people type as an example."""
    counting = "1234567890" * 4
    return len(set(digits)) == 1 or counting.startswith(digits) or ("0" + counting).startswith(digits)


def is_timestamp(digits: str) -> bool:
    """yyyymmddhhmm, yyyymmddhhmmss, or milliseconds since 1970 in this decade or the last."""
    return is_date_time(digits) or (len(digits) == 13 and digits[:2] in {"15", "16", "17", "18"})


def is_barcode(digits: str) -> bool:
    """A Chinese EAN-13: 690-699 with its check digit."""
    if len(digits) != 13 or not digits.startswith("69"):
        return False
    return sum(int(digit) * (3 if at % 2 else 1) for at, digit in enumerate(digits)) % 10 == 0
