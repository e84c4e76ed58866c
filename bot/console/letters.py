"""What a person may do to mailbox items and envelopes that are stuck: try again, or let go. Never commits."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot import mailbox
from bot.archive import reader
from bot.mailbox import ERROR_CHARS_MAX, Mail, State
from kernel.database import count_changed, wake


async def replay(db: AsyncSession, item_id: int, *, now: datetime) -> bool:
    """Put a dead, expired or ignored item back to waiting and wake its worker. False when it is none of these."""
    if not await mailbox.replay(db, item_id, now=now):
        return False
    lane = await db.scalar(select(Mail.lane).where(Mail.id == item_id))
    if lane is not None:
        wake(db, lane)
    return True


async def drop(db: AsyncSession, item_id: int, *, by: str, now: datetime) -> bool:
    """Close a dead or expired item: it stays, with who let it go and why it had failed."""
    stuck = (Mail.id == item_id, Mail.state.in_([State.DEAD, State.EXPIRED]))
    item = await db.scalar(select(Mail).where(*stuck))
    if item is None:
        return False
    reason = f"{by}放弃了重试。原因：{item.error or '没有记下'}"[:ERROR_CHARS_MAX]
    closed = update(Mail).where(*stuck).values(state=State.IGNORED, error=reason, finished_at=now)
    return bool(await count_changed(db, closed))


async def open_again(db: AsyncSession) -> int:
    """Put all quarantined envelopes back to be opened; how many there were."""
    count = await reader.try_again(db)
    if count:
        wake(db, reader.STORED)
    return count
