"""The inbox worker: claim what happened, look up who handles it, finish both in one commit."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import structlog

from bot import mailbox
from bot.handlers import contact, message, order
from bot.handlers.context import Context
from bot.kinds import InboxKind
from bot.mailbox import Item, Lane
from bot.wecom.events import (
    ContactAdded,
    ContactEdited,
    ContactLost,
    ContactRemoved,
    Event,
    to_event,
)
from bot.workers.careful import attempt, carefully
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
            await carefully(self._services, item, partial(self._handle_event, item))
        return len(items)

    async def run_messages(self) -> int:
        """Handle a batch of messages in one commit; when that fails, one by one, so that one bad one stops none."""
        items = await self._claim(Lane.MESSAGES, limit=MESSAGES_AT_ONCE)
        if items and await attempt(partial(self._commit, items, partial(message.on_messages, items))) is not None:
            for item in items:
                work = partial(self._commit, [item], partial(message.on_messages, [item]))
                await carefully(self._services, item, work)
        return len(items)

    async def _claim(self, lane: Lane, *, limit: int) -> list[Item]:
        services = self._services
        async with services.database.write() as db:
            return await mailbox.claim(db, lane, now=services.clock(), worker=services.worker, limit=limit)

    async def _handle_event(self, item: Item) -> None:
        handler = self._handler(item)
        if handler is not None:
            await self._commit([item], handler)
            return
        async with self._services.database.write() as db:
            await mailbox.ignore(db, item, "目前没有处理这种事件的规则", now=self._services.clock())
        _log.info("inbox.ignored", key=item.key, kind=item.kind)

    def _handler(self, item: Item) -> Callable[[Context], Awaitable[None]] | None:
        own = OWN_HANDLERS.get(item.kind)
        if own is not None:
            return partial(own, item.payload)
        event = to_event(item.payload)
        handler = EVENT_HANDLERS.get(type(event))
        return partial(handler, event) if handler else None

    async def _commit(self, items: Sequence[Item], handle: Callable[[Context], Awaitable[None]]) -> None:
        """The effects and "done" in one commit. A message's content then lives in the message table only."""
        services = self._services
        keep = items[0].lane is not Lane.MESSAGES
        async with services.database.write() as db:
            now = services.clock()
            await handle(await services.context(db, now))
            await mailbox.done_many(db, items, now=now, keep_payload=keep)
        for item in items:
            _log.info("inbox.done", key=item.key, kind=item.kind)
