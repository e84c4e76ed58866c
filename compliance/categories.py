"""The ten categories, the severities and the folds, with the words a reviewer reads for them. Data only."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["customer", "staff"]
Severity = Literal["low", "medium", "high"]

STAFF: frozenset[Role] = frozenset({"staff"})
CUSTOMER: frozenset[Role] = frozenset({"customer"})
EITHER: frozenset[Role] = frozenset({"staff", "customer"})

SEVERITY_NAMES: dict[Severity, str] = {"high": "高", "medium": "中", "low": "低"}
SEVERITY_RANK: dict[str, int] = {"low": 1, "medium": 2, "high": 3}
ROLE_NAMES: dict[frozenset[Role], str] = {STAFF: "客服", CUSTOMER: "客户", EITHER: "双方"}


@dataclass(frozen=True, slots=True)
class Category:
    """``id`` is what the rest of the product stores; ``name`` and ``about`` are what a person reads."""

    id: str
    name: str
    about: str


CATEGORIES: tuple[Category, ...] = (
    Category("off_platform", "私下交易", "引导客户离开店铺付款或加私人账号"),
    Category("contact_leak", "私人联系方式", "客服把私人手机号、微信号、QQ 号给了客户"),
    Category("review_bribe", "好评返现", "用红包、返现、赠品换评价"),
    Category("guarantee", "违规承诺", "承诺做不到或不许承诺的结果"),
    Category("medical_claim", "医疗宣称", "普通商品说成能治病"),
    Category("superlative", "极限用语", "《广告法》第九条不许用的绝对化说法"),
    Category("service_attitude", "服务态度", "不耐烦、推诿、顶撞客户"),
    Category("complaint_risk", "投诉风险", "客户表示要投诉、曝光、起诉，请尽快跟进"),
    Category("abuse", "辱骂", "任何一方辱骂对方"),
    Category("privacy", "敏感信息", "证件号、银行卡号、密码、验证码"),
)
CATEGORY_OF: dict[str, Category] = {category.id: category for category in CATEGORIES}

FOLD_NAMES: dict[str, str] = {
    "width": "全角或特殊字形",
    "case": "大小写",
    "traditional": "繁体字",
    "invisible": "夹了看不见的字符",
    "symbols": "字间夹了空格、符号或表情",
    "repeats": "字重复写",
    "homophone": "同音字",
    "pinyin": "写成拼音",
    "initials": "写成拼音首字母",
    "split": "把字拆开写",
    "spelling": "换了写法",
    "digits": "数字换了写法",
}
