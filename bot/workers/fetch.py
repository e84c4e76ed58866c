"""The fetching worker: reads from WeCom that events ask for. Network first, then one transaction."""

from collections.abc import Awaitable, Callable, Iterable
from functools import partial

import structlog

from bot import mailbox
from bot.contacts import store as contacts
from bot.conversations import kf
from bot.kinds import InboxKind
from bot.mailbox import Item, Lane
from bot.wecom.errors import Refused, WeComError
from bot.workers.careful import carefully
from bot.workers.services import Services

AT_ONCE = 10
NOT_OUR_CONTACT = frozenset({84061, 40096})  # deleted meanwhile, or only known to 微信客服

_log = structlog.get_logger()


class FetchWorker:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._fetchers: dict[str, Callable[[Item], Awaitable[None]]] = {
            InboxKind.SYNC_STAFF: self._sync_staff,
            InboxKind.SYNC_CONTACT: self._sync_contact,
            InboxKind.PULL_KF: self._pull_kf,
            InboxKind.PULL_ARCHIVE: self._pull_archive,
        }

    async def run_once(self) -> int:
        services = self._services
        async with services.database.write() as db:
            items = await mailbox.claim(db, Lane.FETCH, now=services.clock(), worker=services.worker, limit=AT_ONCE)
        for item in items:
            await carefully(services, item, partial(self._fetch, item))
        return len(items)

    async def _fetch(self, item: Item) -> None:
        services = self._services
        try:
            await self._fetchers[item.kind](item)
        except WeComError as error:
            _log.warning("fetch.failed", key=item.key, kind=item.kind, error=str(error))
            async with services.database.write() as db:
                jitter, pause = services.random.random(), error.retry_after
                await mailbox.retry_later(db, item, str(error), now=services.clock(), after=pause, jitter=jitter)
        else:
            _log.info("inbox.done", key=item.key, kind=item.kind)

    async def _sync_contact(self, item: Item) -> None:
        services = self._services
        external_userid = str(item.payload["external_userid"])
        if item.payload.get("origin") == "kf":
            customers = await services.wecom.get_kf_customers([external_userid])
            async with services.database.write() as db:
                now = services.clock()
                for customer in customers:
                    await contacts.save_name(db, external_userid, str(customer.get("nickname", "")), now=now)
                await mailbox.done(db, item, now=now)
            return
        try:
            answer = await services.wecom.get_external_contact(external_userid)
        except Refused as error:
            if error.errcode not in NOT_OUR_CONTACT:
                raise
            async with services.database.write() as db:
                await mailbox.ignore(db, item, f"企业微信里已没有这位客户（{error.errcode}）", now=services.clock())
            return
        names = await self._new_names(str(follow["userid"]) for follow in answer.get("follow_user", []))
        async with services.database.write() as db:
            now = services.clock()
            await contacts.save_contact(db, answer, now=now)
            await contacts.save_staff_names(db, names, now=now)
            await mailbox.done(db, item, now=now)

    async def _sync_staff(self, item: Item) -> None:
        services = self._services
        names = await self._new_names(await services.wecom.get_follow_users())
        async with services.database.write() as db:
            now = services.clock()
            await contacts.save_staff_names(db, names, now=now)
            await mailbox.done(db, item, now=now)

    async def _new_names(self, userids: Iterable[str]) -> dict[str, str]:
        """Names from the directory, for staff we have no name of yet."""
        wanted = set(userids)
        async with self._services.database.read() as db:
            known = await contacts.staff_names(db, wanted)
        wecom = self._services.wecom
        return {one: str((await wecom.get_staff(one)).get("name", "")) for one in sorted(wanted - known.keys())}

    async def _pull_kf(self, item: Item) -> None:
        """Read pages until there is no more; each page and its cursor are one commit."""
        services = self._services
        open_kfid = str(item.payload["OpenKfId"])
        token = str(item.payload.get("Token", ""))
        while True:
            async with services.database.read() as db:
                cursor = await kf.get_cursor(db, open_kfid)
            page = await services.wecom.sync_kf_messages(open_kfid, cursor=cursor, token=token)
            async with services.database.write() as db:
                await kf.store_page(db, open_kfid, page, cursor=cursor, now=services.clock())
            if not page.get("has_more"):  # a page may be empty and still have a successor
                break
        async with services.database.write() as db:
            await mailbox.done(db, item, now=services.clock())

    async def _pull_archive(self, item: Item) -> None:
        services = self._services
        if services.archive is not None:
            while await services.archive.pull():
                pass
        async with services.database.write() as db:
            await mailbox.done(db, item, now=services.clock())
