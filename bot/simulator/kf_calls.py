"""What the API may do in customer service: platform reference 4.3, 4.6, 4.7, 4.8, and customers of 4.9."""

import re
from datetime import timedelta

from bot.simulator.contacts import Contacts
from bot.simulator.context import Context
from bot.simulator.kf import PUSH_TOKEN_LIFE, RETENTION, SESSION_LIFE, Account, EventCode, Kf, Session, SessionState
from bot.simulator.limits import CallCounter
from bot.simulator.media import Media
from bot.simulator.replies import Fields, JsonObject, PlatformError

SYNC_MAX = 1000
TEXT_BYTES_MAX = 2048
MENU_ITEMS_MAX = 10
END_CODE_LIFE = timedelta(seconds=20)
MEDIA_TYPES = frozenset({"image", "voice", "video", "file"})
OTHER_TYPES = frozenset({"link", "miniprogram", "location", "business_card", "ca_link"})
MOVES = {
    SessionState.NEW: {1, 2, 3, 4},
    SessionState.ASSISTANT: {1, 2, 3, 4},
    SessionState.POOL: {2, 3, 4},
    SessionState.HUMAN: {3, 4},
    SessionState.ENDED: set(),
}


class KfCalls:
    def __init__(self, context: Context, contacts: Contacts, kf: Kf, media: Media) -> None:
        self._context, self._contacts, self._kf, self._media = context, contacts, kf, media
        self._tokenless = CallCounter(context.clock)

    def sync_msg(self, fields: Fields) -> JsonObject:
        account = self._kf.account(fields.text_or("open_kfid"))
        limit = fields.integer("limit", SYNC_MAX, low=1, high=SYNC_MAX)
        start = self._position(account, fields.text_or("cursor", bytes_max=64))
        self._check_push_token(account, fields.text_or("token", bytes_max=128))
        fields.integer("voice_format", 0, high=1)
        now = self._context.clock()
        while start < len(account.log) and now - account.log[start][0] > RETENTION:
            start += 1
        stray = start < len(account.log) and self._context.rng.random() < self._context.config.kf_empty_pages
        end = start if stray else min(start + limit, len(account.log))  # an empty page with has_more happens
        return {
            "next_cursor": f"{account.open_kfid[-8:]}.{end:x}",
            "has_more": int(end < len(account.log)),
            "msg_list": [record for _at, record in account.log[start:end]],
        }

    def send_msg(self, fields: Fields) -> JsonObject:
        account = self._kf.account(fields.text_or("open_kfid"))
        external_userid = fields.text("touser", missing=40096)
        session = self._kf.session(account, external_userid)
        msgid, msgtype, text = self._message(fields)
        self._check_may_send(session)
        msgid = self._kf.note_sent(account, external_userid, msgid=msgid, msgtype=msgtype, text=text)
        session.left -= 1
        return {"msgid": msgid}

    def send_msg_on_event(self, fields: Fields) -> JsonObject:
        code = self._kf.codes.get(fields.text("code", missing=40058))
        msgid, msgtype, text = self._message(fields)
        if msgtype not in {"text", "msgmenu"}:
            raise PlatformError(40008)
        if code is None or code.used or self._context.clock() > code.issued_at + code.life:
            raise PlatformError(41050)  # the code for a stale one is not documented
        account = self._kf.account(code.open_kfid)
        self._check_code_state(account, code)
        msgid = self._kf.note_sent(account, code.external_userid, msgid=msgid, msgtype=msgtype, text=text)
        code.used = True
        return {"msgid": msgid}

    def service_state_get(self, fields: Fields) -> JsonObject:
        account = self._kf.account(fields.text_or("open_kfid"))
        session = self._kf.session(account, fields.text("external_userid", missing=41035))
        state = self._kf.state_of(session)
        reply: JsonObject = {"service_state": int(state)}
        return reply | ({"servicer_userid": session.servicer_userid} if state is SessionState.HUMAN else {})

    def service_state_trans(self, fields: Fields) -> JsonObject:
        account = self._kf.account(fields.text_or("open_kfid"))
        external_userid = fields.text("external_userid", missing=41035)
        session = self._kf.session(account, external_userid)
        wanted = SessionState(fields.integer("service_state", low=0, high=4))
        before = self._kf.state_of(session)
        if wanted not in MOVES[before]:
            raise PlatformError(95016)
        servicer = ""
        if wanted is SessionState.HUMAN:
            servicer = fields.text("servicer_userid", missing=95014)
            if servicer not in account.servicers:
                raise PlatformError(95014)
            if servicer in account.stopped:
                raise PlatformError(95019)
        session.state, session.servicer_userid = wanted, servicer
        if wanted is before or wanted is SessionState.ASSISTANT:
            return {}
        life = SESSION_LIFE if wanted is not SessionState.ENDED else END_CODE_LIFE
        return {"msg_code": self._kf.issue_code(account, external_userid, life, wanted)}

    def customer_batchget(self, fields: Fields) -> JsonObject:
        wanted = fields.texts("external_userid_list", count_max=100)
        if not wanted:
            raise PlatformError(40063, "external_userid_list")
        visitors = {external_userid for account in self._kf.accounts.values() for external_userid in account.sessions}
        known = [self._contacts.people[one] for one in wanted if one in visitors]
        rows = [
            {
                "external_userid": person.external_userid,
                "nickname": person.name,
                "avatar": "",
                "gender": person.gender,
            }
            | ({"unionid": person.unionid} if person.unionid else {})
            for person in known
        ]
        return {"customer_list": rows, "invalid_external_userid": [one for one in wanted if one not in visitors]}

    def _position(self, account: Account, cursor: str) -> int:
        """Cursors are opaque to clients; one of another account, or beyond the log, is refused."""
        if not cursor:
            return 0
        prefix, _, position = cursor.rpartition(".")
        if prefix != account.open_kfid[-8:] or not re.fullmatch(r"[0-9a-f]{1,8}", position):
            raise PlatformError(50100)
        if int(position, 16) > len(account.log):
            raise PlatformError(50100)
        return int(position, 16)

    def _check_push_token(self, account: Account, token: str) -> None:
        if token:
            issued_at = account.push_tokens.get(token)
            if issued_at is None or self._context.clock() - issued_at > PUSH_TOKEN_LIFE:
                raise PlatformError(95007)
        elif not self._tokenless.take(account.open_kfid, self._context.config.tokenless_sync_per_minute):
            raise PlatformError(45009)

    def _message(self, fields: Fields) -> tuple[str, str, str]:
        """(msgid, msgtype, text) of a message to send, checked."""
        msgid = fields.text_or("msgid")
        if not re.fullmatch(r"[0-9a-zA-Z_-]{0,32}", msgid):
            raise PlatformError(40058, "msgid")
        msgtype = fields.text("msgtype", missing=40008)
        body = fields.table(msgtype)
        if body is None:
            raise PlatformError(
                40008 if msgtype not in MEDIA_TYPES | OTHER_TYPES | {"text", "msgmenu"} else 40058, msgtype
            )
        if msgtype == "text":
            return msgid, msgtype, body.text("content", missing=44004, bytes_max=TEXT_BYTES_MAX)
        if msgtype == "msgmenu":
            return msgid, msgtype, _check_menu(body)
        if msgtype in MEDIA_TYPES:
            self._media.living(body.text("media_id", missing=40058))
        elif msgtype not in OTHER_TYPES:
            raise PlatformError(40008)
        return msgid, msgtype, ""

    def _check_may_send(self, session: Session) -> None:
        wrote_at = session.customer_wrote_at
        if wrote_at is None or self._context.clock() - wrote_at > SESSION_LIFE:
            raise PlatformError(95002)
        if session.state is SessionState.ENDED:
            raise PlatformError(95013)
        if session.state not in {SessionState.NEW, SessionState.ASSISTANT}:
            raise PlatformError(95018)
        if session.left <= 0:
            raise PlatformError(95001)

    def _check_code_state(self, account: Account, code: EventCode) -> None:
        if code.state is None:
            return
        if self._kf.state_of(account.sessions[code.external_userid]) is not code.state:
            raise PlatformError(95018)


def _check_menu(menu: Fields) -> str:
    for item in menu.rows("list", count_max=MENU_ITEMS_MAX, too_many=95008):
        kind = item.text("type", missing=95009)
        body = item.table(kind)
        if kind not in {"click", "view", "miniprogram", "text"} or body is None:
            raise PlatformError(95009)
        body.text("content", bytes_max=128 if kind == "click" else 1024)
    menu.text_or("tail_content", bytes_max=1024)
    return menu.text_or("head_content", bytes_max=1024)
