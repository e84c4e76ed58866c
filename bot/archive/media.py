"""Files of archived messages: wished for with the message, fetched in pieces, kept once complete.

A piece is on disk before its place is committed, so a crash repeats at most one piece. A file appears
under its final name only when it is whole and its digest fits. ``sdkfileid`` lives five days.
"""

import asyncio
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.archive import messages
from bot.archive.bodies import files_of
from bot.archive.errors import DecoderDied, Gone, WrongArguments, advice
from bot.archive.finance_sdk import Piece
from bot.archive.ledger import RETENTION
from bot.archive.tables import ArchiveMedia
from bot.wecom.errors import WeComError
from kernel.database import Database, count_changed, insert_many_once

FILE_BYTES_MAX = 2 * 1024**3
DIGEST_ATTEMPTS_MAX = 8  # then what comes is simply not what was sent
DEATHS_MAX = 2  # a file that killed this many decoders in a row is left alone
PAUSE_FIRST = timedelta(seconds=30)
PAUSE_MAX = timedelta(hours=1)
LEASE = timedelta(minutes=5)  # renewed with every piece

_log = structlog.get_logger()


class MediaSource(Protocol):
    async def fetch_piece(self, sdkfileid: str, index: str) -> Piece:
        """One piece of at most 512 KB; ``index`` is "" for the first. Raises WeComError."""


class WrongDigest(Exception):
    """What came is not what was sent: fetch it again from the start."""


class TooLarge(Exception):
    """More than FILE_BYTES_MAX, or it never ends."""


class Overtaken(Exception):
    """Another worker has taken this file since: leave it to him."""


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed file; ``attempts`` is the fence."""

    id: int
    key: str
    sdkfileid: str
    md5: str
    next_index: str
    size_bytes: int
    attempts: int
    reason: str
    created_at: datetime


def path_of(folder: Path, key: str) -> Path:
    """Where a complete file lies: two levels, so that no folder grows too long."""
    return folder / key[:2] / key


async def wish(db: AsyncSession, said: Sequence[Mapping[str, Any]], *, now: datetime) -> int:
    """Write down every file of these messages; returns how many are new."""
    rows: dict[str, dict[str, object]] = {}
    for message in said:
        for file in files_of(message):
            key = hashlib.sha256(file.sdkfileid.encode()).hexdigest()
            row: dict[str, object] = {
                "key": key,
                "message_key": messages.message_key(str(message.get("msgid", ""))),
                "sdkfileid": file.sdkfileid,
                "kind": file.kind[:32],
                "name": file.name[:255],
                "md5": file.md5,
                "state": "waiting",
                "reason": "",
                "next_index": "",
                "size_bytes": 0,
                "attempts": 0,
                "created_at": now,
                "due_at": now,
            }
            rows.setdefault(key, row)
    return len(await insert_many_once(db, ArchiveMedia, list(rows.values()), unique=("key",)))


async def counts(db: AsyncSession) -> dict[str, int]:
    """How many files are in each state."""
    rows = await db.execute(select(ArchiveMedia.state, func.count()).group_by(ArchiveMedia.state))
    return {state: int(count) for state, count in rows}


async def fetch_media_once(
    database: Database, source: MediaSource, folder: Path, *, clock: Callable[[], datetime]
) -> int:
    """Fetch the file that has waited longest, as far as it goes; returns 1, or 0 when none is due.

    A failure is written down and never raised: the file comes again after a pause, or is given up with a reason.
    """
    async with database.write() as db:
        job = await _claim(db, now=clock())
    if job is None:
        return 0
    try:
        await _fetch(database, source, folder, job, clock=clock)
    except Overtaken:
        _log.warning("media.overtaken", key=job.key)
    except (Gone, WrongArguments) as error:
        await _finish(database, job, "gone", f"{error.errcode}:{advice(error)}", now=clock())
        await asyncio.to_thread(_part_of(folder, job.key).unlink, missing_ok=True)
    except TooLarge:
        await _finish(database, job, "failed", "文件太大,或没有结尾", now=clock())
        await asyncio.to_thread(_part_of(folder, job.key).unlink, missing_ok=True)
    except WrongDigest:
        await _again(database, job, "MD5 不符,重新下载", from_start=True, now=clock())
    except (WeComError, OSError) as error:
        await _again(database, job, _reason(job, error), from_start=False, now=clock())
    return 1


async def _fetch(
    database: Database, source: MediaSource, folder: Path, job: Job, *, clock: Callable[[], datetime]
) -> None:
    part = _part_of(folder, job.key)
    index, size = job.next_index, job.size_bytes
    if not await asyncio.to_thread(_cut, part, size):
        index, size = "", 0  # the pieces are not here (another disk): from the start
    while True:
        piece = await source.fetch_piece(job.sdkfileid, index)
        size += len(piece.data)
        if size > FILE_BYTES_MAX or (not piece.finished and (not piece.data or piece.next_index in {"", index})):
            raise TooLarge
        await asyncio.to_thread(_append, part, piece.data)
        if piece.finished:
            break
        index = piece.next_index
        await _keep_place(database, job, index=index, size=size, now=clock())
    if job.md5 and await asyncio.to_thread(_md5, part) != job.md5:
        raise WrongDigest
    await asyncio.to_thread(_publish, part, path_of(folder, job.key))
    await _finish(database, job, "done", "", size=size, now=clock())
    _log.info("media.done", key=job.key, bytes=size)


# -- rows --


async def _claim(db: AsyncSession, *, now: datetime) -> Job | None:
    """The most overdue file, postponed by a lease in the same statement."""
    next_id = (
        select(ArchiveMedia.id)
        .where(ArchiveMedia.state == "waiting", ArchiveMedia.due_at <= now)
        .order_by(ArchiveMedia.due_at, ArchiveMedia.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    take = update(ArchiveMedia).where(ArchiveMedia.id == next_id)
    take = take.values(due_at=now + LEASE, attempts=ArchiveMedia.attempts + 1)
    row = (await db.scalars(take.returning(ArchiveMedia))).one_or_none()
    if row is None:
        return None
    return Job(
        row.id,
        row.key,
        row.sdkfileid,
        row.md5,
        row.next_index,
        row.size_bytes,
        row.attempts,
        row.reason,
        row.created_at,
    )


async def _save(database: Database, job: Job, **values: object) -> None:
    """Raises Overtaken."""
    async with database.write() as db:
        mine = update(ArchiveMedia).where(
            ArchiveMedia.id == job.id, ArchiveMedia.attempts == job.attempts, ArchiveMedia.state == "waiting"
        )
        if not await count_changed(db, mine.values(**values)):
            raise Overtaken


async def _keep_place(database: Database, job: Job, *, index: str, size: int, now: datetime) -> None:
    await _save(database, job, next_index=index, size_bytes=size, due_at=now + LEASE)


async def _finish(
    database: Database, job: Job, state: str, reason: str, *, now: datetime, size: int | None = None
) -> None:
    values: dict[str, object] = {"state": state, "reason": reason[:200], "finished_at": now, "next_index": ""}
    await _save(database, job, **values, **({} if size is None else {"size_bytes": size}))
    if state != "done":
        _log.warning("media.given_up", key=job.key, state=state)


async def _again(database: Database, job: Job, reason: str, *, from_start: bool, now: datetime) -> None:
    """Repeat after a pause. A network that is down or a right that is missing is no fault of the file's: five days."""
    deaths = int(reason.startswith(_DEATH)) + int(job.reason.startswith(_DEATH))
    damaged = from_start and job.attempts >= DIGEST_ATTEMPTS_MAX
    if damaged or deaths >= DEATHS_MAX or now - job.created_at >= RETENTION:
        await _finish(database, job, "failed", reason, now=now)
        return
    pause = min(PAUSE_FIRST * 2 ** min(job.attempts - 1, 10), PAUSE_MAX)
    place: dict[str, object] = {"next_index": "", "size_bytes": 0} if from_start else {}
    await _save(database, job, due_at=now + pause, reason=reason[:200], **place)


_DEATH = "下载这个文件时解密进程退出"


def _reason(job: Job, error: Exception) -> str:
    if isinstance(error, DecoderDied):
        return f"{_DEATH}({error})"
    if isinstance(error, WeComError):
        return f"{error}:{advice(error)}"
    _log.error("media.disk", key=job.key, error=type(error).__name__)
    return f"写文件失败({type(error).__name__})"


# -- files --


def _part_of(folder: Path, key: str) -> Path:
    return path_of(folder, key).with_suffix(".part")


def _cut(part: Path, size: int) -> bool:
    """Make the unfinished file exactly ``size`` long; False when less than that is here (it is then empty)."""
    part.parent.mkdir(parents=True, exist_ok=True)
    have = part.stat().st_size if part.exists() else 0
    whole = have >= size
    with part.open("ab") as file:
        file.truncate(size if whole else 0)
    return whole


def _append(part: Path, data: bytes) -> None:
    with part.open("ab") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _md5(part: Path) -> str:
    with part.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _publish(part: Path, final: Path) -> None:
    """Give the whole file its name, and make sure the name lasts."""
    part.replace(final)
    if os.name != "nt":  # Windows cannot open a folder
        folder = os.open(final.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
