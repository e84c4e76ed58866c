"""WeCom's server API for one corp and one application: a family of methods per subject, one call path below.

    wecom.kf.send_text(...)    wecom.groups.get(...)    wecom.media.upload(...)

The flat methods are short names for what the shop uses all day.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import aiohttp

from bot.wecom.attachments import Attachment
from bot.wecom.call import Answer, Caller
from bot.wecom.consent import Consent
from bot.wecom.contacts import Contacts
from bot.wecom.group_sends import GroupSends
from bot.wecom.groups import Groups
from bot.wecom.intercepts import Intercepts
from bot.wecom.kf import Kf
from bot.wecom.limits import Limits
from bot.wecom.login import Login
from bot.wecom.media import Media
from bot.wecom.moments import Moments
from bot.wecom.staff_messages import StaffMessages
from bot.wecom.tags import Tags
from bot.wecom.tickets import Tickets
from bot.wecom.tokens import TokenStore
from bot.wecom.transfers import Transfers
from bot.wecom.ways import Ways


class WeComClient:
    """``store`` is where processes share the access token; without one this process keeps its own."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        base_url: str,
        corpid: str,
        secret: str,
        clock: Callable[[], datetime],
        agentid: int = 0,
        store: TokenStore | None = None,
        limits: Limits | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        call = Caller(
            session,
            base_url=base_url,
            corpid=corpid,
            secret=secret,
            clock=clock,
            store=store,
            limits=limits,
            sleep=sleep,
        )
        self.contacts = Contacts(call)
        self.tags = Tags(call)
        self.ways = Ways(call)
        self.kf = Kf(call)
        self.staff_messages = StaffMessages(call, agentid=agentid)
        self.media = Media(call, clock=clock)
        self.groups = Groups(call)
        self.group_sends = GroupSends(call)
        self.intercepts = Intercepts(call)
        self.transfers = Transfers(call)
        self.moments = Moments(call)
        self.login = Login(call, corpid=corpid, agentid=agentid)
        self.tickets = Tickets(call, clock=clock)
        self.consent = Consent(call)

    # -- short names --------------------------------------------------------------------------

    async def send_welcome_msg(self, welcome_code: str, text: str, attachments: Sequence[Attachment] = ()) -> None:
        await self.contacts.send_welcome(welcome_code, text, attachments)

    async def get_external_contact(self, external_userid: str) -> Answer:
        return await self.contacts.get_whole(external_userid)

    async def get_follow_users(self) -> list[str]:
        return await self.contacts.follow_users()

    async def get_staff(self, userid: str) -> Answer:
        return await self.contacts.staff(userid)

    async def convert_to_openid(self, external_userid: str) -> str:
        return await self.contacts.openid(external_userid)

    async def get_corp_tags(self) -> list[Answer]:
        return await self.tags.groups()

    async def add_corp_tags(self, group_name: str, names: Sequence[str]) -> Answer:
        return await self.tags.add(group_name, names)

    async def mark_tag(
        self, userid: str, external_userid: str, *, add: Sequence[str], remove: Sequence[str] = ()
    ) -> None:
        await self.tags.mark(userid, external_userid, add=add, remove=remove)

    async def sync_kf_messages(self, open_kfid: str, *, cursor: str, token: str) -> Answer:
        return await self.kf.sync(open_kfid, cursor=cursor, token=token)

    async def send_kf_text(self, open_kfid: str, external_userid: str, text: str, *, msgid: str) -> None:
        await self.kf.send_text(open_kfid, external_userid, text, msgid=msgid)

    async def get_kf_customers(self, external_userids: Sequence[str]) -> list[Answer]:
        return await self.kf.customers(external_userids)
