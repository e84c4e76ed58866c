"""Moments (客户朋友圈): platform reference 3.16. A task is made in the background; staff publish it themselves."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.wecom.attachments import Attachment
from bot.wecom.call import Answer, Caller, given, pages

CREATED, RUNNING, FINISHED = 1, 2, 3


@dataclass(frozen=True, slots=True)
class MomentJob:
    """How the making of a moment goes. ``moment_id`` is there when it has finished without ``errcode``."""

    status: int
    moment_id: str
    errcode: int


class Moments:
    def __init__(self, call: Caller) -> None:
        self._call = call

    async def add(
        self,
        text: str,
        attachments: Sequence[Attachment] = (),
        *,
        userids: Sequence[str] = (),
        tag_ids: Sequence[str] = (),
    ) -> str:
        """Up to nine images, or one video, or one link. Returns a jobid that lives 24 h."""
        reach: dict[str, Any] = {}
        if userids:
            reach["sender_list"] = {"user_list": list(userids)}
        if tag_ids:
            reach["external_contact_list"] = {"tag_list": list(tag_ids)}
        body = given(
            text={"content": text} if text else None,
            attachments=[one.as_json() for one in attachments] or None,
            visible_range=reach or None,
        )
        return str((await self._call.post("externalcontact/add_moment_task", body))["jobid"])

    async def job(self, jobid: str) -> MomentJob:
        answer = await self._call.get("externalcontact/get_moment_task_result", {"jobid": jobid})
        result = answer.get("result") or {}
        return MomentJob(int(answer["status"]), str(result.get("moment_id", "")), int(result.get("errcode", 0)))

    async def made(self, *, start: datetime, end: datetime) -> AsyncIterator[Answer]:
        """The moments of a span of at most a month; deleted ones are missing."""
        body = {"start_time": int(start.timestamp()), "end_time": int(end.timestamp()), "limit": 20}
        async for row in self._rows("externalcontact/get_moment_list", "moment_list", body):
            yield row

    async def tasks(self, moment_id: str) -> AsyncIterator[Answer]:
        """Per staff member: userid and publish_status (0 not yet, 1 published)."""
        async for row in self._rows("externalcontact/get_moment_task", "task_list", {"moment_id": moment_id}):
            yield row

    async def comments(self, moment_id: str, userid: str) -> Answer:
        """``comment_list`` and ``like_list``."""
        body = {"moment_id": moment_id, "userid": userid}
        return await self._call.post("externalcontact/get_moment_comments", body)

    async def cancel(self, moment_id: str) -> None:
        await self._call.post("externalcontact/cancel_moment_task", {"moment_id": moment_id})

    async def _rows(self, path: str, name: str, body: dict[str, Any]) -> AsyncIterator[Answer]:
        async def fetch(cursor: str) -> Answer:
            return await self._call.post(path, {**body, "cursor": cursor})

        async for page in pages(fetch):
            for row in page.get(name, []):
                yield row
