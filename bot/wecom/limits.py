"""How often and how many at once: budgets per path, a pause after a complaint, and a breaker when nobody answers.

The platform counts per corp and path, so budgets and gates are per path as well: a bulk read never makes a
welcome message wait. Time comes from the caller; the figures from ``limits.yaml``, with their source and date.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from bot.wecom.errors import BLOCKED, Throttled, Unreachable

SHIPPED = Path(__file__).parent / "limits.yaml"
BURST_SHARE = 0.1  # of a budget that may be spent at once; the rest comes back evenly
WAIT_MAX = timedelta(seconds=5)  # for a turn; whoever would wait longer is told to come back
HALVED_FOR = timedelta(seconds=60)
FAILURES_MAX = 5
OPEN_FOR = timedelta(seconds=5)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
OWN_BUDGET = 45009  # the code our own refusals carry: the platform's would be this one

Clock = Callable[[], datetime]
Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Budget:
    """Calls of one path."""

    per_minute: int
    per_hour: int


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings file, read."""

    default: Budget
    paths: Mapping[str, Budget]
    at_once: int

    def budget(self, path: str) -> Budget:
        return self.paths.get(path, self.default)


def parse_limits(text: str) -> Limits:
    """Read a limits file. Raises KeyError, TypeError or ValueError when it is not one."""
    raw: Mapping[str, Any] = yaml.safe_load(text) or {}
    share = float(raw.get("share", 1))
    if not 0 < share <= 1:
        raise ValueError("share must be above 0 and at most 1")

    def budget(row: Mapping[str, Any]) -> Budget:
        return Budget(max(1, int(row["per_minute"] * share)), max(1, int(row["per_hour"] * share)))

    paths = {str(path): budget(row) for path, row in (raw.get("paths") or {}).items()}
    return Limits(budget(raw["default"]), paths, max(1, int(raw["at_once"])))


@cache
def shipped_limits() -> Limits:
    return parse_limits(SHIPPED.read_text(encoding="utf-8"))


class Bucket:
    """At most ``limit`` calls in any ``window``: a burst at once, the rest evenly."""

    def __init__(self, limit: int, window: timedelta) -> None:
        self._burst = max(1.0, limit * BURST_SHARE)
        self._per_second = max(limit - self._burst, 0.5) / window.total_seconds()
        self._left = self._burst
        self._last: datetime | None = None

    def wait(self, now: datetime) -> timedelta:
        """How long until the next call may go. Nothing is taken."""
        self._refill(now)
        missing = 1.0 - self._left
        return timedelta(seconds=missing / self._per_second) if missing > 1e-9 else timedelta(0)

    def take(self, now: datetime) -> None:
        """Take one call, on credit if need be: whoever waits has its place."""
        self._refill(now)
        self._left -= 1.0

    def _refill(self, now: datetime) -> None:
        if self._last is not None:
            passed = max(0.0, (now - self._last).total_seconds())
            self._left = min(self._burst, self._left + passed * self._per_second)
        self._last = now if self._last is None else max(now, self._last)


class Budgets:
    """Every path's buckets, and the paths the platform has closed."""

    def __init__(self, limits: Limits, *, clock: Clock, sleep: Sleep = asyncio.sleep) -> None:
        self._limits, self._clock, self._sleep = limits, clock, sleep
        self._buckets: dict[str, tuple[Bucket, Bucket]] = {}
        self._closed_until: dict[str, datetime] = {}

    async def take(self, path: str) -> None:
        """One call of ``path``; waits a little for its turn. Raises Throttled when that is too long."""
        now = self._clock()
        closed_for = self._closed_until.get(path, now) - now
        if closed_for > timedelta(0):
            raise Throttled(path, OWN_BUDGET, retry_after=closed_for)
        buckets = self._buckets.get(path)
        if buckets is None:
            budget = self._limits.budget(path)
            buckets = self._buckets[path] = (Bucket(budget.per_minute, MINUTE), Bucket(budget.per_hour, HOUR))
        wait = max(bucket.wait(now) for bucket in buckets)
        if wait > WAIT_MAX:
            raise Throttled(path, OWN_BUDGET, retry_after=wait)
        for bucket in buckets:
            bucket.take(now)
        if wait:
            await self._sleep(wait.total_seconds())

    def close(self, path: str, *, for_: timedelta = BLOCKED) -> None:
        """The platform answered 45009: leave this path alone."""
        self._closed_until[path] = self._clock() + for_


class Gate:
    """At most ``at_once`` calls of one path on their way; half as many for a while after 45033."""

    def __init__(self, at_once: int, *, clock: Clock) -> None:
        self._at_once, self._clock = at_once, clock
        self._inside: defaultdict[str, int] = defaultdict(int)
        self._halved_until: dict[str, datetime] = {}
        self._freed = asyncio.Event()

    def room(self, path: str) -> int:
        """How many may be inside now."""
        until = self._halved_until.get(path)
        halved = until is not None and self._clock() < until
        return max(1, self._at_once // 2) if halved else self._at_once

    def halve(self, path: str) -> None:
        self._halved_until[path] = self._clock() + HALVED_FOR

    @asynccontextmanager
    async def enter(self, path: str) -> AsyncIterator[None]:
        """Wait for room, a little. Raises Throttled when none came."""
        try:
            async with asyncio.timeout(WAIT_MAX.total_seconds()):
                while self._inside[path] >= self.room(path):
                    await self._freed.wait()
                self._inside[path] += 1
        except TimeoutError:
            raise Throttled(path, OWN_BUDGET, retry_after=WAIT_MAX) from None
        try:
            yield
        finally:
            self._inside[path] -= 1
            self._freed.set()  # everybody looks again; the next to wait get an event of their own
            self._freed = asyncio.Event()


class Breaker:
    """After ``FAILURES_MAX`` calls in a row without a readable answer, nothing is sent for a moment; then one probe."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._failures = 0
        self._open_until: datetime | None = None
        self._probing = False

    @property
    def is_open(self) -> bool:
        return self._open_until is not None

    def check(self, path: str) -> None:
        """Let a call pass, or raise Unreachable. When the pause is over, one caller passes as the probe."""
        if self._open_until is None:
            return
        left = self._open_until - self._clock()
        if left > timedelta(0) or self._probing:
            raise Unreachable(f"{path}: calls are suspended", retry_after=max(left, timedelta(seconds=1)))
        self._probing = True

    def answered(self) -> None:
        """A readable answer came, whatever it said."""
        self._failures, self._open_until, self._probing = 0, None, False

    def failed(self) -> None:
        self._failures += 1
        if self._probing or self._failures >= FAILURES_MAX:
            self._open_until = self._clock() + OPEN_FOR
        self._probing = False

    def left(self) -> None:
        """The caller went away (cancelled) without knowing: somebody else may probe."""
        self._probing = False
