"""Order numbers in chat: claim, bind, reserve a red packet, and answer where WeCom lets a program answer.

One order binds once (a unique row is the lock) and pays once (a unique reservation is the lock); both
are written in the transaction that handles the message. Answers go out only through 微信客服; a number
that came through the archive is bound and paid all the same, and a person does the talking.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

import scripts_library
from bot import decisions, mailbox, money
from bot.conversations import store as conversations
from bot.conversations.store import Said
from bot.conversations.tables import Message
from bot.decisions import DecisionKind
from bot.handlers.context import Context
from bot.kinds import OutboxKind
from bot.mailbox import Lane
from bot.orders import reading, splitting
from bot.orders import store as orders
from bot.orders.candidates import Candidate
from bot.orders.claims import REASONS, ClaimOutcome, FoundOrder
from bot.orders.tables import OrderBinding, OrderClaim
from bot.red_packets import campaigns
from bot.red_packets import store as red_packets
from bot.red_packets.eligibility import NotEligible, OrderFacts
from bot.red_packets.engine import State
from bot.red_packets.store import Reserved
from bot.red_packets.tables import RedPacket
from scripts_library import store as scripts

ORDERS_PER_MESSAGE_MAX = 5
RECONSIDERED_AT_ONCE = 200  # bound orders looked at again in one transaction, the newest
RECONSIDERED_FOR = timedelta(days=60)
_DIGIT = re.compile(r"\d")  # half a number has at least one; saves a query for every other message
SPLIT_WITHIN = timedelta(seconds=120)  # a number sent in two halves
# Numbers people send when they mean their order: worth a hint. Others (a phone number) may be meant as they are.
MISTAKEN_KINDS = frozenset({"waybill", "alipay_trade", "wechat_trade", "merchant_trade", "refund_id", "damaged"})

# What a packet's new state means for the person who reads the contact card.
PACKET_NEWS = {
    State.SENT: "红包已发出，等待领取",
    State.RECEIVED: "红包已领取",
    State.RETURNED: "红包超时未领取，已退回",
    State.FAILED_FINAL: "红包发放失败（已确认没有付款）",
    State.REJECTED: "红包没有发放",
    State.UNKNOWN: "红包结果不明，正在查询（不会换单号重发）",
    State.HELD: "红包受当日限额影响，稍后再发",
    State.BLOCKED_CONFIG: "红包通道需要处理后才能继续",
    State.MANUAL: "红包需要人工核对",
}


async def on_customer_text(said: Said, ctx: Context) -> None:
    """Read the numbers of one message and act on each."""
    read = reading.extract(said.text, role="customer", today=ctx.now.date())
    candidates = list(read.orders[:ORDERS_PER_MESSAGE_MAX])
    if not candidates and _DIGIT.search(said.text):
        candidates = await _joined_with_previous(said, ctx)
    for candidate in candidates:
        outcome = await orders.claim(
            ctx.db,
            candidate,
            external_userid=said.external_userid,
            userid=said.partner if said.origin == "archive" else None,
            origin=said.origin,
            message_key=said.key,
            now=ctx.now,
            is_correction=read.is_correction,
        )
        await _act_on(
            outcome, ctx, because=[f"从消息里读到 {_tail(candidate.number)}（可信度 {candidate.confidence}）"]
        )
    if not candidates and said.origin == "kf":
        hint = next((one.hint for one in read.refused if one.kind in MISTAKEN_KINDS), "")
        if hint:
            await _answer(ctx.db, said.partner, said.external_userid, hint, key=f"answer:{said.key}:hint", now=ctx.now)


async def on_orders_imported(_payload: Mapping[str, Any], ctx: Context) -> None:
    """New orders are there: look at waiting claims again. A customer hears only of what changed."""
    await on_claims_rechecked(await orders.recheck_waiting(ctx.db, now=ctx.now), ctx)
    if ctx.mch_id:
        await _reconsider(ctx)


async def on_claims_rechecked(outcomes: Iterable[ClaimOutcome], ctx: Context) -> None:
    """Claims that an import has settled."""
    for outcome in outcomes:
        await _act_on(outcome, ctx, because=["导入新订单后重新查找"])


async def on_packet_changed(db: AsyncSession, packet: RedPacket, *, clock: Callable[[], datetime]) -> None:
    """Runs inside the transaction that changes a packet's state: note it, and tell the customer when it was sent."""
    now = clock()
    state = State(packet.state)
    if state not in PACKET_NEWS:
        return
    campaign = await campaigns.get_campaign(db, packet.campaign_id)
    await decisions.add(
        db,
        DecisionKind.RED_PACKET,
        key=f"packet:{packet.id}:{state}",
        external_userid=packet.external_userid,
        outcome=f"{PACKET_NEWS[state]} {money.format_yuan(packet.amount_fen)} 元",
        because=[
            f"订单 {_tail(packet.order_key)} 已登记，符合活动「{campaign.name}」的条件",
            f"商户单号 {packet.mch_billno}",
            *([packet.reason_detail] if packet.reason_detail else []),
        ],
        now=now,
    )
    if state is State.SENT:
        claim = await db.get(OrderClaim, int(packet.claim_id))
        if claim is not None:
            await _say(
                db,
                "kf_bound",
                claim.message_key,
                {"订单尾号": claim.number[-4:], "红包金额": f"{money.format_yuan(packet.amount_fen)} 元"},
                key=f"answer:claim:{claim.id}:bound",
                now=now,
            )


async def _reconsider(ctx: Context) -> None:
    """Judge bound orders without a packet again: not finished, on hold or switched off at the time of binding."""
    has_packet = exists().where(RedPacket.order_key == OrderBinding.order_key)
    query = (
        select(OrderBinding, OrderClaim)
        .join(OrderClaim, OrderClaim.id == OrderBinding.claim_id)
        .where(~has_packet, OrderBinding.bound_at >= ctx.now - RECONSIDERED_FOR)
        .order_by(OrderBinding.bound_at.desc())
        .limit(RECONSIDERED_AT_ONCE)
    )
    for binding, claim in (await ctx.db.execute(query)).all():
        order = await orders.get_order(ctx.db, binding.order_key)
        if order is not None:
            outcome = ClaimOutcome(
                kind="bound",
                reason="",
                claim_id=claim.id,
                number=claim.number,
                external_userid=binding.external_userid,
                userid=claim.userid,
                origin=claim.origin,
                message_key=claim.message_key,
                order=order,
            )
            await _reserve(outcome, order, ctx, quiet=True)


async def _act_on(outcome: ClaimOutcome, ctx: Context, *, because: list[str]) -> None:
    tail = _tail(outcome.number)
    name = _placeholders(outcome, ctx)
    why = [*because, *([REASONS[outcome.reason]] if REASONS.get(outcome.reason) else [])]
    if outcome.kind == "bound" and outcome.order is not None:
        await _note(ctx, outcome, f"订单 {tail} 登记成功", [*why, "在导入的订单里找到，且没有其他客户登记过"])
        await _reserve(outcome, outcome.order, ctx)
    elif outcome.kind == "not_found":
        await _note(ctx, outcome, f"订单 {tail} 还没找到，等待下次导入", why)
        key = f"answer:claim:{outcome.claim_id}:not_found"
        await _say(ctx.db, "kf_not_found", outcome.message_key, name, key=key, now=ctx.now)
    elif outcome.kind == "not_eligible":
        await _note(ctx, outcome, f"订单 {tail} 不符合条件", why)
        await _say_once(ctx, "kf_not_eligible", outcome, name)
    elif outcome.kind == "too_many":
        await _note(ctx, outcome, f"订单 {tail} 暂不登记", why)
        await _say_once(ctx, "kf_waiting", outcome, name)
    else:  # taken, already_yours: the same neutral words
        said = "已登记在别的客户名下" if outcome.kind == "taken" else "这位客户已经登记过"
        await _note(ctx, outcome, f"订单 {tail} {said}", why)
        await _say_once(ctx, "kf_taken", outcome, name)


async def _reserve(outcome: ClaimOutcome, order: FoundOrder, ctx: Context, *, quiet: bool = False) -> None:
    """Reserve the campaign's packet for a bound order and queue its sending; say why when there is none.

    ``quiet``: the customer has had an answer already; only a packet is news.
    """
    name = _placeholders(outcome, ctx)
    if not ctx.mch_id:
        if not quiet:
            await _say_once(ctx, "kf_waiting", outcome, name)
        return
    facts = OrderFacts(
        platform=order.platform,
        paid_fen=order.paid_fen or 0,
        refunded_fen=order.refunded_fen,
        status_class=order.status,
        paid_at=order.paid_at,
        finished_at=order.finished_at,
    )
    result = await red_packets.reserve(
        ctx.db,
        order_key=order.key,
        claim_id=str(outcome.claim_id),
        external_userid=outcome.external_userid,
        order=facts,
        mch_id=ctx.mch_id,
        now=ctx.now,
    )
    if isinstance(result, NotEligible):
        await decisions.add(
            ctx.db,
            DecisionKind.RED_PACKET,
            key=f"no_packet:{outcome.claim_id}",
            external_userid=outcome.external_userid,
            outcome="没有发红包",
            because=[result.why],
            now=ctx.now,
        )
        if not quiet:
            await _say_once(ctx, "kf_not_eligible", outcome, name)
    elif isinstance(result, Reserved):
        packet = result.packet
        await mailbox.put(
            ctx.db,
            Lane.CALLS,
            OutboxKind.SEND_RED_PACKET,
            {"packet_id": packet.id},
            key=f"packet:{packet.id}",
            now=ctx.now,
        )
    elif not quiet:  # the order was paid for before, under a binding that has been taken back since
        await _say_once(ctx, "kf_taken", outcome, name)


async def _joined_with_previous(said: Said, ctx: Context) -> list[Candidate]:
    """A number sent in two halves within two minutes, nothing between them."""
    before = await conversations.previous_text(ctx.db, said, since=said.sent_at - SPLIT_WITHIN)
    joined = splitting.join_split(before.text, said.text) if before is not None else None
    return list(joined.orders[:ORDERS_PER_MESSAGE_MAX]) if joined is not None else []


async def _note(ctx: Context, outcome: ClaimOutcome, text: str, because: list[str]) -> None:
    await decisions.add(
        ctx.db,
        DecisionKind.ORDER,
        key=f"claim:{outcome.claim_id}:{outcome.message_key}:{outcome.kind}",
        external_userid=outcome.external_userid,
        outcome=text,
        because=because,
        now=ctx.now,
    )


async def _say_once(ctx: Context, kind: str, outcome: ClaimOutcome, values: Mapping[str, str]) -> None:
    """Answer this message with a script, once for each number in it."""
    key = f"answer:{outcome.message_key}:{outcome.claim_id}:{kind}"
    await _say(ctx.db, kind, outcome.message_key, values, key=key, now=ctx.now)


async def _say(
    db: AsyncSession, kind: str, message_key: str, values: Mapping[str, str], *, key: str, now: datetime
) -> None:
    """Answer a 微信客服 message with the current script of a kind; silent where a program may not speak."""
    message: Message | None = await conversations.get_message(db, message_key)
    if message is None or message.origin != "kf":
        return
    choice = await scripts.current(db, kind, at=now)
    script = choice.script
    if script is None:
        await decisions.add(
            db,
            DecisionKind.ANSWER,
            key=key,
            external_userid=message.external_userid,
            outcome="没有回复客户",
            because=choice.why,
            now=now,
        )
        return
    text = scripts_library.render(script.body, values, kind=script.kind).text
    await _answer(db, message.partner, message.external_userid, text, key=key, now=now)


async def _answer(
    db: AsyncSession, open_kfid: str, external_userid: str, text: str, *, key: str, now: datetime
) -> None:
    await mailbox.put(
        db,
        Lane.CALLS,
        OutboxKind.SEND_KF,
        {"open_kfid": open_kfid, "external_userid": external_userid, "text": text},
        key=key,
        now=now,
        subject=f"{external_userid}:kf",
    )


def _placeholders(outcome: ClaimOutcome, ctx: Context) -> dict[str, str]:
    return {"订单尾号": outcome.number[-4:], "店铺名": ctx.shop_name}


def _tail(number: str) -> str:
    """How a page names an order without showing all of it."""
    return f"…{number[-4:]}"
