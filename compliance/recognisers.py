"""Numbers and accounts that no word list can hold: mobile, identity card, bank card, accounts, codes. Pure.

All work on a folded text (full width, ①, case are undone); positions returned are positions in it.
Check digits and context decide, because shops are full of long numbers that are only orders.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from compliance.categories import Role, Severity

CONTEXT_LENGTH = 14  # characters to each side that can explain a number

_CHINESE_DIGITS = str.maketrans("〇零一壹幺二贰两三叁四肆五伍六陆七柒八捌九玖", "0011122233445566778899")
_LATIN_ACCOUNT = r"[a-z][-_a-z0-9]{5,19}"
_GAP = r"[ .\-_·*~]?"


@dataclass(frozen=True, slots=True)
class Finding:
    """One recognised number; ``start`` and ``end`` are positions in the folded text."""

    id: str
    category: str
    severity: Severity
    word: str  # what it is, in Chinese
    start: int
    end: int
    how: tuple[str, ...]
    reason: str


_MAYBE = re.compile(
    r"[0-9〇零一幺二两三四五六七八九]{4}|(?:微信|v信|vx|wx|薇信|威信|加v|加微|qq|扣扣).{0,6}[a-z0-9]|(?<![a-z])v[a-z]"
)


def may_hold_numbers(letters: str) -> bool:
    """A cheap look at the letters of a message: False means that ``recognise`` would find nothing."""
    return _MAYBE.search(letters) is not None


def recognise(folded: str, role: Role) -> list[Finding]:
    """Everything recognised in a folded text, for what ``role`` should not write."""
    digits = folded.translate(_CHINESE_DIGITS)
    found = [*_identity_cards(digits), *_verification_codes(digits)]
    taken = [(f.start, f.end) for f in found]
    found += [f for f in _bank_cards(digits) if not _overlaps(f, taken)]
    if role == "staff":
        accounts = [*_wechat_ids(folded, digits), *_qq_numbers(digits)]
        taken += [(f.start, f.end) for f in (*found, *accounts)]
        found += accounts
        found += [f for f in _mobiles(digits) if not _overlaps(f, taken)]
    return [
        f if digits[f.start : f.end] == folded[f.start : f.end] else _with_digits(f)
        for f in sorted(found, key=lambda f: (f.start, f.end))
    ]


def _with_digits(finding: Finding) -> Finding:
    f = finding
    return Finding(f.id, f.category, f.severity, f.word, f.start, f.end, (*f.how, "digits"), f.reason)


def _overlaps(finding: Finding, spans: Iterable[tuple[int, int]]) -> bool:
    return any(start < finding.end and finding.start < end for start, end in spans)


def _around(text: str, start: int, end: int) -> tuple[str, str]:
    return text[max(0, start - CONTEXT_LENGTH) : start], text[end : end + CONTEXT_LENGTH]


# Identity card, GB 11643: 6 digits region, 8 birth date, 3 sequence, check character (ISO 7064 MOD 11-2).
_IDENTITY = re.compile(r"(?<![0-9a-z])[1-9](?:[ \-]?[0-9]){16}[ \-]?[0-9x](?![0-9a-z])")
_IDENTITY_DATE = re.compile(r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])")
_IDENTITY_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def is_identity_number(number: str) -> bool:
    """Eighteen characters with a possible birth date and the right check character."""
    if len(number) != 18 or not (number[:17].isascii() and number[:17].isdigit()):
        return False
    total = sum(int(d) * w for d, w in zip(number[:17], _IDENTITY_WEIGHTS, strict=True))
    return _IDENTITY_DATE.fullmatch(number[6:14]) is not None and "10x98765432"[total % 11] == number[17].lower()


def _identity_cards(text: str) -> Iterator[Finding]:
    for match in _IDENTITY.finditer(text):
        if is_identity_number(re.sub(r"[^0-9x]", "", match.group())):
            reason = "聊天里出现了完整的身份证号（校验位正确）：请改用店铺的实名入口，并提醒对方撤回"
            yield Finding("privacy/身份证号", "privacy", "high", "身份证号", *match.span(), (), reason)


# Bank card: 16-19 digits, Luhn (ISO/IEC 7812-1), and either a UnionPay prefix or words about a card.
_CARD = re.compile(r"(?<![0-9a-z])[3-6](?:[ \-]?[0-9]){15,18}(?![0-9a-z])")
_CARD_WORDS = ("卡", "银行", "账号", "账户", "帐号", "开户", "打款", "汇款", "转账", "收款", "建行", "工行", "农行")
_ORDER_WORDS = ("订单", "单号", "运单", "快递", "物流", "编号", "流水", "发票", "交易号")


def passes_luhn(number: str) -> bool:
    """The check of ISO/IEC 7812-1; ``number`` is ASCII digits."""
    total = 0
    for at, char in enumerate(reversed(number)):
        digit = int(char)
        total += digit if at % 2 == 0 else digit * 2 - 9 * (digit > 4)
    return total % 10 == 0


def _bank_cards(text: str) -> Iterator[Finding]:
    for match in _CARD.finditer(text):
        number = re.sub(r"[^0-9]", "", match.group())
        before, after = _around(text, *match.span())
        about_card = any(w in before or w in after for w in _CARD_WORDS)
        about_order = any(w in before for w in _ORDER_WORDS)
        if passes_luhn(number) and len(set(number)) > 3 and (about_card or number.startswith("62")) and not about_order:
            reason = "聊天里出现了完整的银行卡号（通过卡号校验）：退款和打款请走店铺流程"
            yield Finding("privacy/银行卡号", "privacy", "high", "银行卡号", *match.span(), (), reason)


_CODE = re.compile(
    r"(?:验证码|校验码|动态码|短信码|动态密码)(?:[^0-9\n取货提件订单]{0,6})(?<![0-9])(?P<code>[0-9]{4,8})(?![0-9])"
    r"|(?<![0-9])(?P<first>[0-9]{4,8})(?![0-9])[^0-9\n]{0,4}(?:是|这个)[^0-9\n取货提]{0,3}(?:验证码|校验码|动态码)"
)


def _verification_codes(text: str) -> Iterator[Finding]:
    for match in _CODE.finditer(text):
        reason = "聊天里出现了验证码：任何人都不该索要或发送验证码"
        yield Finding("privacy/验证码", "privacy", "high", "验证码", *match.span(), (), reason)


_MOBILE = re.compile(rf"(?<![0-9a-z])(?:\+?86{_GAP})?(?P<n>1{_GAP}[3-9](?:{_GAP}[0-9]){{9}})(?![0-9])")
_OWN = ("我", "加", "打", "联系", "私", "找", "微信", "vx", "wx", "v", "同号", "call", "致电", "咨询", "电话", "手机")
_OTHERS = (
    "您的", "你的", "您电话", "您手机", "收货", "收件", "客户", "快递", "师傅", "配送", "派送", "取件", "物流", "订单",
    "尾号", "站点", "站长", "小哥", "骑手", "姓名", "地址", "核对", "预留", "绑定", "注册", "登录", "账号", "下单",
    "送货", "送到", "客服热线", "官方", "售后电话", "厂家", "安装", "门店", "网点", "运单", "单号",
    "对吗", "是吗", "对吧", "是吧",
)  # fmt: skip


def _mobiles(text: str) -> Iterator[Finding]:
    for match in _MOBILE.finditer(text):
        before, after = _around(text, *match.span())
        bare = sum(c.isalnum() for c in before + after) <= 2
        own = bare or any(w in before or w in after for w in _OWN)
        if own and not any(w in before or w in after[:8] for w in _OTHERS):
            reason = "客服给出了手机号：联系请走店铺电话或企业微信，私人号码无法追溯"
            yield Finding("contact_leak/手机号", "contact_leak", "high", "手机号", *match.span("n"), (), reason)


_WECHAT_NAME = r"(?:微信|微❤|微心|薇信|威信|徽信|v信|vx|wx|v❤|卫星|微\s?x|加我?\s?微|(?:加|\+)\s?我?\s?v|v(?=\s?[:：]))"
_WECHAT = re.compile(
    rf"(?<![a-z]){_WECHAT_NAME}(?:号码|号|账号|id)?(?:就是|就|是|为|:|：|;|,|，|-|=|\(|（|【|\s|→|👉){{0,3}}"
    rf"(?P<id>{_LATIN_ACCOUNT}|1{_GAP}[3-9](?:{_GAP}[0-9]){{9}})(?![a-z0-9])"
)
_PUBLIC = ("公众", "服务号", "小程序", "关注", "搜索", "订阅号", "官方")
_PAY = re.compile(r"pay|https?|www|com|card|app|vip$")


def _wechat_ids(folded: str, digits: str) -> Iterator[Finding]:
    for match in _WECHAT.finditer(digits):
        before, after = _around(folded, *match.span())
        if any(w in before or w in after[:4] for w in _PUBLIC) or _PAY.match(match.group("id")):
            continue
        if any(w in before for w in ("您的", "你的", "绑定", "登录")):
            continue
        reason = "客服给出了私人微信号：私聊不在存档里，客户出了问题没有凭据"
        yield Finding("contact_leak/微信号", "contact_leak", "high", "微信号", *match.span(), (), reason)


_QQ = re.compile(
    rf"(?:(?<![a-z])qq|扣扣|企鹅号?|(?<![a-z0-9])q(?=[号:：是]))(?:号码|号|群)?(?:就是|就|是|为|:|：|,|，|\s){{0,3}}"
    rf"(?P<id>[1-9](?:{_GAP}[0-9]){{4,10}})(?![0-9])"
)


def _qq_numbers(digits: str) -> Iterator[Finding]:
    for match in _QQ.finditer(digits):
        before, _ = _around(digits, *match.span())
        if not any(w in before for w in ("您的", "你的", "绑定", "登录", "登陆")):
            reason = "客服给出了 QQ 号：联系请走店铺渠道，私人账号无法追溯"
            yield Finding("contact_leak/QQ号", "contact_leak", "high", "QQ号", *match.span(), (), reason)
