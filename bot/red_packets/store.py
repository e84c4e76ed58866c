"""Reserve, reissue, reject and read red packets. Functions take ``db`` and never commit.

``reserve`` is the only door to a first packet: one order key pays once, whoever claims it, and the
unique indexes of the table hold even where these functions would be wrong.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.red_packets.campaigns import get_open_campaign, get_switch
from bot.red_packets.eligibility import NotEligible, OrderFacts, Refusal, Rules, judge
from bot.red_packets.engine import (
    GENERATIONS_MAX,
    LIVE,
    REISSUABLE,
    Account,
    State,
    bill_number,
)
from bot.red_packets.errors import NotAllowed
from bot.red_packets.ledger import post
from bot.red_packets.moves import Entry, OnChange, get_packet, give_back, move, take
from bot.red_packets.tables import RedPacket, RedPacketAttempt, RedPacketCampaign
from kernel.database import count_changed, insert_once

SEND_NET = timedelta(minutes=10)  # a packet nobody sent by then is found by poll_due


@dataclass(frozen=True, slots=True)
class Reserved:
    """Money is reserved and the bill number chosen; commit, then send."""

    packet: RedPacket


@dataclass(frozen=True, slots=True)
class AlreadyReserved:
    """The order has a packet, perhaps another contact's: compare ``packet.external_userid``."""

    packet: RedPacket


async def reserve(  # noqa: PLR0911  # one return for each way a claim can end
    db: AsyncSession,
    *,
    order_key: str,
    claim_id: str,
    external_userid: str,
    order: OrderFacts,
    mch_id: str,
    now: datetime,
) -> Reserved | AlreadyReserved | NotEligible:
    """Reserve the open campaign's amount for an order. Repeating it changes nothing.

    ``order_key`` is the normalised key of the order, unique over platforms; the answer for a known key
    is AlreadyReserved in whatever state its latest generation is.
    """
    if latest := await get_latest(db, order_key):
        return AlreadyReserved(latest)
    switch = await get_switch(db)
    if switch is None or not switch.open:
        return NotEligible(Refusal.SWITCHED_OFF, "红包发放已停用（紧急停发）")
    campaign = await get_open_campaign(db, now=now)
    if campaign is None:
        return NotEligible(Refusal.NO_CAMPAIGN, "现在没有进行中的红包活动")
    rules = Rules(
        platforms=frozenset(campaign.platforms),
        min_paid_fen=campaign.min_paid_fen,
        requires_finished=campaign.requires_finished,
        hold_days=campaign.hold_days,
    )
    if refusal := judge(order, rules, now=now):
        return refusal
    # From here on the campaign's row is locked (PostgreSQL) or the whole database is (SQLite):
    # reservations of one campaign queue, so the count below cannot be outrun.
    if not await take(db, campaign.id, campaign.amount_fen):
        return NotEligible(Refusal.BUDGET_EMPTY, "活动预算已经用完")
    if await _count_of_contact(db, campaign.id, external_userid) >= campaign.per_contact_max:
        await give_back(db, campaign.id, campaign.amount_fen)
        return NotEligible(Refusal.CONTACT_LIMIT, f"这位客户已经领过，每人最多 {campaign.per_contact_max} 个")
    packet = await _add_generation(
        db,
        order_key=order_key,
        claim_id=claim_id,
        generation=1,
        campaign=campaign,
        external_userid=external_userid,
        mch_id=mch_id,
        now=now,
        entry=Entry("note", "reserved", summary=f"活动「{campaign.name}」，订单符合条件，预留金额并定下单号"),
    )
    if packet is None:  # another transaction reserved the same order while we waited
        await give_back(db, campaign.id, campaign.amount_fen)
        latest = await get_latest(db, order_key)
        assert latest is not None, "the row we collided with is committed"
        return AlreadyReserved(latest)
    return Reserved(packet)


async def reissue(db: AsyncSession, packet_id: int, *, mch_id: str, by: str, now: datetime) -> RedPacket:
    """A new generation under the same claim, after the old one is proven failed or returned. Raises NotAllowed."""
    old = await get_packet(db, packet_id)
    latest = await get_latest(db, old.order_key)
    if latest is None or latest.id != old.id:
        raise NotAllowed("这笔订单已经重新发放过，请看最新的一笔")
    if State(old.state) not in REISSUABLE:
        raise NotAllowed("只有确定发放失败、或已退回的红包可以重新发放")
    if old.generation >= GENERATIONS_MAX:
        raise NotAllowed(f"同一笔订单最多发放 {GENERATIONS_MAX} 次，请人工处理")
    campaign = await db.get_one(RedPacketCampaign, old.campaign_id)
    if not await take(db, campaign.id, old.amount_fen):
        raise NotAllowed("活动预算不够，请先增加预算")
    packet = await _add_generation(
        db,
        order_key=old.order_key,
        claim_id=old.claim_id,
        generation=old.generation + 1,
        campaign=campaign,
        external_userid=old.external_userid,
        mch_id=mch_id,
        now=now,
        amount_fen=old.amount_fen,
        entry=Entry("note", "reissued", summary=f"重新发放第 {old.generation} 次的红包 {old.mch_billno}", by=by),
    )
    if packet is None:
        await give_back(db, campaign.id, old.amount_fen)
        raise NotAllowed("另一位同事刚刚重新发放了这笔红包")
    return packet


async def reject(
    db: AsyncSession, packet_id: int, *, by: str, why: str, now: datetime, on_change: OnChange | None = None
) -> RedPacket:
    """Withdraw a packet that was never sent; its money goes back to the budget. Raises NotAllowed."""
    packet = await get_packet(db, packet_id)
    if State(packet.state) not in {State.CREATED, State.APPROVED}:
        raise NotAllowed("这个红包已经开始发放，不能撤回")
    entry = Entry("note", "rejected", summary=why, by=by)
    moved = await move(
        db, packet, to=State.REJECTED, reason="rejected", entry=entry, now=now, look_at=None, on_change=on_change
    )
    if moved is None:
        raise NotAllowed("这个红包刚刚有了变化，请刷新再看")
    return moved


async def look_now(db: AsyncSession, packet_id: int, *, by: str, now: datetime) -> None:
    """Ask for a query (and, where allowed, a repeat) at the next round. Raises NotAllowed."""
    packet = await get_packet(db, packet_id)
    if packet.look_at is None:
        raise NotAllowed("这个红包已经有结果，或者要由两位负责人处理")
    entry = Entry("note", "look_now", summary="请求立即查询", by=by)
    moved = await move(
        db, packet, to=State(packet.state), reason=packet.state_reason, entry=entry, now=now, look_at=now
    )
    if moved is None:
        raise NotAllowed("这个红包刚刚有了变化，请刷新再看")


async def get_latest(db: AsyncSession, order_key: str) -> RedPacket | None:
    """The latest generation of an order's packet."""
    return (
        await db.scalars(
            select(RedPacket)
            .where(RedPacket.order_key == order_key)
            .order_by(RedPacket.generation.desc())
            .limit(1)
            .execution_options(populate_existing=True)
        )
    ).one_or_none()


@dataclass(frozen=True, slots=True)
class PacketFilter:
    """What a list of packets shows; empty fields do not narrow."""

    state: str = ""
    campaign_id: int | None = None
    search: str = ""  # part of an order key, bill number or contact


SORTS: Mapping[str, ColumnElement[Any]] = {
    "created_at": RedPacket.id.expression,
    "amount_fen": RedPacket.amount_fen.expression,
    "state": RedPacket.state.expression,
}


async def list_packets(
    db: AsyncSession,
    wanted: PacketFilter,
    *,
    sort: str = "created_at",
    descending: bool = True,
    offset: int = 0,
    limit: int = 50,
) -> list[RedPacket]:
    """One page of packets, the newest first unless asked otherwise."""
    order = SORTS[sort]
    rows = (
        select(RedPacket)
        .where(*_conditions(wanted))
        .order_by(order.desc() if descending else order.asc(), RedPacket.id)
    )
    return list(await db.scalars(rows.offset(offset).limit(limit)))


@dataclass(frozen=True, slots=True)
class Sum:
    count: int
    amount_fen: int


async def sums(db: AsyncSession, wanted: PacketFilter) -> dict[str, Sum]:
    """State → how many packets and how much money, over all pages."""
    columns = select(RedPacket.state, func.count(), func.sum(RedPacket.amount_fen))
    rows = await db.execute(columns.where(*_conditions(wanted)).group_by(RedPacket.state))
    return {row[0]: Sum(int(row[1]), int(row[2])) for row in rows.all()}


async def packets_of(db: AsyncSession, external_userid: str) -> list[RedPacket]:
    """A contact's packets, the newest first."""
    mine = select(RedPacket).where(RedPacket.external_userid == external_userid)
    return list(await db.scalars(mine.order_by(RedPacket.id.desc())))


async def timeline(db: AsyncSession, packet_id: int) -> list[RedPacketAttempt]:
    """Everything that happened to a packet, the oldest first."""
    of_packet = select(RedPacketAttempt).where(RedPacketAttempt.packet_id == packet_id)
    return list(await db.scalars(of_packet.order_by(RedPacketAttempt.id)))


def _conditions(wanted: PacketFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.state:
        conditions.append(RedPacket.state == wanted.state)
    if wanted.campaign_id is not None:
        conditions.append(RedPacket.campaign_id == wanted.campaign_id)
    if wanted.search:
        columns = (RedPacket.order_key, RedPacket.mch_billno, RedPacket.external_userid)
        conditions.append(or_(*(column.contains(wanted.search, autoescape=True) for column in columns)))
    return conditions


async def _count_of_contact(db: AsyncSession, campaign_id: int, external_userid: str) -> int:
    mine = select(func.count()).where(
        RedPacket.campaign_id == campaign_id,
        RedPacket.external_userid == external_userid,
        RedPacket.state.in_(sorted(LIVE)),
    )
    return int(await db.scalar(mine) or 0)


async def _add_generation(
    db: AsyncSession,
    *,
    order_key: str,
    claim_id: str,
    generation: int,
    campaign: RedPacketCampaign,
    external_userid: str,
    mch_id: str,
    now: datetime,
    entry: Entry,
    amount_fen: int | None = None,
) -> RedPacket | None:
    amount_fen = campaign.amount_fen if amount_fen is None else amount_fen
    values = {
        "order_key": order_key,
        "claim_id": claim_id,
        "generation": generation,
        "campaign_id": campaign.id,
        "external_userid": external_userid,
        "amount_fen": amount_fen,
        "state": State.APPROVED,
        "state_reason": entry.answer,
        "reason_detail": "",
        "version": 1,
        "send_count": 0,
        "created_at": now,
        "look_at": now + SEND_NET if generation == 1 else now,
    }
    if not await insert_once(db, RedPacket, values, unique=("order_key", "generation")):
        return None
    packet = await get_latest(db, order_key)
    assert packet is not None, "the row was just inserted"
    number = bill_number(mch_id=mch_id, created_at=now, packet_id=packet.id, generation=generation)
    numbered = update(RedPacket).where(RedPacket.id == packet.id).values(mch_billno=number)
    await db.execute(numbered.execution_options(synchronize_session=False))
    reserved = [(Account.RESERVED, Account.BUDGET)]
    post(db, reserved, amount_fen=amount_fen, campaign_id=campaign.id, packet_id=packet.id, now=now)
    db.add(
        RedPacketAttempt(
            packet_id=packet.id,
            kind=entry.kind,
            at=now,
            answer=entry.answer,
            summary=entry.summary,
            state_before=State.CREATED,
            state_after=State.APPROVED,
            reason=entry.answer,
            by=entry.by,
        )
    )
    await db.flush()
    return await get_packet(db, packet.id)


async def look_at_interrupted(db: AsyncSession, *, now: datetime) -> int:
    """A process died: packets that were being sent are queried now instead of when their lease ends.

    Safe while another process still sends: its answer finds a newer version and is kept without effect.
    """
    interrupted = update(RedPacket).where(RedPacket.state == State.SENDING, RedPacket.look_at > now)
    return await count_changed(db, interrupted.values(look_at=now))
