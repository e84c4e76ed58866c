"""WeChat customer service (微信客服): accounts, sessions, the log behind ``kf/sync_msg`` (platform reference 4).

Holds the state and what customers and servicers do; what the API may do is in ``kf_calls``.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum

from bot.simulator.contacts import Contacts
from bot.simulator.context import Context
from bot.simulator.replies import JsonObject, PlatformError

RETENTION = timedelta(days=3)
SESSION_LIFE = timedelta(hours=48)
PUSH_TOKEN_LIFE = timedelta(minutes=10)
MESSAGES_PER_TURN = 5
ORIGIN_CUSTOMER, ORIGIN_EVENT, ORIGIN_SERVICER = 3, 4, 5


class SessionState(IntEnum):
    NEW = 0
    ASSISTANT = 1
    POOL = 2
    HUMAN = 3
    ENDED = 4


@dataclass(slots=True)
class Session:
    """One customer at one account. ``left`` counts the messages that may still answer the customer's last one."""

    state: SessionState = SessionState.ENDED
    servicer_userid: str = ""
    customer_wrote_at: datetime | None = None
    left: int = 0


@dataclass(slots=True)
class EventCode:
    """A one-time right to send a message on an event (reference 4.7)."""

    open_kfid: str
    external_userid: str
    issued_at: datetime
    life: timedelta
    state: SessionState | None  # the state it was issued in; None for the welcome of enter_session
    used: bool = False


@dataclass(slots=True)
class Account:
    open_kfid: str
    name: str
    servicers: set[str] = field(default_factory=set)
    stopped: set[str] = field(default_factory=set)  # servicers who take no customers now
    log: list[tuple[datetime, JsonObject]] = field(default_factory=list)
    sessions: dict[str, Session] = field(default_factory=dict)
    push_tokens: dict[str, datetime] = field(default_factory=dict)
    msgids_sent: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class KfSent:
    """A message the API sent to a customer. The log of ``sync_msg`` never shows it."""

    open_kfid: str
    external_userid: str
    msgid: str
    msgtype: str
    text: str  # the content of a text, the head of a menu, else empty
    at: datetime


class Kf:
    def __init__(self, context: Context, contacts: Contacts) -> None:
        self._context, self._contacts = context, contacts
        self.accounts: dict[str, Account] = {}
        self.codes: dict[str, EventCode] = {}
        self.sent: list[KfSent] = []

    # What people do

    def add_account(self, open_kfid: str, name: str, *, servicers: tuple[str, ...] = ()) -> str:
        self.accounts[open_kfid] = Account(open_kfid, name, set(servicers))
        return open_kfid

    def enter(self, external_userid: str, *, open_kfid: str, scene: str = "", scene_param: str = "") -> str:
        """The customer opens the chat. Returns the welcome code, empty when none is due."""
        account, now = self.account(open_kfid), self._context.clock()
        self._check_person(external_userid)
        session = account.sessions.setdefault(external_userid, Session())
        fresh = session.customer_wrote_at is None or now - session.customer_wrote_at > SESSION_LIFE
        code = self.issue_code(account, external_userid, timedelta(seconds=20), None) if fresh else ""
        event: JsonObject = {
            "event_type": "enter_session",
            "open_kfid": open_kfid,
            "external_userid": external_userid,
            "scene": scene,
            "scene_param": scene_param,
        }
        self._log_event(account, event | ({"welcome_code": code} if code else {}))
        return code

    def write(self, external_userid: str, text: str, *, open_kfid: str) -> str:
        """The customer writes a text; returns its msgid."""
        return self.write_message(external_userid, {"msgtype": "text", "text": {"content": text}}, open_kfid=open_kfid)

    def write_message(self, external_userid: str, body: JsonObject, *, open_kfid: str) -> str:
        """A message of any type: ``body`` holds ``msgtype`` and its own key (reference 4.4)."""
        account, now = self.account(open_kfid), self._context.clock()
        self._check_person(external_userid)
        session = account.sessions.setdefault(external_userid, Session())
        if self.state_of(session) is SessionState.ENDED:
            session.state, session.servicer_userid = SessionState.NEW, ""
        session.customer_wrote_at, session.left = now, MESSAGES_PER_TURN
        msgid = self._context.new_id("", 32)
        record: JsonObject = {
            "msgid": msgid,
            "open_kfid": open_kfid,
            "external_userid": external_userid,
            "send_time": int(now.timestamp()),
            "origin": ORIGIN_CUSTOMER,
            "servicer_userid": "",
            **body,
        }
        account.log.append((now, record))
        self._push(account)
        return msgid

    def recall(self, external_userid: str, msgid: str, *, open_kfid: str) -> None:
        """The customer takes a message back: an event; the message stays in the log."""
        self._log_event(
            self.account(open_kfid),
            {
                "event_type": "user_recall_msg",
                "open_kfid": open_kfid,
                "external_userid": external_userid,
                "recall_msgid": msgid,
            },
        )

    def take_over(self, external_userid: str, *, open_kfid: str, servicer: str) -> None:
        """A servicer takes the chat in the client: the API may no longer answer (95018)."""
        account = self.account(open_kfid)
        session = account.sessions.setdefault(external_userid, Session())
        session.state, session.servicer_userid = SessionState.HUMAN, servicer
        self._log_event(
            account,
            {
                "event_type": "session_status_change",
                "open_kfid": open_kfid,
                "external_userid": external_userid,
                "change_type": 1,
                "new_servicer_userid": servicer,
                "msg_code": self.issue_code(account, external_userid, SESSION_LIFE, SessionState.HUMAN),
            },
        )

    def end_by_servicer(self, external_userid: str, *, open_kfid: str) -> str:
        """The servicer ends the chat in the client; returns the code for one last message, 20 s long."""
        account = self.account(open_kfid)
        session = self.session(account, external_userid)
        servicer, session.state, session.servicer_userid = session.servicer_userid, SessionState.ENDED, ""
        code = self.issue_code(account, external_userid, timedelta(seconds=20), SessionState.ENDED)
        self._log_event(
            account,
            {
                "event_type": "session_status_change",
                "open_kfid": open_kfid,
                "external_userid": external_userid,
                "change_type": 3,
                "old_servicer_userid": servicer,
                "msg_code": code,
            },
        )
        return code

    def serve(self, servicer: str, *, open_kfid: str, stops: bool = False) -> None:
        """A servicer begins or stops taking customers. Status counts from 1 in events."""
        account = self.account(open_kfid)
        if stops:
            account.stopped.add(servicer)
        else:
            account.stopped.discard(servicer)
        event: JsonObject = {
            "event_type": "servicer_status_change",
            "servicer_userid": servicer,
            "status": 2 if stops else 1,
            "open_kfid": open_kfid,
        }
        self._log_event(account, event | ({"stop_type": 0} if stops else {}))

    def fail_send(self, msgid: str, *, fail_type: int) -> None:
        """An accepted message did not arrive after all (reference 4.5)."""
        sent = next(message for message in self.sent if message.msgid == msgid)
        self._log_event(
            self.account(sent.open_kfid),
            {
                "event_type": "msg_send_fail",
                "open_kfid": sent.open_kfid,
                "external_userid": sent.external_userid,
                "fail_msgid": msgid,
                "fail_type": fail_type,
            },
        )

    # What the API's side asks

    def account(self, open_kfid: str) -> Account:
        if not open_kfid:
            raise PlatformError(95000)
        try:
            return self.accounts[open_kfid]
        except KeyError:
            raise PlatformError(95004) from None

    def session(self, account: Account, external_userid: str) -> Session:
        """The session of a customer who has been here; 40096 for anybody else."""
        try:
            return account.sessions[external_userid]
        except KeyError:
            raise PlatformError(40096) from None

    def state_of(self, session: Session) -> SessionState:
        """A consultation ends by itself 48 h after the customer last wrote."""
        wrote_at = session.customer_wrote_at
        if wrote_at is not None and self._context.clock() - wrote_at > SESSION_LIFE:
            return SessionState.ENDED
        return session.state

    def issue_code(self, account: Account, external_userid: str, life: timedelta, state: SessionState | None) -> str:
        code = self._context.new_id("", 40)
        self.codes[code] = EventCode(account.open_kfid, external_userid, self._context.clock(), life, state)
        return code

    def note_sent(self, account: Account, external_userid: str, *, msgid: str, msgtype: str, text: str) -> str:
        """Record a sent message under a msgid of its own, given or new."""
        if msgid in account.msgids_sent:
            raise PlatformError(self._context.config.kf_repeated_msgid_errcode, "msgid")
        msgid = msgid or self._context.new_id("", 32)
        account.msgids_sent.add(msgid)
        self.sent.append(KfSent(account.open_kfid, external_userid, msgid, msgtype, text, self._context.clock()))
        return msgid

    def _check_person(self, external_userid: str) -> None:
        if external_userid not in self._contacts.people:
            raise ValueError(f"nobody is called {external_userid}: add_person or add_contact first")

    def _log_event(self, account: Account, event: JsonObject) -> None:
        """Event records omit the outer ids: they are inside ``event``."""
        now = self._context.clock()
        record: JsonObject = {
            "msgid": self._context.new_id("", 32),
            "send_time": int(now.timestamp()),
            "origin": ORIGIN_EVENT,
            "msgtype": "event",
            "event": event,
        }
        account.log.append((now, record))
        self._push(account)

    def _push(self, account: Account) -> None:
        token = self._context.new_id("ENC", 48)
        account.push_tokens[token] = self._context.clock()
        event = {"Event": "kf_msg_or_event", "Token": token, "OpenKfId": account.open_kfid}
        self._context.emit(event, sender=None)  # the one push without FromUserName
