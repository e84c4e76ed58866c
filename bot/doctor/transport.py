"""One request and everything a doctor wants to know of its answer: status, body, Date header, time taken.

Not the product's client: that one hides what a doctor must see. Nothing here is logged.
"""

import json
import re
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp

TIMEOUT = aiohttp.ClientTimeout(total=10, sock_connect=5)
BODY_BYTES_MAX = 256 * 1024
FROM_IP = re.compile(r"from ip: ?([0-9a-fA-F.:]{3,45})")


class NoAnswer(Exception):
    """No HTTP answer at all; ``reason`` says why, for a person."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes
    date: datetime | None  # the other side's clock
    took_s: float

    def fields(self) -> dict[str, Any] | None:
        """The JSON object in the body, with ``errcode`` as an integer; None when it is something else."""
        try:
            answer = json.loads(self.body)
            return {**answer, "errcode": int(answer.get("errcode", 0))}
        except (ValueError, TypeError, AttributeError):
            return None


async def request(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    *,
    params: Mapping[str, str] | None = None,
    json_body: Mapping[str, Any] | None = None,
) -> Reply:
    """One request, no redirects followed. Raises NoAnswer."""
    started = time.monotonic()
    try:
        async with session.request(
            method, url, params=params, json=json_body, timeout=TIMEOUT, allow_redirects=False
        ) as response:
            body = await response.content.read(BODY_BYTES_MAX)
            return Reply(response.status, body, _date(response.headers.get("Date", "")), time.monotonic() - started)
    except (aiohttp.ClientError, TimeoutError, ValueError, ssl.SSLError) as error:
        raise NoAnswer(_reason(error)) from None


def our_address(errmsg: str) -> str:
    """The address WeCom saw us come from: 60020 quotes it. Empty when it does not."""
    found = FROM_IP.search(errmsg)
    return found[1] if found else ""


def _reason(error: Exception) -> str:
    match error:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return "TLS 证书不被信任或握手失败"
        case aiohttp.ClientConnectorDNSError() | socket.gaierror():
            return "域名解析不了"
        case TimeoutError():
            return "10 秒内没有回答"
        case aiohttp.ClientConnectorError():
            return "连接不上（被拒绝或不可达）"
        case aiohttp.InvalidURL() | ValueError():
            return "地址写得不对"
        case _:
            return f"连接中断（{type(error).__name__}）"


def _date(header: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
