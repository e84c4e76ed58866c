"""All loops of one worker process, by name: what ``serve`` runs inside and ``work`` runs alone."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from bot.archive.reader import STORED
from bot.mailbox import Lane
from bot.workers.fetch import FetchWorker
from bot.workers.inbox import InboxWorker
from bot.workers.loop import Bell, Loop, run_forever
from bot.workers.outbox import OutboxWorker
from bot.workers.poll import BEAT_EVERY_S, REMIND_EVERY_S, PollWorker
from bot.workers.reconcile import ReconcileWorker
from bot.workers.services import Services

WELCOME_LOOPS = 4  # calls at once; each may wait for WeCom
CALL_LOOPS = 4
FETCH_LOOPS = 2
MONEY_POLL_S = 2.0
MEDIA_POLL_S = 5.0

_log = structlog.get_logger()


def make_loops(services: Services) -> list[Loop]:
    inbox, fetch, outbox = InboxWorker(services), FetchWorker(services), OutboxWorker(services)
    reconcile = ReconcileWorker(services)
    poll = PollWorker(services, host=socket.gethostname())
    loops = [
        Loop("beat", "beat", poll.beat_once, BEAT_EVERY_S),
        Loop("remind", "remind", poll.remind_once, REMIND_EVERY_S),
        Loop("events", Lane.EVENTS, inbox.run_events),
        Loop("messages", Lane.MESSAGES, inbox.run_messages),
        Loop("reconcile", "reconcile", reconcile.run_once, MONEY_POLL_S),
    ]
    loops += [Loop(f"welcome-{n}", Lane.WELCOMES, outbox.run_welcomes) for n in range(WELCOME_LOOPS)]
    loops += [Loop(f"calls-{n}", Lane.CALLS, outbox.run_calls) for n in range(CALL_LOOPS)]
    loops += [Loop(f"fetch-{n}", Lane.FETCH, fetch.run_once) for n in range(FETCH_LOOPS)]
    if services.archive is not None:
        loops.append(Loop("archive", STORED, services.archive.open_waiting))
    if services.fetch_media is not None:
        loops.append(Loop("media", "media", services.fetch_media, MEDIA_POLL_S))
    return loops


@asynccontextmanager
async def running(services: Services, bell: Bell) -> AsyncIterator[None]:
    """Run every loop until the block ends. First give back what this host's dead workers held."""
    await PollWorker(services, host=socket.gethostname()).beat_once()
    tasks = [asyncio.create_task(run_forever(loop, bell), name=loop.name) for loop in make_loops(services)]
    _log.info("workers.started", worker=services.worker, loops=len(tasks))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
