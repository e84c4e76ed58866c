"""Group sends (企业群发): platform reference 3.14. Staff confirm in the client; only then something is sent."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from bot.simulator.attachments import check_attachments
from bot.simulator.contacts import Contacts
from bot.simulator.context import Context
from bot.simulator.groups import Groups
from bot.simulator.media import Media
from bot.simulator.replies import Fields, JsonObject, PlatformError, page

TEXT_BYTES_MAX = 4000
CUSTOMERS_MAX = 10_000
CHATS_MAX = 2000
REMINDERS_MAX = 3
REMINDER_SPAN = timedelta(hours=24)
LIST_SPAN = timedelta(days=31)
BEIJING = timezone(timedelta(hours=8))
NOT_SENT, SENT, NO_CONTACT, QUOTA_USED = 0, 1, 2, 3
TASK_WAITING, TASK_SENT = 0, 2


@dataclass(slots=True)
class Task:
    msgid: str
    for_groups: bool
    text: str
    attachments: tuple[str, ...]
    created_at: datetime
    receivers: dict[str, list[str]]  # userid → who gets it from that staff member
    confirmed: dict[str, datetime] = field(default_factory=dict)
    results: dict[tuple[str, str], int] = field(default_factory=dict)
    reminders: list[datetime] = field(default_factory=list)
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class GroupSent:
    """A message that reached a customer or a group."""

    receiver: str
    userid: str
    text: str
    at: datetime
    attachments: tuple[str, ...] = ()


class GroupSends:
    def __init__(self, context: Context, contacts: Contacts, groups: Groups, media: Media) -> None:
        self._context, self._contacts, self._groups, self._media = context, contacts, groups, media
        self.tasks: dict[str, Task] = {}
        self.sent: list[GroupSent] = []
        self._received: Counter[tuple[str, str]] = Counter()  # (external_userid, month) → how many

    # What staff do

    def confirm(self, msgid: str, userid: str) -> None:
        """The staff member taps "send"."""
        task = self.tasks[msgid]
        if task.cancelled or userid in task.confirmed:
            raise ValueError("there is nothing to confirm")
        now = self._context.clock()
        for receiver in task.receivers[userid]:
            status = SENT if task.for_groups else self._single_status(receiver, userid)
            task.results[userid, receiver] = status
            if status == SENT:
                self.sent.append(GroupSent(receiver, userid, task.text, now, task.attachments))
        task.confirmed[userid] = now

    # What the API does

    def add(self, fields: Fields) -> JsonObject:
        for_groups = fields.text_or("chat_type", "single") == "group"
        text = fields.table("text")
        content = text.text_or("content", bytes_max=TEXT_BYTES_MAX) if text else ""
        kinds = check_attachments(fields, self._media)
        if not content and not kinds:
            raise PlatformError(40063, "text")
        if "tag_filter" in fields:
            raise PlatformError(40058, "tag_filter")  # the platform has it; this simulator does not yet
        receivers, unreachable = self._group_receivers(fields) if for_groups else self._single_receivers(fields)
        if not receivers:
            raise PlatformError(41048, fail_list=unreachable)
        msgid = self._context.new_id("msg", 32)
        self.tasks[msgid] = Task(msgid, for_groups, content, kinds, self._context.clock(), receivers)
        return {"msgid": msgid, "fail_list": unreachable}

    def list_all(self, fields: Fields) -> JsonObject:
        start, end = fields.integer("start_time"), fields.integer("end_time")
        if not 0 <= end - start <= LIST_SPAN.total_seconds():
            raise PlatformError(41052)
        for_groups = fields.text_or("chat_type", "single") == "group"
        rows: list[JsonObject] = [
            {
                "msgid": task.msgid,
                "create_time": str(int(task.created_at.timestamp())),
                "create_type": 0,
                "text": {"content": task.text},
            }
            for task in self.tasks.values()
            if task.for_groups is for_groups and start <= task.created_at.timestamp() <= end
        ]
        return _paged("group_msg_list", rows, fields, default=50, limit_max=100)

    def task(self, fields: Fields) -> JsonObject:
        task = self._readable(fields)
        rows: list[JsonObject] = [
            {"userid": userid, "status": TASK_SENT if userid in task.confirmed else TASK_WAITING}
            | ({"send_time": int(task.confirmed[userid].timestamp())} if userid in task.confirmed else {})
            for userid in task.receivers
        ]
        return _paged("task_list", rows, fields, default=500, limit_max=1000)

    def result(self, fields: Fields) -> JsonObject:
        task = self._readable(fields)
        userid = self._contacts.staff_member(fields.text("userid", missing=40003)).userid
        name = "chat_id" if task.for_groups else "external_userid"
        rows: list[JsonObject] = []
        for receiver in task.receivers.get(userid, []):
            status = task.results.get((userid, receiver), NOT_SENT)
            row: JsonObject = {name: receiver, "userid": userid, "status": status}
            rows.append(row | ({"send_time": int(task.confirmed[userid].timestamp())} if status == SENT else {}))
        return _paged("send_list", rows, fields, default=500, limit_max=1000)

    def remind(self, fields: Fields) -> JsonObject:
        task, now = self._task(fields), self._context.clock()
        task.reminders = [at for at in task.reminders if now - at < REMINDER_SPAN]
        if len(task.reminders) >= REMINDERS_MAX:
            raise PlatformError(41094)
        task.reminders.append(now)
        return {}

    def cancel(self, fields: Fields) -> JsonObject:
        task = self._task(fields)
        if task.cancelled:
            raise PlatformError(41093)
        task.cancelled = True
        return {}

    def _single_receivers(self, fields: Fields) -> tuple[dict[str, list[str]], list[str]]:
        """A customer of several staff gets it from the one who met them last."""
        sender = fields.text_or("sender")
        userid = self._contacts.staff_member(sender).userid if sender else ""
        wanted = fields.texts("external_userid", count_max=CUSTOMERS_MAX, too_many=40032)
        if not wanted and not userid:
            raise PlatformError(41048)
        follows = [
            follow
            for follow in self._contacts.follows.values()
            if follow.removed_at is None
            and not follow.half
            and follow.userid.lower() in self._contacts.staff
            and (not userid or follow.userid == userid)
        ]
        follows.sort(key=lambda follow: follow.created_at)
        last = {follow.external_userid: follow.userid for follow in follows}
        receivers: dict[str, list[str]] = {}
        for external_userid in dict.fromkeys(wanted or last):
            if external_userid in last:
                receivers.setdefault(last[external_userid], []).append(external_userid)
        return receivers, [one for one in wanted if one not in last]

    def _group_receivers(self, fields: Fields) -> tuple[dict[str, list[str]], list[str]]:
        owner = self._contacts.staff_member(fields.text("sender")).userid
        wanted = fields.texts("chat_id_list", count_max=CHATS_MAX, too_many=40032)
        owned = [group.chat_id for group in self._groups.groups.values() if group.owner == owner]
        chosen = [chat_id for chat_id in wanted or owned if chat_id in owned]
        return {owner: chosen} if chosen else {}, [chat_id for chat_id in wanted if chat_id not in owned]

    def _single_status(self, external_userid: str, userid: str) -> int:
        follow = self._contacts.follows.get((userid, external_userid))
        if follow is None or follow.removed_at is not None or follow.left_by_customer:
            return NO_CONTACT
        month = self._context.clock().astimezone(BEIJING).strftime("%Y-%m")
        if self._received[external_userid, month] >= self._context.config.group_sends_per_customer_month:
            return QUOTA_USED
        self._received[external_userid, month] += 1
        return SENT

    def _task(self, fields: Fields) -> Task:
        task = self.tasks.get(fields.text("msgid", missing=41046))
        if task is None:
            raise PlatformError(41047)
        return task

    def _readable(self, fields: Fields) -> Task:
        task = self._task(fields)
        if self._context.clock() < task.created_at + self._context.config.group_send_dispatch:
            raise PlatformError(41063)
        return task


def _paged(name: str, rows: list[JsonObject], fields: Fields, *, default: int, limit_max: int) -> JsonObject:
    limit = fields.integer("limit", default, low=1, high=limit_max)
    shown, next_cursor = page(rows, cursor=fields.text_or("cursor"), limit=limit)
    return {name: shown, "next_cursor": next_cursor}
