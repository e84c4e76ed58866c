"""Moments (客户朋友圈): platform reference 3.16. Made in the background; staff publish them in the client."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.simulator.attachments import check_attachments
from bot.simulator.contacts import Contacts
from bot.simulator.context import Context
from bot.simulator.media import Media
from bot.simulator.replies import Fields, JsonObject, PlatformError, page

TEXT_CHARS_MAX = 2000
JOB_LIFE = timedelta(hours=24)
LIST_SPAN = timedelta(days=31)
LIST_MAX = 100
CREATED, DONE = 1, 3


@dataclass(slots=True)
class Moment:
    moment_id: str
    jobid: str
    text: str
    attachments: tuple[str, ...]
    created_at: datetime
    userids: tuple[str, ...]
    published: set[str] = field(default_factory=set)
    cancelled: bool = False


class Moments:
    def __init__(self, context: Context, contacts: Contacts, media: Media) -> None:
        self._context, self._contacts, self._media = context, contacts, media
        self.moments: dict[str, Moment] = {}

    def publish(self, moment_id: str, userid: str) -> None:
        """The staff member publishes it."""
        moment = self.moments[moment_id]
        if moment.cancelled or userid not in moment.userids:
            raise ValueError("there is nothing to publish")
        moment.published.add(userid)

    def add_task(self, fields: Fields) -> JsonObject:
        text = fields.table("text")
        content = text.text_or("content", chars_max=TEXT_CHARS_MAX) if text else ""
        kinds = check_attachments(fields, self._media)
        if not content and not kinds:
            raise PlatformError(41089)
        if set(kinds) - {"image", "video", "link"} or (set(kinds) != {"image"} and len(kinds) > 1):
            raise PlatformError(41065)
        reach = fields.table("visible_range")
        senders = reach.table("sender_list") if reach else None
        wanted = senders.texts("user_list", count_max=1000) if senders else list(self._contacts.staff)
        userids = tuple(self._contacts.staff_member(userid).userid for userid in wanted)
        moment_id, jobid = self._context.new_id("mom", 32), self._context.new_id("job", 32)
        self.moments[moment_id] = Moment(moment_id, jobid, content, kinds, self._context.clock(), userids)
        return {"jobid": jobid}

    def task_result(self, fields: Fields) -> JsonObject:
        jobid, now = fields.text("jobid"), self._context.clock()
        moment = next((moment for moment in self.moments.values() if moment.jobid == jobid), None)
        if moment is None or now >= moment.created_at + JOB_LIFE:
            raise PlatformError(40058, "jobid")
        if not self._is_ready(moment):
            return {"status": CREATED, "type": "add_moment_task"}
        result: JsonObject = {"errcode": 0, "errmsg": "ok", "moment_id": moment.moment_id}
        return {"status": DONE, "type": "add_moment_task", "result": result}

    def list_all(self, fields: Fields) -> JsonObject:
        start, end = fields.integer("start_time"), fields.integer("end_time")
        if not 0 <= end - start <= LIST_SPAN.total_seconds():
            raise PlatformError(41052)
        rows: list[JsonObject] = [
            {
                "moment_id": moment.moment_id,
                "create_time": str(int(moment.created_at.timestamp())),
                "create_type": 0,
                "visible_type": 1,
                "text": {"content": moment.text},
            }
            for moment in self.moments.values()
            if self._is_ready(moment) and not moment.cancelled and start <= moment.created_at.timestamp() <= end
        ]
        limit = fields.integer("limit", 20, low=1, high=LIST_MAX)
        shown, next_cursor = page(rows, cursor=fields.text_or("cursor"), limit=limit)
        return {"moment_list": shown, "next_cursor": next_cursor}

    def task(self, fields: Fields) -> JsonObject:
        moment = self._moment(fields)
        rows: list[JsonObject] = [
            {"userid": userid, "publish_status": int(userid in moment.published)} for userid in moment.userids
        ]
        limit = fields.integer("limit", 500, low=1, high=1000)
        shown, next_cursor = page(rows, cursor=fields.text_or("cursor"), limit=limit)
        return {"task_list": shown, "next_cursor": next_cursor}

    def comments(self, fields: Fields) -> JsonObject:
        """Nobody comments here; the lists are there all the same."""
        moment = self._moment(fields)
        if self._contacts.staff_member(fields.text("userid", missing=40003)).userid not in moment.published:
            raise PlatformError(41062)
        return {"comment_list": [], "like_list": []}

    def cancel(self, fields: Fields) -> JsonObject:
        self._moment(fields).cancelled = True
        return {}

    def _moment(self, fields: Fields) -> Moment:
        moment = self.moments.get(fields.text("moment_id", missing=41059))
        if moment is None or not self._is_ready(moment):
            raise PlatformError(41060)
        return moment

    def _is_ready(self, moment: Moment) -> bool:
        return self._context.clock() >= moment.created_at + self._context.config.group_send_dispatch
