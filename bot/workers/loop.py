"""The waiting. A loop runs its worker until nothing is left, then waits for the bell or a short poll.

One of the two places that catch ``Exception`` (the other is ``careful.py``): a fault in one round is
logged by its name, without content, and the next round goes on. Items record their failures themselves.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

import structlog

POLL_S = 1.0  # the net for what other processes commit
PAUSE_AFTER_FAULT_S = 1.0

RunOnce = Callable[[], Awaitable[int]]

_log = structlog.get_logger()


class Bell:
    """Wakes the loops that wait for a name (a lane). Ringing before a wait begins is not lost."""

    def __init__(self) -> None:
        self._rung: dict[str, asyncio.Event] = {}

    def ring(self, names: Iterable[str]) -> None:
        for name in names:
            rung = self._rung.pop(name, None)
            if rung is not None:
                rung.set()

    def ticket(self, name: str) -> asyncio.Event:
        """Take it before looking for work: it is set by the next ring."""
        return self._rung.setdefault(name, asyncio.Event())


@dataclass(frozen=True, slots=True)
class Loop:
    """One endless worker: its own name, what wakes it, what it does, how long it waits without being woken."""

    name: str
    waits_for: str
    run_once: RunOnce
    poll_s: float = POLL_S


async def run_forever(loop: Loop, bell: Bell) -> None:
    """Work until cancelled. ``run_once`` returns how much it did; 0 means there is nothing due."""
    while True:
        ticket = bell.ticket(loop.waits_for)
        try:
            if await loop.run_once():
                continue
        except Exception as error:  # noqa: BLE001  # see above: record, go on
            _log.error("worker.fault", worker=loop.name, error=type(error).__name__)
            await asyncio.sleep(PAUSE_AFTER_FAULT_S)
            continue
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ticket.wait(), loop.poll_s)
