"""Group sends (企业群发): platform reference 3.14. Nothing leaves until each staff member has tapped "send"."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any

from bot.wecom.attachments import Attachment
from bot.wecom.call import Answer, Caller, given, pages

CUSTOMERS_MAX = 10_000
CHATS_MAX = 2000
TEXT_BYTES_MAX = 4000


class TaskStatus(IntEnum):
    """What a staff member has done with the task."""

    WAITING = 0
    SENT = 2


class SendStatus(IntEnum):
    """What became of one receiver."""

    WAITING = 0
    SENT = 1
    NO_CONTACT = 2
    QUOTA_USED = 3  # another group send was faster


@dataclass(frozen=True, slots=True)
class MadeTask:
    """``unreachable`` are receivers that will get nothing. An empty ``msgid`` never happens without them."""

    msgid: str
    unreachable: tuple[str, ...]


class GroupSends:
    def __init__(self, call: Caller) -> None:
        self._call = call

    async def to_customers(
        self,
        external_userids: Sequence[str],
        text: str,
        attachments: Sequence[Attachment] = (),
        *,
        sender: str | None = None,
        allow_select: bool = False,
    ) -> MadeTask:
        """With a ``sender`` and no ids: all customers of that staff member."""
        body = given(external_userid=list(external_userids) or None, sender=sender)
        body |= {"chat_type": "single", "allow_select": allow_select}
        return await self._add(body, text, attachments)

    async def to_groups(
        self, sender: str, chat_ids: Sequence[str], text: str, attachments: Sequence[Attachment] = ()
    ) -> MadeTask:
        """``sender`` owns the groups; without ids all of them."""
        body = given(chat_id_list=list(chat_ids) or None) | {"chat_type": "group", "sender": sender}
        return await self._add(body, text, attachments)

    async def tasks(self, msgid: str) -> AsyncIterator[Answer]:
        """A row per staff member: userid, ``TaskStatus``, send_time."""
        async for row in self._rows("externalcontact/get_groupmsg_task", "task_list", {"msgid": msgid, "limit": 1000}):
            yield row

    async def results(self, msgid: str, userid: str) -> AsyncIterator[Answer]:
        """A row per receiver of one staff member: external_userid or chat_id, ``SendStatus``, send_time."""
        body = {"msgid": msgid, "userid": userid, "limit": 1000}
        async for row in self._rows("externalcontact/get_groupmsg_send_result", "send_list", body):
            yield row

    async def made(self, *, start: datetime, end: datetime, for_groups: bool = False) -> AsyncIterator[Answer]:
        """The tasks made in a span of at most a month."""
        body = {
            "chat_type": "group" if for_groups else "single",
            "start_time": int(start.timestamp()),
            "end_time": int(end.timestamp()),
            "limit": 100,
        }
        async for row in self._rows("externalcontact/get_groupmsg_list_v2", "group_msg_list", body):
            yield row

    async def remind(self, msgid: str) -> None:
        """At most three times in 24 h."""
        await self._call.post("externalcontact/remind_groupmsg_send", {"msgid": msgid})

    async def cancel(self, msgid: str) -> None:
        await self._call.post("externalcontact/cancel_groupmsg_send", {"msgid": msgid})

    async def _add(self, body: dict[str, Any], text: str, attachments: Sequence[Attachment]) -> MadeTask:
        body |= given(
            text={"content": text} if text else None, attachments=[one.as_json() for one in attachments] or None
        )
        answer = await self._call.post("externalcontact/add_msg_template", body)
        return MadeTask(str(answer.get("msgid", "")), tuple(str(one) for one in answer.get("fail_list", [])))

    async def _rows(self, path: str, name: str, body: dict[str, Any]) -> AsyncIterator[Answer]:
        async def fetch(cursor: str) -> Answer:
            return await self._call.post(path, {**body, "cursor": cursor})

        async for page in pages(fetch):
            for row in page.get(name, []):
                yield row
