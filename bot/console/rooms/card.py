"""One contact's card: follows, tags with their receipts, orders, packets and decisions."""

from collections.abc import Sequence
from typing import cast
from urllib.parse import quote

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

import tagger
from bot import decisions
from bot.console.data import ContactCard, DecisionRow, FollowRow, OrderRow, PacketRow, TagReceipt
from bot.console.rooms.conversation import conversation_of
from bot.console.rooms.names import NAMELESS
from bot.console.words import FOLLOW_WORDS
from bot.contacts import store as contacts
from bot.conversations import store as conversations
from bot.orders import listing
from bot.orders import store as orders
from bot.orders.claims import REASONS
from bot.orders.tables import OrderRecord
from bot.red_packets import store as red_packets
from bot.red_packets.words import explain, state_name, state_tone
from kernel.pages import Tone
from tagger.tables import SuggestionRow

HIDDEN_TAG_STATES = frozenset({"rejected", "removed"})


async def get_contact(db: AsyncSession, external_userid: str, *, with_conversation: bool) -> ContactCard | None:
    contact = await contacts.get_contact(db, external_userid)
    if contact is None:
        return None
    follows = await contacts.follows_of(db, [external_userid])
    staff = await contacts.staff_names(db, [follow.userid for follow in follows])
    return ContactCard(
        external_userid=external_userid,
        name=contact.name or NAMELESS,
        kind="企业微信用户" if external_userid.startswith("wo") else "微信用户",
        added_at=contact.first_seen_at,
        follows=[
            FollowRow(
                staff.get(one.userid, one.userid),
                one.remark,
                one.channel_state,
                one.added_at,
                *FOLLOW_WORDS.get(one.state, (one.state, "neutral")),
            )
            for one in follows
        ],
        tags=await _tags(db, external_userid),
        orders=await _orders(db, external_userid),
        packets=await _packets(db, external_userid),
        decisions=[
            DecisionRow(at=one.at, title=one.outcome, why="；".join(one.because))
            for one in await decisions.list_of_contact(db, external_userid)
        ],
        conversation=await conversation_of(db, external_userid) if with_conversation else [],
    )


async def _tags(db: AsyncSession, external_userid: str) -> list[TagReceipt]:
    """Tags that are on first, then those that wait for somebody to confirm them."""
    receipts = []
    for tag in await tagger.tags_of(db, external_userid):
        if tag.state in HIDDEN_TAG_STATES or not tag.receipts:
            continue
        newest = tag.receipts[0]
        message = await conversations.get_message(db, newest.message_key)
        receipts.append(
            TagReceipt(
                group=tag.group,
                tag=tag.tag,
                score=tag.score,
                why=_because(newest, more=len(tag.receipts) - 1),
                quote=message.text if message else "",
                spans=[(int(proof["start"]), int(proof["end"])) for proof in newest.evidence],
                at=newest.created_at,
                by=newest.decided_by or "自动",
                state="" if tag.state == "applied" else "待确认",
                message_key=newest.message_key if message else "",
                rule_href=f"/tags/rules/{quote(newest.rule_id, safe='')}",
            )
        )
    return sorted(receipts, key=lambda one: bool(one.state))


def _because(newest: SuggestionRow, *, more: int) -> str:
    words = "、".join(dict.fromkeys(f"「{proof['matched']}」" for proof in newest.evidence))
    how = "、".join(dict.fromkeys(how for proof in newest.evidence for how in proof.get("how", [])))
    sentence = f"命中规则 {newest.rule_id} 的词 {words}"
    if how:
        sentence += f"（识别方式：{how}）"
    return sentence + (f"，另有 {more} 条消息也命中。" if more else "。")


async def _orders(db: AsyncSession, external_userid: str) -> list[OrderRow]:
    bound = {binding.claim_id: (binding, record) for binding, record in await orders.bindings_of(db, external_userid)}
    rows = []
    for claim in await orders.claims_of(db, external_userid):
        binding, record = bound.get(claim.id, (None, None))
        why = [*claim.reading, *([REASONS[claim.reason]] if REASONS.get(claim.reason) else [])]
        platform = record.platform if record else claim.keys[0].partition(":")[0] if claim.keys else ""
        rows.append(
            OrderRow(
                number=claim.number,
                platform=platform,
                amount_fen=record.paid_fen if record else None,
                state=listing.STATE_NAMES.get(claim.state, claim.state),
                tone=cast("Tone", listing.STATE_TONES.get(claim.state, "neutral")),
                why="；".join(why),
                bound_at=binding.bound_at if binding else None,
                href=f"/orders/one/{quote(record.key, safe=':')}" if record else "",
            )
        )
    return rows


async def _packets(db: AsyncSession, external_userid: str) -> list[PacketRow]:
    packets = await red_packets.packets_of(db, external_userid)
    numbers = await _order_numbers(db, [packet.order_key for packet in packets])
    return [
        PacketRow(
            mch_billno=packet.mch_billno or "",
            amount_fen=packet.amount_fen,
            state=state_name(packet.state),
            tone=state_tone(packet.state),
            why=explain(packet.state_reason, packet.reason_detail),
            at=packet.created_at,
            order_number=numbers.get(packet.order_key, ""),
            href=f"/red-packets/{packet.id}",
        )
        for packet in packets
    ]


async def _order_numbers(db: AsyncSession, keys: Sequence[str]) -> dict[str, str]:
    rows = await db.execute(select(OrderRecord.key, OrderRecord.number).where(OrderRecord.key.in_(keys)))
    return dict(rows.all())
