"""Who is looking at our page: OAuth inside the client and QR login in a browser (platform reference 7.1, 7.2)."""

import re
from dataclasses import dataclass
from urllib.parse import urlencode

from bot.wecom.call import Caller

STATE = re.compile(r"[a-zA-Z0-9]{1,128}")


@dataclass(frozen=True, slots=True)
class Visitor:
    """A staff member has a ``userid``; anybody else an ``openid``, a customer in range an ``external_userid`` too."""

    userid: str = ""
    openid: str = ""
    external_userid: str = ""


class Login:
    def __init__(self, call: Caller, *, corpid: str, agentid: int) -> None:
        self._call, self._corpid, self._agentid = call, corpid, agentid

    def client_url(self, redirect_uri: str, *, state: str) -> str:
        """Where to send somebody inside the WeCom client. Check ``state`` when they come back."""
        _check(state)
        query = {
            "appid": self._corpid,
            "redirect_uri": redirect_uri,
            "response_type": "code",
            "scope": "snsapi_base",
            "state": state,
            "agentid": self._agentid,
        }
        return f"https://open.weixin.qq.com/connect/oauth2/authorize?{urlencode(query)}#wechat_redirect"

    def browser_url(self, redirect_uri: str, *, state: str) -> str:
        """Where to send somebody in an ordinary browser: shows a QR code."""
        _check(state)
        query = {
            "login_type": "CorpApp",
            "appid": self._corpid,
            "agentid": self._agentid,
            "redirect_uri": redirect_uri,
            "state": state,
            "lang": "zh",
        }
        return f"https://login.work.weixin.qq.com/wwlogin/sso/login?{urlencode(query)}"

    async def visitor(self, code: str) -> Visitor:
        """Who came back with this code. It works once, for five minutes."""
        answer = await self._call.get("auth/getuserinfo", {"code": code})
        names = ("userid", "openid", "external_userid")
        return Visitor(*(str(answer.get(name) or "") for name in names))


def _check(state: str) -> None:
    if not STATE.fullmatch(state):
        raise ValueError("a state is 1 to 128 letters and digits")
