"""The outbox worker: claim an intent that has not expired, make one call, record what came of it."""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from bot import mailbox
from bot.contacts import store as contacts
from bot.conversations import store as conversations
from bot.conversations.store import Said
from bot.handlers import contact, order
from bot.kinds import OutboxKind
from bot.mailbox import Item, Lane
from bot.wecom.errors import (
    Busy,
    DoneElsewhere,
    Misconfigured,
    OutcomeUnknown,
    Refused,
    SessionClosed,
    Throttled,
    TooLate,
    Unreachable,
    WeComError,
)
from bot.workers.careful import carefully
from bot.workers.services import Services

CALLS_AT_ONCE = 5
THROTTLED_PAUSE = timedelta(seconds=60)  # the platform blocks for a minute (platform reference 2.4)
MISCONFIGURED_PAUSE = timedelta(minutes=5)
URGENT_PAUSE = timedelta(seconds=1)
DUPLICATE_TAG = 40071
NOT_OUR_CONTACT = frozenset({84061, 40096})
MSGID_USED = 40058  # what a msgid used twice is answered with is not documented; checked only on a repeat

After = Callable[[AsyncSession, datetime], Awaitable[None]]

_log = structlog.get_logger()


async def _nothing(_db: AsyncSession, _now: datetime) -> None:
    """No effect beyond "done"."""


class OutboxWorker:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._senders: dict[str, Callable[[Item], Awaitable[After]]] = {
            OutboxKind.SEND_WELCOME: self._send_welcome,
            OutboxKind.MARK_TAGS: self._mark_tags,
            OutboxKind.SEND_KF: self._send_kf,
        }

    async def run_welcomes(self) -> int:
        return await self._run(Lane.WELCOMES, limit=1)

    async def run_calls(self) -> int:
        return await self._run(Lane.CALLS, limit=CALLS_AT_ONCE)

    async def _run(self, lane: Lane, *, limit: int) -> int:
        services = self._services
        async with services.database.write() as db:
            items = await mailbox.claim(db, lane, now=services.clock(), worker=services.worker, limit=limit)
        for item in items:
            await carefully(services, item, partial(self._deliver, item))
        return len(items)

    async def _deliver(self, item: Item) -> None:
        if item.expires_at is not None and self._services.clock() >= item.expires_at:
            await self._expire(item, "已经过期，没有再发送")
            return
        if item.kind == OutboxKind.SEND_RED_PACKET:
            await self._send_red_packet(item)
            return
        try:
            after = await self._senders[item.kind](item)
        except WeComError as error:
            await self._settle(item, error)
        else:
            await self._finish(item, after)

    async def _settle(self, item: Item, error: WeComError) -> None:
        """What a failed call means for its item."""
        match error:
            case DoneElsewhere() if item.kind == OutboxKind.SEND_WELCOME and item.attempts > 1:
                await self._finish(item, self._keep_welcome(item), note="前一次其实已经送达")
            case DoneElsewhere():
                await self._finish(item, _nothing, note=f"已由别处完成（{error.errcode}）")
            case SessionClosed():
                await self._expire(item, f"微信客服现在不允许给这位客户发消息（{error.errcode}）")
            case TooLate():
                await self._expire(item, f"已失效（{error.errcode}）")
            case Throttled():
                await self._retry(item, str(error), after=error.retry_after or THROTTLED_PAUSE)
            case Misconfigured():
                _log.error("outbox.misconfigured", key=item.key, errcode=error.errcode)
                await self._retry(item, str(error), after=MISCONFIGURED_PAUSE)
            case Busy() | OutcomeUnknown() | Unreachable():
                await self._retry(item, str(error), after=error.retry_after)
            case Refused() if item.kind == OutboxKind.MARK_TAGS and error.errcode in NOT_OUR_CONTACT:
                await self._finish(item, _nothing, note="已经不是好友，无需同步标签")
            case Refused() if item.kind == OutboxKind.SEND_KF and error.errcode == MSGID_USED and item.attempts > 1:
                await self._finish(item, self._keep_answer(item), note="前一次其实已经送达")
            case _:
                await self._give_up(item, str(error))

    # -- what each kind of intent does -----------------------------------------------------------

    async def _send_welcome(self, item: Item) -> After:
        payload = item.payload
        await self._services.wecom.send_welcome_msg(payload["welcome_code"], payload["text"])
        return self._keep_welcome(item)

    def _keep_welcome(self, item: Item) -> After:
        return _keep(item, key=item.key[:128], origin="welcome", partner=item.payload["userid"])

    async def _mark_tags(self, item: Item) -> After:
        payload = item.payload
        add = [(str(group), str(tag)) for group, tag in payload["add"]]
        remove = [(str(group), str(tag)) for group, tag in payload["remove"]]
        ids = await self._tag_ids([*add, *remove])
        await self._services.wecom.mark_tag(
            payload["userid"],
            payload["external_userid"],
            add=[ids[one] for one in add],
            remove=[ids[one] for one in remove],
        )
        return _nothing

    async def _tag_ids(self, wanted: list[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """The tags' ids; what the corp does not have yet is made, in its group."""
        database, wecom = self._services.database, self._services.wecom
        async with database.read() as db:
            ids = await contacts.corp_tag_ids(db, wanted)
        if len(ids) == len(set(wanted)):
            return ids
        await self._refresh_tags()
        async with database.read() as db:
            ids = await contacts.corp_tag_ids(db, wanted)
        missing = sorted(set(wanted) - set(ids))
        for group in sorted({group for group, _ in missing}):
            try:
                await wecom.add_corp_tags(group, [tag for other, tag in missing if other == group])
            except Refused as error:
                if error.errcode != DUPLICATE_TAG:  # another process was faster: read them again
                    raise
        if missing:
            await self._refresh_tags()
            async with database.read() as db:
                ids = await contacts.corp_tag_ids(db, wanted)
        return ids

    async def _refresh_tags(self) -> None:
        groups = await self._services.wecom.get_corp_tags()
        async with self._services.database.write() as db:
            await contacts.replace_corp_tags(db, groups)

    async def _send_kf(self, item: Item) -> After:
        payload = item.payload
        msgid = _kf_msgid(item)
        await self._services.wecom.send_kf_text(
            payload["open_kfid"], payload["external_userid"], payload["text"], msgid=msgid
        )
        return self._keep_answer(item)

    def _keep_answer(self, item: Item) -> After:
        """What we sent is never shown by kf/sync_msg, so the conversation keeps it here."""
        return _keep(item, key=f"kf:{_kf_msgid(item)}", origin="kf", partner=item.payload["open_kfid"])

    async def _send_red_packet(self, item: Item) -> None:
        """Money has rules of its own: the sender commits every step; the mailbox only says when to come back."""
        sender = self._services.sender
        if sender is None:
            await self._give_up(item, "没有设置商户号")
            return
        packet_id = int(item.payload["packet_id"])
        result = await sender.send(packet_id, on_change=partial(order.on_packet_changed, clock=self._services.clock))
        # Whatever is still open has its own time in ``look_at``: workers/reconcile.py goes on from here.
        await self._finish(item, _nothing, note=f"state {result.state}")

    # -- how an item ends ------------------------------------------------------------------------

    async def _finish(self, item: Item, after: After, *, note: str = "") -> None:
        async with self._services.database.write() as db:
            now = self._services.clock()
            await after(db, now)
            await mailbox.done_many(db, [item], now=now, keep_payload=False)  # texts live in the message table only
        _log.info("outbox.done", key=item.key, kind=item.kind, note=note)

    async def _expire(self, item: Item, reason: str) -> None:
        async with self._services.database.write() as db:
            now = self._services.clock()
            await mailbox.expire(db, item, reason, now=now)
            if item.kind == OutboxKind.SEND_WELCOME:
                await contact.note_greet_by_hand(db, item.payload, key=item.key, now=now)
        _log.warning("outbox.expired", key=item.key, kind=item.kind)

    async def _retry(self, item: Item, reason: str, *, after: timedelta | None = None) -> None:
        if item.expires_at is not None:  # it has seconds to live: no long pauses
            after = min(after or URGENT_PAUSE, URGENT_PAUSE)
        async with self._services.database.write() as db:
            now, jitter = self._services.clock(), self._services.random.random()
            state = await mailbox.retry_later(db, item, reason, now=now, after=after, jitter=jitter)
        _log.warning("outbox.retry", key=item.key, kind=item.kind, reason=reason, state=state)

    async def _give_up(self, item: Item, reason: str) -> None:
        async with self._services.database.write() as db:
            await mailbox.give_up(db, item, reason, now=self._services.clock())
        _log.error("outbox.dead", key=item.key, kind=item.kind, reason=reason)


def _kf_msgid(item: Item) -> str:
    """A msgid of our own makes a repeat after an unclear answer the same message."""
    return hashlib.sha256(item.key.encode()).hexdigest()[:32]


def _keep(item: Item, *, key: str, origin: str, partner: str) -> After:
    """Put the text we sent into the conversation, in the commit that finishes the item."""

    async def after(db: AsyncSession, now: datetime) -> None:
        said = Said(
            key=key,
            origin=origin,
            external_userid=item.payload["external_userid"],
            partner=partner,
            role="bot",
            msgtype="text",
            text=item.payload["text"],
            sent_at=now,
        )
        await conversations.add_message(db, said)

    return after
