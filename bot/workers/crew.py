"""All loops of one worker process, by name: what ``serve`` runs inside and ``work`` runs alone."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from bot.workers.fetch import FetchWorker
from bot.workers.inbox import InboxWorker
from bot.workers.loop import Bell, RunOnce, run_forever
from bot.workers.outbox import OutboxWorker
from bot.workers.poll import BEAT_EVERY_S, REMIND_EVERY_S, PollWorker
from bot.workers.reconcile import ReconcileWorker
from bot.workers.services import Services

WELCOME_LOOPS = 4  # calls at once; each may wait for WeCom
CALL_LOOPS = 4
FETCH_LOOPS = 2
MONEY_POLL_S = 2.0

_log = structlog.get_logger()


def make_loops(services: Services) -> list[tuple[str, RunOnce, float]]:
    """Name, ``run_once`` and poll pause of every loop."""
    inbox, fetch, outbox = InboxWorker(services), FetchWorker(services), OutboxWorker(services)
    reconcile = ReconcileWorker(services)
    poll = PollWorker(services, host=socket.gethostname())
    loops: list[tuple[str, RunOnce, float]] = [
        ("beat", poll.beat_once, BEAT_EVERY_S),
        ("remind", poll.remind_once, REMIND_EVERY_S),
        ("events", inbox.run_events, 1.0),
        ("messages", inbox.run_messages, 1.0),
        ("reconcile", reconcile.run_once, MONEY_POLL_S),
    ]
    loops += [(f"welcome-{n}", outbox.run_welcomes, 1.0) for n in range(WELCOME_LOOPS)]
    loops += [(f"calls-{n}", outbox.run_calls, 1.0) for n in range(CALL_LOOPS)]
    loops += [(f"fetch-{n}", fetch.run_once, 1.0) for n in range(FETCH_LOOPS)]
    if services.archive is not None:
        loops.append(("archive", services.archive.open_waiting, 1.0))
    return loops


@asynccontextmanager
async def running(services: Services, bell: Bell) -> AsyncIterator[None]:
    """Run every loop until the block ends. First give back what this host's dead workers held."""
    await PollWorker(services, host=socket.gethostname()).beat_once()
    tasks = [
        asyncio.create_task(run_forever(name, run_once, bell, poll_s=poll_s), name=name)
        for name, run_once, poll_s in make_loops(services)
    ]
    _log.info("workers.started", worker=services.worker, loops=len(tasks))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
