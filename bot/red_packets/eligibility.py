"""Who may get a packet, and what a campaign may say. Pure.

An order number is a claim; these rules look at the order a trusted source reported. Every refusal has
a code for machines and a sentence for staff. What the customer hears is the bot's business (neutral and short).
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from kernel.text import fold

PAID_CLASSES: Final = frozenset({"paid", "shipped", "finished"})
FINISHED: Final = "finished"


class Refusal(StrEnum):
    NO_CAMPAIGN = "no_campaign"
    SWITCHED_OFF = "switched_off"
    PLATFORM = "platform"
    NOT_PAID = "not_paid"
    REFUNDED = "refunded"
    PAID_TOO_LITTLE = "paid_too_little"
    NOT_FINISHED = "not_finished"
    ON_HOLD = "on_hold"
    CONTACT_LIMIT = "contact_limit"
    BUDGET_EMPTY = "budget_empty"


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """The order as a brand-controlled source reports it; ``status_class``: unpaid paid shipped finished dead."""

    platform: str
    paid_fen: int
    refunded_fen: int
    status_class: str
    paid_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Rules:
    """What one campaign asks of an order."""

    platforms: frozenset[str]  # empty: every platform
    min_paid_fen: int
    requires_finished: bool
    hold_days: int


@dataclass(frozen=True, slots=True)
class NotEligible:
    code: Refusal
    why: str
    eligible_at: datetime | None = None  # when only waiting is missing


def judge(  # noqa: PLR0911  # one return for each rule reads best
    order: OrderFacts, rules: Rules, *, now: datetime
) -> NotEligible | None:
    """The first reason against paying for this order, or None. What is not known counts against it."""
    if rules.platforms and order.platform not in rules.platforms:
        return NotEligible(Refusal.PLATFORM, "这个平台的订单不在活动范围内")
    if order.status_class not in PAID_CLASSES:
        return NotEligible(Refusal.NOT_PAID, "订单没有付款，或者已经关闭")
    if order.paid_fen <= 0 or order.refunded_fen < 0:
        return NotEligible(Refusal.NOT_PAID, "订单的实付金额不明")
    if order.refunded_fen >= order.paid_fen:
        return NotEligible(Refusal.REFUNDED, "订单已经全额退款")
    if order.paid_fen - order.refunded_fen < rules.min_paid_fen:
        return NotEligible(Refusal.PAID_TOO_LITTLE, "实付金额（扣除退款）没有达到活动的最低金额")
    if rules.requires_finished and order.status_class != FINISHED:
        return NotEligible(Refusal.NOT_FINISHED, "订单还没有完成（等待确认收货）")
    if rules.hold_days:
        since = order.finished_at if rules.requires_finished else order.paid_at
        if since is None:
            return NotEligible(Refusal.ON_HOLD, "订单缺少完成时间或付款时间，无法计算等待天数")
        eligible_at = since + timedelta(days=rules.hold_days)
        if now < eligible_at:
            why = f"还在等待期内（{rules.hold_days} 天），到期后可以发放"
            return NotEligible(Refusal.ON_HOLD, why, eligible_at)
    return None


# Rewards for good reviews are unlawful (网络反不正当竞争暂行规定, Art. 9), and so is asking for likes and votes.
_BAIT = re.compile(
    r"好评|[五5]星|满星|[五5]分(?:好|评|满)|满分|全五分|晒[图单照]|追评|刷[单评]|带图评|评[价论].{0,8}(?:返|红包|奖|领|送|截图)"
    r"|(?:返|红包|奖|领|送|写|发|给).{0,8}评[价论]|集赞|点赞|投票|返现"
)
_DROPPED = re.compile(r"[\W_]+")


def find_review_bait(text: str) -> str | None:
    """The words in ``text`` that pay for good reviews, likes or votes, however they are spaced; None when clean."""
    found = _BAIT.search(_DROPPED.sub("", fold(text).text))
    return found[0] if found else None
