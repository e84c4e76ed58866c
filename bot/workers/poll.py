"""Timers: the heartbeat, giving back what dead workers held, and reading again what no event told us."""

import os
from datetime import datetime, timedelta

import structlog

from bot import mailbox
from bot.conversations import kf
from bot.kinds import InboxKind
from bot.mailbox import BEAT_EVERY, Lane, Letter, Priority
from bot.red_packets import store as red_packets
from bot.workers.services import Services

ARCHIVE_EVERY = timedelta(minutes=1)  # the event is only a wake-up (platform reference 5.10)
STAFF_EVERY = timedelta(hours=12)
CLAIMS_EVERY = timedelta(hours=1)  # waiting claims, and bound orders whose hold is over
KF_EVERY = timedelta(minutes=5)  # without a token from an event the platform allows few calls

_log = structlog.get_logger()


class PollWorker:
    def __init__(self, services: Services, *, host: str) -> None:
        self._services, self._host = services, host

    async def beat_once(self) -> int:
        """Say that we live, and give back what others held who do not. Returns 0: there is never more to do."""
        services = self._services
        async with services.database.write() as db:
            now = services.clock()
            await mailbox.beat(db, services.worker, host=self._host, pid=os.getpid(), now=now)
            dead = await mailbox.bury(db, host=self._host, lives=process_lives, now=now)
            if dead:
                await red_packets.look_at_interrupted(db, now=now)
        if dead:
            _log.warning("mailbox.buried", workers=dead)
        return 0

    async def remind_once(self) -> int:
        """Ask for what no event tells: staff, the archive, every 微信客服 account, each once in its time."""
        services = self._services
        now = services.clock()
        letters = [_reminder(InboxKind.SYNC_STAFF, {}, "staff", _turn(now, STAFF_EVERY))]
        if services.archive is not None:
            letters.append(_reminder(InboxKind.PULL_ARCHIVE, {}, "archive", _turn(now, ARCHIVE_EVERY)))
        async with services.database.read() as db:
            accounts = await kf.list_accounts(db)
        turn = _turn(now, KF_EVERY)
        letters += [_reminder(InboxKind.PULL_KF, {"OpenKfId": account}, account, turn) for account in accounts]
        async with services.database.write() as db:
            await mailbox.put_many(db, Lane.FETCH, letters, now=now)
            again = _reminder(InboxKind.ORDERS_IMPORTED, {}, "claims", _turn(now, CLAIMS_EVERY))
            await mailbox.put_many(db, Lane.EVENTS, [again], now=now)
        return 0


def process_lives(pid: int) -> bool:
    """Whether a process of this host still runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _turn(now: datetime, every: timedelta) -> int:
    """Which stretch of time this is: the same for every process, so one reminder is enough."""
    return int(now.timestamp() // every.total_seconds())


def _reminder(kind: InboxKind, payload: dict[str, str], what: str, turn: int) -> Letter:
    return Letter(kind, payload, f"reminder:{what}:{turn}", priority=Priority.BULK)


BEAT_EVERY_S = BEAT_EVERY.total_seconds()
REMIND_EVERY_S = 20.0
