"""The waiting. A loop runs its worker until nothing is left, then waits for the bell or a short poll.

The one place that catches ``Exception``: a fault in one round is logged by its name, without
content, and the next round goes on. Items themselves record their failures in the mailbox.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog

POLL_S = 1.0  # the net for what other processes commit
PAUSE_AFTER_FAULT_S = 1.0

RunOnce = Callable[[], Awaitable[int]]

_log = structlog.get_logger()


class Bell:
    """Wakes every loop that waits. Ringing before a wait begins is not lost."""

    def __init__(self) -> None:
        self._round = asyncio.Event()

    def ring(self) -> None:
        self._round.set()
        self._round = asyncio.Event()

    def ticket(self) -> asyncio.Event:
        """Take it before looking for work: it is set by the next ring."""
        return self._round


async def run_forever(name: str, run_once: RunOnce, bell: Bell, *, poll_s: float = POLL_S) -> None:
    """Work until cancelled. ``run_once`` returns how much it did; 0 means there is nothing due."""
    while True:
        ticket = bell.ticket()
        try:
            if await run_once():
                bell.ring()
                continue
        except Exception as error:  # noqa: BLE001  # the one broad catch of the house: record, go on
            _log.error("worker.fault", worker=name, error=type(error).__name__)
            await asyncio.sleep(PAUSE_AFTER_FAULT_S)
            continue
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ticket.wait(), poll_s)
