"""Decide about one token: a candidate, a refusal with its kind, or nothing worth a word. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from bot.orders import lookalikes
from bot.orders.candidates import Candidate, Confidence, Refused, refuse
from bot.orders.labels import Label, before, behind
from bot.orders.shapes import Fit, ShapeBook
from bot.orders.tokens import Token

REFUSED_DIGITS_MIN = 7  # shorter numbers are nobody's order and not worth a word
REPAIRED_DIGITS_MIN = 10  # letters become digits only inside a run that is mostly digits

_CHINESE = "零〇一二三四五六七八九幺壹贰叁肆伍陆柒捌玖"
_CHINESE_DIGITS = str.maketrans(_CHINESE, "001234567891123456789")
_SPOKEN = re.compile(rf"[{_CHINESE}0-9](?:[ ,，、.\-]?[{_CHINESE}0-9]){{8,}}")
_SPOKEN_GLUE = re.compile(r"[ ,，、.\-]")
_REPAIRABLE = re.compile(r"[0-9OolI]+\Z")
_REPAIRS = str.maketrans("OolI", "0011")
_ALIPAY_MERCHANT = re.compile(r"T\d{2,4}P(\d{15,20})\Z")
_DOUYIN_TAIL = re.compile(r"(\d{19})A\Z")
_PREFIXED = re.compile(r"([A-Z]{1,4})(\d+)\Z")
_NAMES_A_NUMBER = ("号", "码", "id", "单", "卡", "no", "imei", "sku", "s/n")
_CARRIERS = ("顺丰", "中通", "圆通", "申通", "韵达", "极兔", "德邦")
_CARD_WORDS = ("银行", "卡号", "开户", "储蓄", "信用卡", "借记")
_AROUND = 12  # characters beside a number that count as its surroundings


@dataclass(frozen=True, slots=True)
class Page:
    """What a token is judged against: the masked message and the shapes in force."""

    text: str
    labels: Sequence[Label]
    book: ShapeBook
    named: frozenset[str]  # platforms the message calls by name
    today: date | None

    def fit(self, digits: str, *, prefix: str = "", labelled: bool = False) -> Fit | None:
        return self.book.fit(prefix, digits, labelled=labelled, named=self.named, today=self.today)

    def around(self, token: Token) -> str:
        return self.text[max(0, token.start - _AROUND) : token.end + _AROUND]


def judge(token: Token, page: Page) -> Candidate | Refused | None:
    """A candidate, a refusal, or None for what is too short to mention."""
    written = sum(char.isdigit() for char in token.text)
    if written < REFUSED_DIGITS_MIN:
        return None
    label = token.label or _label_behind(token, page)
    if label is not None and _is_example(label, page):
        return refuse("example", token.span)
    if token.is_scattered:
        return refuse("code", token.span)
    if token.text.isdigit():
        return _judge_digits(token, token.text, label, page)
    if written >= REPAIRED_DIGITS_MIN and _REPAIRABLE.match(token.text):
        answer = _judge_digits(token, token.text.translate(_REPAIRS), label, page)
        return _doubt(answer, "字母 O、l 已改读为数字") if isinstance(answer, Candidate) else answer
    return _judge_letters(token, label, page)


def spoken(page: Page, taken: Sequence[tuple[int, int]]) -> list[Candidate | Refused]:
    """Digits written as Chinese characters: behind an order label only, and always to be confirmed."""
    found: list[Candidate | Refused] = []
    for run in _SPOKEN.finditer(page.text):
        overlaps = any(start < run.end() and run.start() < end for start, end in taken)
        if overlaps or re.fullmatch(r"[0-9 ,，、.\-]+", run[0]):
            continue
        digits = _SPOKEN_GLUE.sub("", run[0]).translate(_CHINESE_DIGITS)
        label = before(page.labels, page.text, run.start())
        token = Token(digits, run.start(), run.end(), label)
        answer = _judge_digits(token, digits, label, page) if label and label.kind == "order" else None
        if isinstance(answer, Candidate):
            found.append(_doubt(answer, "汉字数字，需要确认"))
        else:
            found.append(refuse("spoken", run.span()))
    return found


def link_order(number: str, span: tuple[int, int], name: str, page: Page) -> Candidate | Refused:
    """The order parameter of a link names its number."""
    fit = page.fit(number, labelled=True)
    if fit is None or lookalikes.is_damaged(number) or lookalikes.is_made_up(number):
        return refuse("link", span)
    return Candidate(number, fit.platforms, "A", span, name, (f"链接里的参数 {name}",))


def _judge_digits(token: Token, digits: str, label: Label | None, page: Page) -> Candidate | Refused:
    kind = _kind_by_label(digits, label) or _kind_by_shape(token, digits, label, page)
    if kind is not None:
        return refuse(kind, token.span)
    is_labelled = label is not None and (label.kind == "order" or label.text == "单号")
    fit = page.fit(digits, labelled=is_labelled)
    if fit is None:
        return refuse("length" if len(digits) >= 12 or is_labelled else "short", token.span)
    return _candidate(token, digits, fit, label if is_labelled else None, page)


def _candidate(token: Token, number: str, fit: Fit, label: Label | None, page: Page) -> Candidate:
    has_hyphen = token.hyphen_at == 6
    reasons = [
        f"旁边写着「{label.text}」" if label else "没有标签，按位数判断",
        f"{len(number)} 位，符合平台号码的样子",
    ]
    if "pdd" in fit.platforms:
        reasons.append(f"前六位是日期 20{number[:2]}-{number[2:4]}-{number[4:6]}")
    if fit.platforms[0] in page.named:
        reasons.append("消息里提到了这个平台")
    if token.pieces > 1 and not has_hyphen:
        reasons.append("分段书写，已合并")
    confidence: Confidence = "B"
    if label is not None or fit.alone == "A" or ("pdd" in fit.platforms and has_hyphen):
        confidence = "A"
    elif fit.alone == "C":
        confidence = "C"
        reasons.append("缺少连字符")
    return Candidate(number, fit.platforms, confidence, token.span, label.text if label else "", tuple(reasons))


def _doubt(candidate: Candidate, reason: str) -> Candidate:
    return replace(candidate, confidence="C", reasons=(*candidate.reasons, reason))


def _judge_letters(token: Token, label: Label | None, page: Page) -> Candidate | Refused:
    """Tokens with letters: unmistakable prefixes, waybills, identity cards ending in X; the rest are codes."""
    word = token.text.upper()
    if lookalikes.is_id_card(word) or (word[17:] == "X" and lookalikes.looks_like_id_card(word)):
        return refuse("id_card", token.span)
    found = _known_letters(token, word, label, page)
    if found is not None:
        # Alipay calls the Taobao number with its prefix 商家订单号; the prefix is proof enough.
        is_order = label is None or label.kind in {"order", "number", "merchant_trade"} or not _names_a_number(label)
        return found if is_order or label is None else refuse(label.kind, token.span)
    if lookalikes.is_letter_waybill(word):
        return refuse("waybill", token.span)
    return refuse("length" if re.fullmatch(r"[PE]\d{14,30}", word) else "code", token.span)


def _known_letters(token: Token, word: str, label: Label | None, page: Page) -> Candidate | None:
    text = label.text if label is not None and label.kind == "order" else ""
    if (
        (found := _ALIPAY_MERCHANT.match(word))
        and (fit := page.fit(found[1])) is not None
        and "taobao" in fit.platforms
    ):
        return Candidate(found[1], ("taobao",), "A", token.span, text, ("支付宝商家订单号，已去掉 T200P 前缀",))
    if (found := _DOUYIN_TAIL.match(word)) and (fit := page.fit(found[1])) is not None and "douyin" in fit.platforms:
        platforms = ("douyin", *(one for one in fit.platforms if one != "douyin"))
        return Candidate(found[1], platforms, "A" if text else "B", token.span, text, ("去掉抖音号码末尾的 A",))
    if (found := _PREFIXED.match(word)) and (fit := page.fit(found[2], prefix=found[1])) is not None:
        return Candidate(word, fit.platforms, "A", token.span, text, (f"{found[1]} 开头，位数吻合",))
    return None


def _label_behind(token: Token, page: Page) -> Label | None:
    """A label behind counts when it is an order's or names a kind of number (卡号), not a topic (快递)."""
    label = behind(page.labels, page.text, token.end)
    return label if label is None or label.kind == "order" or _names_a_number(label) else None


def _names_a_number(label: Label) -> bool:
    return label.text.lower().endswith(_NAMES_A_NUMBER)


def _is_example(label: Label, page: Page) -> bool:
    if label.kind == "example":
        return True
    introduced = before(page.labels, page.text, label.start)
    return introduced is not None and introduced.kind == "example"


def _kind_by_label(digits: str, label: Label | None) -> str | None:
    """What the label alone says. A mere topic (手机, 快递, 微信) refuses only what also has the shape."""
    if label is None or label.kind in {"order", "number", "mobile"}:
        return None
    match label.kind:
        case "amount":
            refuses = len(digits) <= 10
        case "account":
            refuses = _names_a_number(label) or len(digits) <= 12
        case "date":
            refuses = len(digits) <= 14  # a longer number behind 下单时间 is the next field's
        case "device":
            refuses = True
        case "waybill":
            refuses = _names_a_number(label) or label.text in _CARRIERS
        case _:
            refuses = _names_a_number(label)
    return label.kind if refuses else None


def _kind_by_shape(token: Token, digits: str, label: Label | None, page: Page) -> str | None:
    """What the digits say. Tests that pass by chance yield to an order label."""
    around = page.around(token)
    is_order = label is not None and label.kind == "order"
    is_strong = label is not None and label.is_strong
    has_card_word = any(word in around for word in _CARD_WORDS)
    is_birth = "身份" in around and lookalikes.looks_like_id_card(digits)
    certain = (
        ("id_card", lookalikes.is_id_card(digits) or is_birth),
        ("mobile", lookalikes.is_mobile(digits) and not is_strong),
        (lookalikes.trade_kind(digits), True),
        ("damaged", lookalikes.is_damaged(digits)),
        ("example", lookalikes.is_made_up(digits)),
    )
    by_chance = (
        ("bank_card", lookalikes.is_bank_card(digits, context=has_card_word)),
        ("landline", lookalikes.is_landline(digits)),
        ("date", lookalikes.is_timestamp(digits)),
        ("product_id", lookalikes.is_barcode(digits)),
        ("waybill", lookalikes.is_bare_waybill(digits)),
    )
    tests = certain if is_order else certain + by_chance
    return next((kind for kind, is_so in tests if is_so and kind), None)
