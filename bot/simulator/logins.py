"""OAuth codes and JS-SDK tickets: platform reference 7.1 and 7.3."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.simulator.config import App
from bot.simulator.contacts import Contacts
from bot.simulator.context import Context
from bot.simulator.replies import Fields, JsonObject, PlatformError

TICKET_LIFE = timedelta(seconds=7200)
CODE_BYTES_MAX = 512


@dataclass(slots=True)
class LoginCode:
    who: str
    issued_at: datetime
    used: bool = False


class Logins:
    def __init__(self, context: Context, contacts: Contacts) -> None:
        self._context, self._contacts = context, contacts
        self.codes: dict[str, LoginCode] = {}
        self._tickets: dict[int, tuple[str, datetime]] = {}  # by agentid; 0 is the corp's

    # What people do

    def visit(self, who: str) -> str:
        """Somebody opens the app's page and comes back with this code: a userid, an external_userid, or a stranger."""
        code = self._context.new_id("", 43)
        self.codes[code] = LoginCode(who, self._context.clock())
        return code

    def is_signed(self, *, url: str, nonce: str, timestamp: int, signature: str, agentid: int = 0) -> bool:
        """Whether the client would accept this signature: for the front end's shim and for tests."""
        ticket, expires_at = self._tickets.get(agentid, ("", self._context.clock()))
        if self._context.clock() >= expires_at:
            return False
        text = f"jsapi_ticket={ticket}&noncestr={nonce}&timestamp={timestamp}&url={url.partition('#')[0]}"
        return signature == hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    # What the API does

    def get_user_info(self, fields: Fields) -> JsonObject:
        code = self.codes.get(fields.text("code", missing=40029, bytes_max=CODE_BYTES_MAX))
        if code is None:
            raise PlatformError(40029)
        if code.used:
            raise PlatformError(42022)
        if self._context.clock() >= code.issued_at + self._context.config.login_code_life:
            raise PlatformError(42003)
        code.used = True
        if member := self._contacts.staff.get(code.who.lower()):
            return {"userid": member.userid}
        reply: JsonObject = {"openid": self._contacts.openid_of(code.who)}
        is_contact = bool(list(self._contacts.visible_follows(code.who)))
        return reply | ({"external_userid": code.who} if is_contact else {})

    def corp_ticket(self, _fields: Fields) -> JsonObject:
        return self._ticket(0)

    def app_ticket(self, fields: Fields, app: App) -> JsonObject:
        if fields.text_or("type") != "agent_config":
            raise PlatformError(40058, "type")
        return self._ticket(app.agentid)

    def _ticket(self, agentid: int) -> JsonObject:
        now = self._context.clock()
        ticket, expires_at = self._tickets.get(agentid, ("", now))
        if now >= expires_at:
            ticket, expires_at = self._context.new_id("", 86), now + TICKET_LIFE
            self._tickets[agentid] = (ticket, expires_at)
        return {"ticket": ticket, "expires_in": int((expires_at - now).total_seconds())}
