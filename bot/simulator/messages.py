"""Application messages to staff: platform reference 6.1."""

import json
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.simulator.config import App
from bot.simulator.contacts import Contacts
from bot.simulator.context import Context, XmlValue
from bot.simulator.replies import Fields, JsonObject, PlatformError

RECEIVERS_MAX = 1000
PER_MEMBER_MINUTE = 30
TEXT_BYTES_MAX = 2048
RECALL_WITHIN = timedelta(hours=24)
RESPONSE_CODE_LIFE = timedelta(hours=72)
DUPLICATE_S, DUPLICATE_S_MAX = 1800, 4 * 3600
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


@dataclass(slots=True)
class Card:
    """A template card with buttons: its code works once, for 72 hours."""

    task_id: str
    userids: list[str]
    sent_at: datetime
    used: bool = False


class StaffMessages:
    def __init__(self, context: Context, contacts: Contacts) -> None:
        self._context, self._contacts = context, contacts
        self.shown: list[StaffMessage] = []
        self.recalled: set[str] = set()
        self.cards: dict[str, Card] = {}  # by response_code
        self._sent: Counter[tuple[str, int]] = Counter()
        self._sent_at: dict[str, datetime] = {}  # by msgid
        self._seen: dict[str, datetime] = {}  # bodies sent with a duplicate check

    # What staff do

    def tap_button(self, response_code: str, key: str, *, userid: str, agentid: int) -> None:
        """A staff member taps a button of a card."""
        card = self.cards[response_code]
        event: dict[str, XmlValue] = {
            "Event": "template_card_event",
            "EventKey": key,
            "TaskId": card.task_id,
            "CardType": "button_interaction",
            "ResponseCode": response_code,
            "AgentID": agentid,
        }
        self._context.emit(event, sender=userid, agentid=agentid)

    # What the API does

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
        msgid, now = self._context.new_id("", 64), self._context.clock()
        self._sent_at[msgid] = now
        reply: JsonObject = {"msgid": msgid, "invaliduser": "|".join(unknown)}
        if self._is_repeated(fields):
            return reply
        for userid in known:
            self._show(userid, msgtype, text)
        if msgtype == "template_card" and body.rows("button_list", count_max=6):
            code = self._context.new_id("", 64)
            self.cards[code] = Card(body.text("task_id", bytes_max=128), known, now)
            reply["response_code"] = code
        return reply

    def recall(self, fields: Fields) -> JsonObject:
        sent_at = self._sent_at.get(msgid := fields.text("msgid"))
        if sent_at is None:
            raise PlatformError(40058, "msgid")
        if self._context.clock() > sent_at + RECALL_WITHIN:
            raise PlatformError(42052)
        self.recalled.add(msgid)
        return {}

    def update_card(self, fields: Fields, app: App) -> JsonObject:
        if fields.integer("agentid", missing=41011) != app.agentid:
            raise PlatformError(301002)
        card = self.cards.get(fields.text("response_code", missing=60140))
        if card is None or card.used or self._context.clock() > card.sent_at + RESPONSE_CODE_LIFE:
            raise PlatformError(60140)
        card.used = True
        return {}

    def _is_repeated(self, fields: Fields) -> bool:
        """With the duplicate check on, an equal request within the interval shows nothing again."""
        if not fields.integer("enable_duplicate_check", 0, high=1):
            return False
        interval = timedelta(seconds=fields.integer("duplicate_check_interval", DUPLICATE_S, high=DUPLICATE_S_MAX))
        body, now = json.dumps(fields.values, sort_keys=True), self._context.clock()
        seen_at = self._seen.get(body)
        if seen_at is not None and now < seen_at + interval:
            return True
        self._seen[body] = now
        return False

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
