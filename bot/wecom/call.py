"""The one path of every call to WeCom's server API: breaker, budget, gate, token, one request, one judgement.

A dead token (40001, 40014, 42001) is replaced once and the call repeated. Answers are judged by ``errcode``
only. No secret, token or content reaches a log line or an exception.
"""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import aiohttp

from bot.wecom.errors import TOKEN_CODES, Misconfigured, OutcomeUnknown, Unreachable, WeComError, refused
from bot.wecom.limits import Breaker, Budgets, Gate, Limits, shipped_limits
from bot.wecom.tokens import MemoryTokenStore, TokenKeeper, TokenStore, app_name

TIMEOUT = aiohttp.ClientTimeout(total=10, sock_connect=5)
FILE_TIMEOUT = aiohttp.ClientTimeout(total=120, sock_connect=5, sock_read=30)
ANSWER_BYTES_MAX = 32 * 1024 * 1024  # the largest documented file has 20 MB
PAGES_MAX = 10_000

Answer = dict[str, Any]


class _Whole(dict[str, Any]):
    """An answer. A field the platform promises and does not send makes it unreadable, not a KeyError somewhere."""

    def __missing__(self, name: str) -> object:
        raise OutcomeUnknown(f"unreadable answer: no {name}")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file on its way to WeCom."""

    filename: str
    content: bytes
    content_type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class _Request:
    verb: Literal["GET", "POST"]
    path: str
    params: Mapping[str, str]
    body: Mapping[str, Any] | None = None
    upload: Upload | None = None

    @property
    def timeout(self) -> aiohttp.ClientTimeout:
        return FILE_TIMEOUT if self.path.startswith("media/") else TIMEOUT


@dataclass(frozen=True, slots=True)
class _Reply:
    answer: Answer
    file: bytes | None = None

    @property
    def errcode(self) -> int:
        return int(self.answer["errcode"])


class Caller:
    """One corp, one application."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        base_url: str,
        corpid: str,
        secret: str,
        clock: Callable[[], datetime],
        store: TokenStore | None = None,
        limits: Limits | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._session, self._base_url = session, base_url.rstrip("/")
        self._corpid, self._secret = corpid, secret
        self.corpid, self.clock = corpid, clock
        limits = limits or shipped_limits()
        self._budgets = Budgets(limits, clock=clock, sleep=sleep)
        self._gate = Gate(limits.at_once, clock=clock)
        self._breaker = Breaker(clock=clock)
        self._tokens = TokenKeeper(
            app_name(corpid, secret),
            fetch=self._get_token,
            store=store or MemoryTokenStore(),
            clock=clock,
            sleep=sleep,
        )

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        return (await self._call(_Request("GET", path, params or {}))).answer

    async def post(self, path: str, body: Mapping[str, Any]) -> Answer:
        return (await self._call(_Request("POST", path, {}, body=body))).answer

    async def upload(self, path: str, params: Mapping[str, str], upload: Upload) -> Answer:
        return (await self._call(_Request("POST", path, params, upload=upload))).answer

    async def download(self, path: str, params: Mapping[str, str]) -> bytes:
        """A file. A refusal comes as JSON in its place and is raised."""
        reply = await self._call(_Request("GET", path, params))
        if reply.file is None:
            raise OutcomeUnknown(f"{path}: an answer without a file")
        return reply.file

    async def _call(self, request: _Request) -> _Reply:
        token = await self._tokens.get()
        reply = await self._send(request, token)
        if reply.errcode in TOKEN_CODES:
            token = await self._tokens.get(stale=token)
            reply = await self._send(request, token)
        return self._judge(request.path, reply)

    def _judge(self, path: str, reply: _Reply) -> _Reply:
        if reply.errcode == 0:
            return reply
        if reply.errcode == 45009:
            self._budgets.close(path)
        elif reply.errcode == 45033:
            self._gate.halve(path)
        raise refused(path, reply.errcode)

    async def _get_token(self) -> tuple[str, timedelta]:
        params = {"corpid": self._corpid, "corpsecret": self._secret}
        reply = await self._send(_Request("GET", "gettoken", params), "")
        if reply.errcode in TOKEN_CODES:
            raise Misconfigured("gettoken", reply.errcode)
        answer = self._judge("gettoken", reply).answer
        try:
            return str(answer["access_token"]), timedelta(seconds=int(answer["expires_in"]))
        except (KeyError, TypeError, ValueError):
            raise OutcomeUnknown("gettoken: unreadable answer") from None

    async def _send(self, request: _Request, token: str) -> _Reply:
        """One request. Who gets no answer counts for the breaker."""
        await self._budgets.take(request.path)
        async with self._gate.enter(request.path):
            self._breaker.check(request.path)
            try:
                reply = await self._exchange(request, token)
            except WeComError:
                self._breaker.failed()
                raise
            except BaseException:
                self._breaker.left()
                raise
            self._breaker.answered()
            return reply

    async def _exchange(self, request: _Request, token: str) -> _Reply:
        path = request.path
        params = {**request.params, "access_token": token} if token else request.params
        data = None
        if request.upload is not None:
            data = aiohttp.FormData()
            file = request.upload
            data.add_field("media", io.BytesIO(file.content), filename=file.filename, content_type=file.content_type)
        try:
            async with self._session.request(
                request.verb,
                f"{self._base_url}/cgi-bin/{path}",
                params=params,
                json=request.body,
                data=data,
                timeout=request.timeout,
                allow_redirects=False,
            ) as response:
                if response.status not in {200, 206}:
                    raise OutcomeUnknown(f"{path}: HTTP {response.status}")
                raw = await _read_limited(response, path)
                is_file = "Content-Disposition" in response.headers
        except aiohttp.ClientConnectorError as error:
            raise Unreachable(f"{path}: {type(error).__name__}") from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise OutcomeUnknown(f"{path}: {type(error).__name__}") from None
        return _Reply({"errcode": 0}, raw) if is_file else _Reply(_read(path, raw))


async def _read_limited(response: aiohttp.ClientResponse, path: str) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > ANSWER_BYTES_MAX:
            raise OutcomeUnknown(f"{path}: the answer is too big")
        parts.append(part)
    return b"".join(parts)


def _read(path: str, raw: bytes) -> Answer:
    try:
        answer = json.loads(raw)
        return _Whole({**answer, "errcode": int(answer.get("errcode", 0))})
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise OutcomeUnknown(f"{path}: unreadable answer") from None


async def pages(fetch: Callable[[str], Awaitable[Answer]]) -> AsyncIterator[Answer]:
    """Every page of a list, following ``next_cursor`` to its end (platform reference 0.3)."""
    cursor = ""
    for _ in range(PAGES_MAX):
        page = await fetch(cursor)
        yield page
        following = str(page.get("next_cursor") or "")
        if not following:
            return
        if following == cursor:
            raise OutcomeUnknown("a list that never ends: the cursor stands still")
        cursor = following
    raise OutcomeUnknown("a list that never ends")


def given(**fields: object) -> dict[str, Any]:
    """The fields that are not None: what is absent from a request is left as it is."""
    return {name: value for name, value in fields.items() if value is not None}
