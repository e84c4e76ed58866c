"""Access tokens: one per corp and app, shared by all who use it, renewed early and by one at a time.

Within a process a lock makes it one renewal; between processes the store does: whoever sets the row from the
generation it has read holds a short lease, the others wait for the new token or go on with the old one.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from bot.wecom.errors import Unreachable

MARGIN = timedelta(seconds=300)  # renew this long before the platform's end
# Short: the holder may have been killed, and a welcome that waits for a token dies after 20 s. Two renewals at once
# do no harm, the platform gives both the same token.
LEASE = timedelta(seconds=3)
POLL_S = 0.2
POLLS_MAX = 100

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Token:
    """``generation`` counts renewals: a compare-and-set needs something to compare."""

    value: str = field(repr=False)
    generation: int
    renew_at: datetime
    expires_at: datetime


class StoreUnavailable(Exception):
    """The store cannot be reached. The process goes on with a token of its own."""


class TokenStore(Protocol):
    """Where processes share tokens. ``app`` names corp and app, never a secret."""

    async def get(self, app: str) -> Token | None: ...

    async def claim(self, app: str, generation: int, *, now: datetime, until: datetime) -> bool:
        """The right to renew ``generation`` (0: there is none yet), until a moment. False: somebody else has it."""
        ...

    async def release(self, app: str, generation: int) -> None:
        """Give a claim back: the renewal failed."""
        ...

    async def put(self, app: str, token: Token) -> bool:
        """Keep the token, which ends the claim, if its predecessor is still the stored one."""
        ...


class MemoryTokenStore:
    """For one process."""

    def __init__(self) -> None:
        self._tokens: dict[str, Token] = {}
        self._claims: dict[str, datetime] = {}

    async def get(self, app: str) -> Token | None:
        return self._tokens.get(app)

    async def claim(self, app: str, generation: int, *, now: datetime, until: datetime) -> bool:
        held = self._tokens.get(app)
        if (held.generation if held else 0) != generation or (app in self._claims and now < self._claims[app]):
            return False
        self._claims[app] = until
        return True

    async def release(self, app: str, generation: int) -> None:
        held = self._tokens.get(app)
        if (held.generation if held else 0) == generation:
            self._claims.pop(app, None)

    async def put(self, app: str, token: Token) -> bool:
        held = self._tokens.get(app)
        if (held.generation if held else 0) != token.generation - 1:
            return False
        self._tokens[app] = token
        self._claims.pop(app, None)
        return True


def app_name(corpid: str, secret: str) -> str:
    """A name for a corp's app that changes with its secret and does not betray it."""
    return f"{corpid}:{hashlib.sha256(secret.encode()).hexdigest()[:16]}"


Fetch = Callable[[], Awaitable[tuple[str, timedelta]]]  # gettoken: the value and its life


class TokenKeeper:
    def __init__(
        self,
        app: str,
        *,
        fetch: Fetch,
        store: TokenStore,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._app, self._fetch, self._store = app, fetch, store
        self._clock, self._sleep = clock, sleep
        self._held: Token | None = None
        self._renewing = asyncio.Lock()

    async def get(self, *, stale: str | None = None) -> str:
        """The shared token. ``stale`` is one the platform has just refused; it is renewed once for all."""
        async with self._renewing:
            held = self._held
            if held is None or held.value == stale or self._clock() >= held.renew_at:
                held = self._held = await self._share_or_renew(stale)
            return held.value

    async def _share_or_renew(self, stale: str | None) -> Token:
        try:
            for _ in range(POLLS_MAX):
                stored, now = await self._store.get(self._app), self._clock()
                if stored is not None and stored.value != stale and now < stored.renew_at:
                    return stored  # another process was faster
                generation = stored.generation if stored else 0
                if await self._store.claim(self._app, generation, now=now, until=now + LEASE):
                    return await self._renew(generation)
                if stored is not None and stored.value != stale and now < stored.expires_at:
                    return stored  # somebody renews it early; the old one still works
                await self._sleep(POLL_S)
        except StoreUnavailable:
            _log.warning("wecom.token_store_unavailable")
            return await self._fetched(self._held.generation if self._held else 0)
        raise Unreachable("gettoken: another process holds the renewal and does not finish", retry_after=LEASE)

    async def _renew(self, generation: int) -> Token:
        try:
            token = await self._fetched(generation)
        except BaseException:
            await self._store.release(self._app, generation)
            raise
        if not await self._store.put(self._app, token):
            _log.warning("wecom.token_overtaken", generation=token.generation)
        _log.info("wecom.token_renewed", generation=token.generation)
        return token

    async def _fetched(self, generation: int) -> Token:
        value, life = await self._fetch()
        now = self._clock()
        return Token(value, generation + 1, now + max(life - MARGIN, life / 2), now + life)
