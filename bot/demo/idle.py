"""Know when everything is done: callbacks delivered, mailbox empty, archive read, money not in motion."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select

from bot.archive.tables import ArchiveCursor, Envelope
from bot.mailbox import Mail, State
from bot.red_packets.tables import RedPacket
from bot.simulator.world import World
from kernel.database import Database

LOOK_EVERY_S = 0.05
SOON = timedelta(seconds=30)  # what falls due later than this is nobody's work right now
IN_MOTION = ("created", "approved", "sending", "unknown")


async def wait_until_idle(
    world: World,
    database: Database,
    *,
    clock: Callable[[], datetime],
    within_s: float,
    every_s: float = LOOK_EVERY_S,
    soon: timedelta = SOON,
    look: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Wait for the end of all work due within ``soon``, looking every ``every_s``; ``look`` is called each time.

    Raises TimeoutError naming what is left.
    """
    deadline = asyncio.get_running_loop().time() + within_s
    while left := await _work_left(world, database, by=clock() + soon):
        if look is not None:
            await look()
        if asyncio.get_running_loop().time() > deadline:
            raise TimeoutError(f"still not done after {within_s:g} s: {left}")
        await asyncio.sleep(every_s)
    if look is not None:
        await look()


async def _work_left(world: World, database: Database, *, by: datetime) -> str:
    """What is still to be done, in words; empty when nothing is."""
    if not world.callbacks.idle:
        return "callbacks on their way"
    async with database.read() as db:
        due = or_(Mail.claimed_by.is_not(None), Mail.due_at <= by)
        mail = await db.scalar(select(func.count()).select_from(Mail).where(Mail.state == State.WAITING, due))
        sealed = await db.scalar(select(func.count()).select_from(Envelope).where(Envelope.state == "waiting"))
        seq = await db.scalar(select(ArchiveCursor.seq).where(ArchiveCursor.id == 1)) or 0
        moving = await db.scalar(select(func.count()).select_from(RedPacket).where(RedPacket.state.in_(IN_MOTION)))
    newest = len(world.archive.envelopes)
    left = {
        "mailbox items": mail,
        "envelopes to open": sealed,
        "envelopes to fetch": newest - seq,
        "packets in motion": moving,
    }
    return ", ".join(f"{count} {name}" for name, count in left.items() if count)
