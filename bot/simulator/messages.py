"""Application messages to staff: platform reference 6.1."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from bot.simulator.config import App
from bot.simulator.contacts import Contacts
from bot.simulator.context import Context
from bot.simulator.replies import Fields, JsonObject, PlatformError

RECEIVERS_MAX = 1000
PER_MEMBER_MINUTE = 30
TEXT_BYTES_MAX = 2048
TEXT_TYPES = frozenset({"text", "markdown"})
OTHER_TYPES = frozenset(
    {"image", "voice", "video", "file", "textcard", "news", "mpnews", "miniprogram_notice", "template_card"}
)


@dataclass(frozen=True, slots=True)
class StaffMessage:
    """One message on one staff member's screen."""

    userid: str
    msgtype: str
    text: str
    at: datetime


class StaffMessages:
    def __init__(self, context: Context, contacts: Contacts) -> None:
        self._context, self._contacts = context, contacts
        self.shown: list[StaffMessage] = []
        self._sent: Counter[tuple[str, int]] = Counter()

    def send(self, fields: Fields, app: App) -> JsonObject:
        agentid = fields.integer("agentid", missing=41011)
        if agentid != app.agentid:
            raise PlatformError(301002)
        msgtype = fields.text("msgtype", missing=40008)
        if msgtype not in TEXT_TYPES | OTHER_TYPES:
            raise PlatformError(40008)
        body = fields.table(msgtype)
        if body is None:
            raise PlatformError(40058, msgtype)
        text = body.text("content", missing=44004, bytes_max=TEXT_BYTES_MAX) if msgtype in TEXT_TYPES else ""
        known, unknown = self._receivers(fields)
        for userid in known:
            self._show(userid, msgtype, text)
        return {"msgid": self._context.new_id("", 64), "invaliduser": "|".join(unknown)}

    def _receivers(self, fields: Fields) -> tuple[list[str], list[str]]:
        touser = fields.text_or("touser")
        if not touser and not fields.text_or("toparty") and not fields.text_or("totag"):
            raise PlatformError(82001)
        staff = self._contacts.staff
        if touser == "@all":
            return [member.userid for member in staff.values()], []
        names = [name for name in touser.split("|") if name]
        if len(names) > RECEIVERS_MAX:
            raise PlatformError(81017)
        known = [staff[name.lower()].userid for name in names if name.lower() in staff]
        unknown = [name.lower() for name in names if name.lower() not in staff]  # lower-cased, as the real reply is
        if not known:
            raise PlatformError(81013, invaliduser="|".join(unknown))
        return known, unknown

    def _show(self, userid: str, msgtype: str, text: str) -> None:
        """Beyond 30 a minute the platform drops messages without an error."""
        now = self._context.clock()
        key = (userid, int(now.timestamp()) // 60)
        self._sent[key] += 1
        if self._sent[key] <= PER_MEMBER_MINUTE:
            self.shown.append(StaffMessage(userid, msgtype, text, now))
