"""The one way a packet changes state: compare-and-set on its version; ledger and history in the same transaction."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.red_packets.engine import FINAL, RELEASED, TRANSITIONS, State, money_of, postings
from bot.red_packets.ledger import post
from bot.red_packets.tables import RedPacket, RedPacketAttempt, RedPacketCampaign
from kernel.database import count_changed

OnChange = Callable[[AsyncSession, RedPacket], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Entry:
    """What happened, for the packet's history. ``summary`` is masked already."""

    kind: str  # send | query | note
    answer: str
    err_code: str = ""
    summary: str = ""
    by: str = ""


async def get_packet(db: AsyncSession, packet_id: int) -> RedPacket:
    """The packet as the database has it now. Raises LookupError."""
    found = await db.scalar(
        select(RedPacket).where(RedPacket.id == packet_id).execution_options(populate_existing=True)
    )
    if found is None:
        raise LookupError(f"no red packet {packet_id}")
    return found


async def move(
    db: AsyncSession,
    packet: RedPacket,
    *,
    to: State,
    reason: str,
    entry: Entry | None,
    now: datetime,
    look_at: datetime | None,
    values: dict[str, object] | None = None,
    on_change: OnChange | None = None,
) -> RedPacket | None:
    """Move ``packet``, as it was read, to ``to``; None when someone else moved it first.

    Then nothing changes but the history, which keeps the late answer marked as without effect.
    Raises AssertionError for a transition the engine does not know: a fault of ours, nothing is written.
    """
    before = State(packet.state)
    assert to is before or to in TRANSITIONS[before], f"no way from {before} to {to}"
    values = dict(values or {})
    send_count = values.get("send_count", packet.send_count)
    assert isinstance(send_count, int)
    values |= {"state": to, "state_reason": reason, "look_at": look_at, "version": packet.version + 1}
    if to in FINAL and before is not to:
        values["settled_at"] = now
    values.setdefault("reason_detail", "")
    won = await count_changed(
        db,
        update(RedPacket)
        .where(RedPacket.id == packet.id, RedPacket.version == packet.version)
        .values(**values)
        .execution_options(synchronize_session=False),
    )
    if entry is not None:
        db.add(_history(packet, entry, at=now, after=to if won else before, reason=reason, applied=bool(won)))
    if not won:
        return None
    money = postings(money_of(before, packet.send_count), money_of(to, send_count))
    post(db, money, amount_fen=packet.amount_fen, campaign_id=packet.campaign_id, packet_id=packet.id, now=now)
    if to in RELEASED and before not in RELEASED:
        await give_back(db, packet.campaign_id, packet.amount_fen)
    await db.flush()
    moved = await get_packet(db, packet.id)
    if on_change is not None and to is not before:
        await on_change(db, moved)
    return moved


async def take(db: AsyncSession, campaign_id: int, amount_fen: int) -> bool:
    """Take from a campaign's remaining budget, if there is enough: one statement, so never below zero."""
    enough = (RedPacketCampaign.id == campaign_id, RedPacketCampaign.remaining_fen >= amount_fen)
    return await _change_remaining(db, -amount_fen, *enough)


async def give_back(db: AsyncSession, campaign_id: int, amount_fen: int) -> None:
    """Return released money to its campaign."""
    changed = await _change_remaining(db, amount_fen, RedPacketCampaign.id == campaign_id)
    assert changed, "the campaign of a packet is never deleted"


def _history(
    packet: RedPacket, entry: Entry, *, at: datetime, after: State, reason: str, applied: bool
) -> RedPacketAttempt:
    return RedPacketAttempt(
        packet_id=packet.id,
        kind=entry.kind,
        at=at,
        answer=entry.answer,
        err_code=entry.err_code[:64],
        summary=entry.summary,
        state_before=packet.state,
        state_after=after,
        reason=reason,
        by=entry.by,
        applied=applied,
    )


async def _change_remaining(db: AsyncSession, by_fen: int, *where: ColumnElement[bool]) -> bool:
    statement = update(RedPacketCampaign).where(*where)
    statement = statement.values(remaining_fen=RedPacketCampaign.remaining_fen + by_fen)
    return await count_changed(db, statement.execution_options(synchronize_session=False)) == 1
