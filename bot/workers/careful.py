"""Work on an item so that no failure, foreseen or not, stops its lane or is forgotten.

The second of the house's two broad catches (the other is ``loop.py``): whatever a handler raises is
recorded on its item by kind, without text, since a message's error may quote what a customer wrote.
"""

from collections.abc import Awaitable, Callable

import structlog

from bot import mailbox
from bot.mailbox import Item, LeaseLost
from bot.workers.services import Services

Work = Callable[[], Awaitable[None]]

_log = structlog.get_logger()


async def attempt(work: Work) -> Exception | None:
    """Run it; what it raised is returned."""
    try:
        await work()
    except Exception as error:  # noqa: BLE001  # see above
        return error
    return None


async def carefully(services: Services, item: Item, work: Work) -> None:
    """Run the work of one item; when it fails, the item is tried again later and in the end becomes a dead letter."""
    error = await attempt(work)
    if error is None:
        return
    if isinstance(error, LeaseLost):
        _log.warning("mailbox.lease_lost", key=item.key)
        return
    kind = type(error).__name__
    _log.error("mailbox.failed", key=item.key, kind=item.kind, error=kind)
    async with services.database.write() as db:
        jitter = services.random.random()
        await mailbox.retry_later(db, item, f"处理时出错：{kind}", now=services.clock(), jitter=jitter)
