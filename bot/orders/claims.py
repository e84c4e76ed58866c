"""What a claim can come to, and why an order may not be bound yet. Pure.

Every outcome is neutral towards the customer: it never says whose an order is, nor which digit was wrong.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

ClaimKind = Literal["bound", "already_yours", "taken", "not_found", "not_eligible", "too_many"]

MISSES_MAX = 3  # numbers not found per contact ...
MISSES_WITHIN = timedelta(minutes=10)  # ... in this time
MISSES_PER_DAY_MAX = 10
CORRECTION_WITHIN = timedelta(minutes=2)  # a corrected number replaces the miss before it
CLAIM_WAITS = timedelta(days=15)  # then an unmatched claim expires

# Reason codes and what the page says.
REASONS = {
    "": "",
    "not_imported": "导入的订单里还没有这个号码，下次导入后会自动再查",
    "ambiguous": "不止一个平台有这个号码，需要人工核对",
    "unpaid": "订单还没有付款，付款并导入后会自动再查",
    "dead": "订单已关闭或已取消",
    "refunded": "订单已全额退款",
    "unknown_status": "订单状态不在对照表里，请补充对照表后重新导入",
    "no_amount": "订单实付金额缺失或为 0",
    "other_contact": "这个订单已经登记在另一位客户名下",
    "too_many": "短时间内查不到的号码太多，暂停登记",
    "corrected": "客户随后更正了号码",
    "expired": "等了 15 天仍没有查到",
    "unbound": "由同事解除登记",
    "repeated": "客户自己已经登记过",
}
# Refusals a later import may lift: these claims are looked at again.
MAY_CHANGE = frozenset({"unpaid", "unknown_status", "no_amount"})


@dataclass(frozen=True, slots=True)
class FoundOrder:
    """An order as the records know it."""

    key: str
    platform: str
    shop: str
    number: str
    status: str
    status_text: str
    paid_fen: int | None
    refunded_fen: int
    paid_at: datetime | None
    finished_at: datetime | None
    products: tuple[str, ...]
    import_id: int
    import_row: int


@dataclass(frozen=True, slots=True)
class Found:
    order: FoundOrder
    by: str  # number | sub_number


@dataclass(frozen=True, slots=True)
class NotFound:
    pass


@dataclass(frozen=True, slots=True)
class Ambiguous:
    keys: tuple[str, ...]


Lookup = Found | NotFound | Ambiguous


@dataclass(frozen=True, slots=True)
class ClaimOutcome:
    """What to answer and what to do next. ``order`` is there for bound and already_yours only."""

    kind: ClaimKind
    reason: str  # a code of REASONS
    claim_id: int
    number: str
    external_userid: str
    userid: str | None
    origin: str
    message_key: str
    order: FoundOrder | None = None


def refusal(order: FoundOrder) -> str:
    """Why an order cannot be bound, as a code of REASONS; "" when it can."""
    if order.status in {"dead", "unpaid"}:
        return order.status
    if order.status not in {"paid", "finished"}:
        return "unknown_status"
    if not order.paid_fen:
        return "no_amount"
    return "refunded" if order.refunded_fen >= order.paid_fen else ""
