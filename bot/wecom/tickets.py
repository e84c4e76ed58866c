"""JS-SDK tickets and signatures: platform reference 7.3. A ticket is a secret and never leaves the server."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.wecom.call import Answer, Caller
from bot.wecom.tokens import MARGIN


@dataclass(frozen=True, slots=True)
class Signature:
    """What the page hands to ``wx.config`` or ``wx.agentConfig``."""

    timestamp: int
    nonce: str
    signature: str


def sign(ticket: str, *, nonce: str, timestamp: int, url: str) -> str:
    """The signature of a page; what follows ``#`` in its address does not count."""
    page = url.partition("#")[0]
    text = f"jsapi_ticket={ticket}&noncestr={nonce}&timestamp={timestamp}&url={page}"
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()  # SHA-1 is WeCom's choice


class Tickets:
    """Tickets are scarce (100 per hour and app), so each is kept until shortly before its end."""

    def __init__(self, call: Caller, *, clock: Callable[[], datetime]) -> None:
        self._call, self._clock = call, clock
        self._held: dict[str, tuple[str, datetime]] = {}
        self._fetching = asyncio.Lock()

    async def sign_for_corp(self, url: str, *, nonce: str) -> Signature:
        """For ``config``."""
        return self._sign(await self._ticket("corp"), url, nonce)

    async def sign_for_app(self, url: str, *, nonce: str) -> Signature:
        """For ``agentConfig``: the customer-contact functions need this one."""
        return self._sign(await self._ticket("app"), url, nonce)

    def _sign(self, ticket: str, url: str, nonce: str) -> Signature:
        timestamp = int(self._clock().timestamp())
        return Signature(timestamp, nonce, sign(ticket, nonce=nonce, timestamp=timestamp, url=url))

    async def _ticket(self, kind: str) -> str:
        async with self._fetching:
            value, renew_at = self._held.get(kind, ("", self._clock()))
            if not value or self._clock() >= renew_at:
                answer = await self._fetch(kind)
                life = timedelta(seconds=int(answer["expires_in"]))
                value = str(answer["ticket"])
                self._held[kind] = (value, self._clock() + max(life - MARGIN, life / 2))
            return value

    async def _fetch(self, kind: str) -> Answer:
        if kind == "corp":
            return await self._call.get("get_jsapi_ticket")
        return await self._call.get("ticket/get", {"type": "agent_config"})
