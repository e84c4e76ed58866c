"""Who may get a packet, and which campaign texts are refused."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.red_packets.campaigns import CampaignForm, check_form
from bot.red_packets.eligibility import OrderFacts, Refusal, Rules, find_review_bait, judge

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
ORDER = OrderFacts("taobao", 5900, 0, "finished", NOW - timedelta(days=20), NOW - timedelta(days=10))
RULES = Rules(frozenset({"taobao", "jd"}), 1000, requires_finished=True, hold_days=7)


def test_a_finished_order_past_its_hold_is_paid() -> None:
    assert judge(ORDER, RULES, now=NOW) is None


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"platform": "pdd"}, Refusal.PLATFORM),
        ({"status_class": "unpaid"}, Refusal.NOT_PAID),
        ({"status_class": "dead"}, Refusal.NOT_PAID),
        ({"status_class": "某个没见过的状态"}, Refusal.NOT_PAID),
        ({"paid_fen": 0}, Refusal.NOT_PAID),
        ({"paid_fen": -5}, Refusal.NOT_PAID),
        ({"refunded_fen": -1}, Refusal.NOT_PAID),
        ({"refunded_fen": 5900}, Refusal.REFUNDED),
        ({"refunded_fen": 4901}, Refusal.PAID_TOO_LITTLE),
        ({"status_class": "shipped"}, Refusal.NOT_FINISHED),
        ({"finished_at": NOW - timedelta(days=6)}, Refusal.ON_HOLD),
        ({"finished_at": None}, Refusal.ON_HOLD),
    ],
)
def test_what_speaks_against_an_order_is_named(changed: dict[str, object], code: Refusal) -> None:
    refusal = judge(replace(ORDER, **changed), RULES, now=NOW)  # type: ignore[arg-type]  # a table of fields
    assert refusal is not None
    assert refusal.code is code
    assert refusal.why


def test_an_order_on_hold_says_when_it_will_be_paid() -> None:
    refusal = judge(replace(ORDER, finished_at=NOW - timedelta(days=6)), RULES, now=NOW)
    assert refusal is not None
    assert refusal.eligible_at == NOW + timedelta(days=1)


def test_no_named_platform_means_every_platform() -> None:
    assert judge(replace(ORDER, platform="youzan"), replace(RULES, platforms=frozenset()), now=NOW) is None


@pytest.mark.parametrize(
    "text",
    [
        "五星好评返现",
        "好 评 有 礼",
        "晒图返现5元",
        "給五星領紅包",
        "５星评价送红包",
        "写评价领红包",
        "追评有奖",
        "帮我点赞",
        "好-评",
    ],
)
def test_texts_that_pay_for_good_reviews_are_refused(text: str) -> None:
    assert find_review_bait(text)


@pytest.mark.parametrize("text", ["感谢您的购买", "购物回馈", "恭喜发财，大吉大利", "新客见面礼", "祝您生活愉快"])
def test_texts_that_thank_for_a_purchase_are_accepted(text: str) -> None:
    assert find_review_bait(text) is None


FORM = CampaignForm("回馈", 200, 10_000, NOW, NOW + timedelta(days=30), send_name="小店")


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "好评返现"}, "name"),
        ({"wishing": "五星好评再领一个"}, "wishing"),
        ({"act_name": "一个超过十个汉字的活动名称"}, "act_name"),
        ({"send_name": ""}, "send_name"),
        ({"remark": "一\n二"}, "remark"),
        ({"amount_fen": 99}, "amount"),
        ({"amount_fen": 20_001}, "amount"),
        ({"budget_fen": 199}, "budget"),
        ({"budget_fen": 1_000_000_01}, "budget"),
        ({"min_paid_fen": -1}, "min_paid"),
        ({"per_contact_max": 0}, "per_contact_max"),
        ({"hold_days": 91}, "hold_days"),
        ({"ends_at": NOW}, "ends_at"),
        ({"scene_id": "PRODUCT_9"}, "scene_id"),
    ],
)
def test_a_campaign_that_cannot_work_is_refused_beside_its_field(changed: dict[str, object], field: str) -> None:
    assert check_form(FORM) == {}
    assert set(check_form(replace(FORM, **changed))) == {field}  # type: ignore[arg-type]  # a table of fields
