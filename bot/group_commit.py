"""Commit the items of concurrent requests together, so that durability costs one fsync for many.

A request waits until the commit that holds its item has succeeded; only then may it be answered.
Whatever queues while a commit runs goes into the next one: no timer, no added delay when it is quiet.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

from bot import mailbox
from bot.mailbox import Lane, Letter
from kernel.database import Database

LETTERS_PER_COMMIT_MAX = 500


class GroupCommit:
    """One for each process that takes callbacks."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database, self._clock = database, clock
        self._waiting: list[tuple[Lane, Letter, asyncio.Future[bool]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def put(self, lane: Lane, letter: Letter) -> bool:
        """Returns once the item is durable: True when it is new. Raises what the database raised."""
        written: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((lane, letter, written))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_all())
        return await written

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                batch = self._waiting[:LETTERS_PER_COMMIT_MAX]
                del self._waiting[: len(batch)]
                await self._write(batch)
        finally:
            self._writer = None

    async def _write(self, batch: list[tuple[Lane, Letter, asyncio.Future[bool]]]) -> None:
        new: set[tuple[Lane, str]] = set()
        try:
            async with self._database.write() as db:
                for lane in dict.fromkeys(lane for lane, _, _ in batch):
                    letters = [letter for other, letter, _ in batch if other is lane]
                    keys = await mailbox.put_many(db, lane, letters, now=self._clock())
                    new.update((lane, key) for key in keys)
        except BaseException as error:
            for _, _, written in batch:
                if not written.done():
                    written.set_exception(error)
            if not isinstance(error, Exception):
                raise
            return
        for lane, letter, written in batch:
            if not written.done():  # its request may have been given up meanwhile
                written.set_result((lane, letter.key) in new)
