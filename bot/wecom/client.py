"""Calls to WeCom's server API: one path for all, with one shared access token.

A dead token (40001, 40014, 42001) is replaced once and the call repeated. Answers are judged by
``errcode`` only. No secret, token or content reaches a log line or an exception.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import structlog

from bot.wecom.errors import TOKEN_CODES, Misconfigured, OutcomeUnknown, Unreachable, refused

TIMEOUT = aiohttp.ClientTimeout(total=10, sock_connect=5)
TOKEN_MARGIN = timedelta(seconds=300)  # renew this long before the platform's 7200 s end

Answer = dict[str, Any]

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Token:
    value: str
    renew_at: datetime


class WeComClient:
    """One corp, one application."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        base_url: str,
        corpid: str,
        secret: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._session = session
        self._base_url = base_url.rstrip("/")
        self._corpid, self._secret, self._clock = corpid, secret, clock
        self._token: _Token | None = None
        self._renewing = asyncio.Lock()  # single flight

    # -- customer contact ---------------------------------------------------------------------

    async def send_welcome_msg(self, welcome_code: str, text: str) -> None:
        await self._post("externalcontact/send_welcome_msg", {"welcome_code": welcome_code, "text": {"content": text}})

    async def get_external_contact(self, external_userid: str) -> Answer:
        return await self._get("externalcontact/get", {"external_userid": external_userid})

    async def get_corp_tags(self) -> list[Answer]:
        answer = await self._post("externalcontact/get_corp_tag_list", {})
        return list(answer.get("tag_group", []))

    async def add_corp_tags(self, group_name: str, names: Sequence[str]) -> Answer:
        body = {"group_name": group_name, "tag": [{"name": name} for name in names]}
        return dict((await self._post("externalcontact/add_corp_tag", body)).get("tag_group", {}))

    async def mark_tag(
        self, userid: str, external_userid: str, *, add: Sequence[str], remove: Sequence[str] = ()
    ) -> None:
        """At least one list must not be empty."""
        body: dict[str, Any] = {"userid": userid, "external_userid": external_userid}
        body |= {name: list(ids) for name, ids in (("add_tag", add), ("remove_tag", remove)) if ids}
        await self._post("externalcontact/mark_tag", body)

    async def convert_to_openid(self, external_userid: str) -> str:
        answer = await self._post("externalcontact/convert_to_openid", {"external_userid": external_userid})
        return str(answer["openid"])

    async def get_follow_users(self) -> list[str]:
        """The userids of staff who may have customers."""
        return [str(userid) for userid in (await self._get("externalcontact/get_follow_user_list", {}))["follow_user"]]

    async def get_staff(self, userid: str) -> Answer:
        return await self._get("user/get", {"userid": userid})

    # -- 微信客服 -------------------------------------------------------------------------------

    async def sync_kf_messages(self, open_kfid: str, *, cursor: str, token: str) -> Answer:
        body: dict[str, Any] = {"open_kfid": open_kfid, "cursor": cursor, "limit": 1000}
        if token:
            body["token"] = token
        return await self._post("kf/sync_msg", body)

    async def send_kf_text(self, open_kfid: str, external_userid: str, text: str, *, msgid: str) -> None:
        body = {
            "touser": external_userid,
            "open_kfid": open_kfid,
            "msgid": msgid,
            "msgtype": "text",
            "text": {"content": text},
        }
        await self._post("kf/send_msg", body)

    async def get_kf_customers(self, external_userids: Sequence[str]) -> list[Answer]:
        answer = await self._post("kf/customer/batchget", {"external_userid_list": list(external_userids)})
        return list(answer.get("customer_list", []))

    # -- the one path ---------------------------------------------------------------------------

    async def _get(self, path: str, params: Mapping[str, str]) -> Answer:
        return await self._call("GET", path, params=params, body=None)

    async def _post(self, path: str, body: Mapping[str, Any]) -> Answer:
        return await self._call("POST", path, params={}, body=body)

    async def _call(
        self, method: str, path: str, *, params: Mapping[str, str], body: Mapping[str, Any] | None
    ) -> Answer:
        token = await self._fresh_token(stale=None)
        answer = await self._request(method, path, params={**params, "access_token": token}, body=body)
        if answer["errcode"] in TOKEN_CODES:
            token = await self._fresh_token(stale=token)
            answer = await self._request(method, path, params={**params, "access_token": token}, body=body)
        if answer["errcode"] != 0:
            raise refused(path, answer["errcode"])
        return answer

    async def _fresh_token(self, *, stale: str | None) -> str:
        """The shared token. ``stale`` is one the platform has just refused; it is renewed once for all waiters."""
        async with self._renewing:
            held = self._token
            if held is not None and held.value != stale and self._clock() < held.renew_at:
                return held.value
            params = {"corpid": self._corpid, "corpsecret": self._secret}
            answer = await self._request("GET", "gettoken", params=params, body=None)
            if answer["errcode"] in TOKEN_CODES:
                raise Misconfigured("gettoken", answer["errcode"])
            if answer["errcode"] != 0:
                raise refused("gettoken", answer["errcode"])
            life = timedelta(seconds=int(answer["expires_in"]))
            self._token = _Token(str(answer["access_token"]), self._clock() + max(life - TOKEN_MARGIN, life / 2))
            _log.info("wecom.token_renewed")
            return self._token.value

    async def _request(
        self, method: str, path: str, *, params: Mapping[str, str], body: Mapping[str, Any] | None
    ) -> Answer:
        url = f"{self._base_url}/cgi-bin/{path}"
        try:
            async with self._session.request(
                method, url, params=params, json=body, timeout=TIMEOUT, allow_redirects=False
            ) as response:
                if response.status != 200:
                    raise OutcomeUnknown(f"{path}: HTTP {response.status}")
                raw = await response.read()
        except aiohttp.ClientConnectorError as error:
            raise Unreachable(f"{path}: {type(error).__name__}") from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise OutcomeUnknown(f"{path}: {type(error).__name__}") from None
        try:
            answer = json.loads(raw)
            return {**answer, "errcode": int(answer.get("errcode", 0))}
        except (ValueError, TypeError, AttributeError):
            raise OutcomeUnknown(f"{path}: unreadable answer") from None
