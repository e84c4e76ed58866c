"""The ledger: double entry, append-only, posted in the same transaction as the state it explains.

``check_invariants`` compares ledger, budgets and states with each other; tests run it after every
step and ``xiaoer doctor`` runs it on a shop's database.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from bot.red_packets.engine import LIVE, Account, State, money_of
from bot.red_packets.tables import RedPacket, RedPacketCampaign, RedPacketLedger
from bot.wechat_pay.messages import digest


def post(
    db: AsyncSession,
    pairs: Iterable[tuple[Account, Account]],
    *,
    amount_fen: int,
    campaign_id: int,
    packet_id: int | None,
    now: datetime,
) -> None:
    """Add one row for each (debit, credit) pair."""
    for debit, credit in pairs:
        db.add(
            RedPacketLedger(
                at=now,
                campaign_id=campaign_id,
                packet_id=packet_id,
                debit=debit,
                credit=credit,
                amount_fen=amount_fen,
            )
        )


async def balances(db: AsyncSession) -> dict[tuple[int, str], int]:
    """(campaign id, account) → debits minus credits, in fen."""
    return await _balances(db, RedPacketLedger.campaign_id)


async def check_invariants(db: AsyncSession) -> list[str]:
    """Every promise about money that does not hold, as a sentence; an empty list is the only good answer."""
    broken: list[str] = []
    of_campaign = await _balances(db, RedPacketLedger.campaign_id)
    of_packet = await _balances(db, RedPacketLedger.packet_id)
    expected: defaultdict[tuple[int, str], int] = defaultdict(int)
    live: defaultdict[str, list[int]] = defaultdict(list)
    received: defaultdict[str, list[int]] = defaultdict(list)

    for packet in (await db.scalars(select(RedPacket).order_by(RedPacket.id))).all():
        state = State(packet.state)
        account = money_of(state, packet.send_count)
        expected[packet.campaign_id, account] += packet.amount_fen
        broken += _check_postings(packet, account, of_packet)
        if state in LIVE:
            live[packet.order_key].append(packet.id)
        if state is State.RECEIVED:
            received[packet.order_key].append(packet.id)
        broken += _check_packet(packet, state)

    broken += [f"order of packets {ids}: more than one live generation" for ids in live.values() if len(ids) > 1]
    broken += [f"order of packets {ids}: paid more than once" for ids in received.values() if len(ids) > 1]

    for campaign in (await db.scalars(select(RedPacketCampaign))).all():
        if not 0 <= campaign.remaining_fen <= campaign.budget_fen:
            broken.append(f"campaign {campaign.id}: {campaign.remaining_fen} of {campaign.budget_fen} fen remain")
        expected[campaign.id, Account.BUDGET] = campaign.remaining_fen
        expected[campaign.id, Account.FUNDING] = -campaign.budget_fen
    for key in sorted(expected.keys() | of_campaign.keys()):
        if expected[key] != of_campaign.get(key, 0):
            broken.append(
                f"campaign {key[0]}: ledger has {of_campaign.get(key, 0)} fen in {key[1]}, should be {expected[key]}"
            )
    if sum(of_campaign.values()) != 0:
        broken.append("debits and credits differ")
    return broken


def _check_postings(packet: RedPacket, account: Account, of_packet: Mapping[tuple[int, str], int]) -> Iterable[str]:
    for other in (Account.RESERVED, Account.IN_FLIGHT, Account.PAID):
        should = packet.amount_fen if other is account else 0
        if (has := of_packet.get((packet.id, other), 0)) != should:
            yield f"packet {packet.id} ({packet.state}): ledger has {has} fen in {other}, should be {should}"


def _check_packet(packet: RedPacket, state: State) -> Iterable[str]:
    if packet.mch_billno is None:
        yield f"packet {packet.id}: has no bill number"
    may_have_left = packet.send_count > 0
    if may_have_left != (packet.request is not None) or may_have_left != (packet.sending_at is not None):
        yield f"packet {packet.id}: {packet.send_count} attempts do not fit its frozen request"
    if not may_have_left and state not in {State.CREATED, State.APPROVED, State.REJECTED}:
        yield f"packet {packet.id}: is {state} without an attempt"
    if may_have_left and state in {State.CREATED, State.APPROVED, State.REJECTED}:
        yield f"packet {packet.id}: is {state} after an attempt"
    if packet.request is not None and digest(packet.request) != packet.request_sha256:
        yield f"packet {packet.id}: its frozen request was changed"


async def _balances(db: AsyncSession, column: InstrumentedAttribute[Any]) -> dict[tuple[int, str], int]:
    totals: defaultdict[tuple[int, str], int] = defaultdict(int)
    for account, sign in ((RedPacketLedger.debit, 1), (RedPacketLedger.credit, -1)):
        sums: Select[Any] = select(column, account, func.sum(RedPacketLedger.amount_fen)).where(column.is_not(None))
        for row in (await db.execute(sums.group_by(column, account))).all():
            totals[row[0], row[1]] += sign * int(row[2])
    return dict(totals)
