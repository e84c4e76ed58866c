"""The inbox worker: claim what happened, look up who handles it, finish both in one commit."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import structlog
from sqlalchemy.exc import DBAPIError

from bot import mailbox
from bot.archive.messages import BadMessage
from bot.handlers import contact, message, order
from bot.handlers.context import Context
from bot.kinds import InboxKind
from bot.mailbox import Item, Lane, LeaseLost
from bot.wecom.events import (
    ContactAdded,
    ContactEdited,
    ContactLost,
    ContactRemoved,
    Event,
    to_event,
)
from bot.workers.services import Services

EVENTS_AT_ONCE = 20
MESSAGES_AT_ONCE = 200

Handler = Callable[[Any, Context], Awaitable[None]]

# What WeCom tells us.
EVENT_HANDLERS: dict[type[Event], Handler] = {
    ContactAdded: contact.on_contact_added,
    ContactEdited: contact.on_contact_edited,
    ContactLost: contact.on_contact_gone,
    ContactRemoved: contact.on_contact_gone,
}
# What we tell ourselves; the handler gets the payload.
OWN_HANDLERS: dict[str, Handler] = {
    InboxKind.ORDERS_IMPORTED: order.on_orders_imported,
}

_log = structlog.get_logger()


class InboxWorker:
    def __init__(self, services: Services) -> None:
        self._services = services

    async def run_events(self) -> int:
        """Handle a few events, most urgent first; returns how many."""
        items = await self._claim(Lane.EVENTS, limit=EVENTS_AT_ONCE)
        for item in items:
            handler = self._handler(item)
            if handler is None:
                await self._finish_unknown(item)
            else:
                await self._handle([item], handler)
        return len(items)

    async def run_messages(self) -> int:
        """Handle a batch of messages in one commit; when that fails, one by one, so that one bad one stops none."""
        items = await self._claim(Lane.MESSAGES, limit=MESSAGES_AT_ONCE)
        if not items:
            return 0
        if not await self._try(items, partial(message.on_messages, items)):
            for item in items:
                await self._handle([item], partial(message.on_messages, [item]))
        return len(items)

    async def _claim(self, lane: Lane, *, limit: int) -> list[Item]:
        services = self._services
        async with services.database.write() as db:
            return await mailbox.claim(db, lane, now=services.clock(), worker=services.worker, limit=limit)

    def _handler(self, item: Item) -> Callable[[Context], Awaitable[None]] | None:
        own = OWN_HANDLERS.get(item.kind)
        if own is not None:
            return partial(own, item.payload)
        event = to_event(item.payload)
        handler = EVENT_HANDLERS.get(type(event))
        return partial(handler, event) if handler else None

    async def _try(self, items: Sequence[Item], handle: Callable[[Context], Awaitable[None]]) -> bool:
        """One commit: the effects and "done". False when the handler failed and nothing was written."""
        services = self._services
        keep = items[0].lane is not Lane.MESSAGES  # a message's content then lives in the message table only
        try:
            async with services.database.write() as db:
                now = services.clock()
                context = await services.context(db, now)
                await handle(context)
                for item in items:
                    await mailbox.done(db, item, now=now, keep_payload=keep)
        except LeaseLost as lost:
            _log.warning("inbox.lease_lost", key=str(lost))
            return len(items) == 1
        except DBAPIError:
            raise  # the database is in trouble, not the item: the loop pauses, the lease gives the item back
        except (ArithmeticError, AttributeError, BadMessage, LookupError, TypeError, ValueError) as error:
            _log.error("inbox.failed", key=items[0].key, count=len(items), error=type(error).__name__)
            if len(items) == 1:
                await self._postpone(items[0], error)
            return False
        for item in items:
            _log.info("inbox.done", key=item.key, kind=item.kind)
        return True

    async def _handle(self, items: Sequence[Item], handle: Callable[[Context], Awaitable[None]]) -> None:
        await self._try(items, handle)

    async def _postpone(self, item: Item, error: Exception) -> None:
        services = self._services
        async with services.database.write() as db:
            # The kind of fault, not its text: a message's text may quote what a customer wrote.
            reason = f"处理时出错: {type(error).__name__}"
            await mailbox.retry_later(db, item, reason, now=services.clock(), jitter=services.random.random())

    async def _finish_unknown(self, item: Item) -> None:
        async with self._services.database.write() as db:
            await mailbox.ignore(db, item, "目前没有处理这种事件的规则", now=self._services.clock())
        _log.info("inbox.ignored", key=item.key, kind=item.kind)
