"""What every part of the simulated world shares: settings, clock, seeded randomness, and the way to send an event."""

import random
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from bot.simulator.config import WorldConfig

XmlValue = str | int | Sequence["XmlValue"] | Mapping[str, "XmlValue"]
ID_CHARS = string.ascii_letters + string.digits + "-_"
SIMULATED_EPOCH = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)  # a Monday, 9:00 in Beijing


class Emit(Protocol):
    """Queue a callback. ``sender`` None leaves FromUserName out, as customer-service pushes do."""

    def __call__(
        self, event: Mapping[str, XmlValue], *, sender: str | None = "sys", agentid: int | None = None
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Context:
    config: WorldConfig
    clock: Callable[[], datetime]
    rng: random.Random
    emit: Emit

    def new_id(self, prefix: str, length: int) -> str:
        """An id of ``length`` characters in all, such as ``wm…`` for a WeChat user."""
        return prefix + "".join(self.rng.choices(ID_CHARS, k=length - len(prefix)))

    def unix(self) -> int:
        return int(self.clock().timestamp())


class TurnableClock:
    """A clock the story turns. It stands still between turns, or runs along when given a ``base`` clock."""

    def __init__(self, start: datetime = SIMULATED_EPOCH, *, base: Callable[[], datetime] | None = None) -> None:
        self._start, self._base = start, base
        self._turned = timedelta(0)

    def __call__(self) -> datetime:
        return (self._base() if self._base else self._start) + self._turned

    def advance(self, by: timedelta) -> None:
        self._turned += by


def utc_now() -> datetime:
    """The machine's clock; the default of the stand-alone simulator, never read by its rules."""
    return datetime.now(UTC)
