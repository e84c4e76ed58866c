"""A shop beside a simulated WeCom: in this process for stories, in a process of its own for those that kill it."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot import app, logs
from bot.demo.box import Box, as_environment, free_port, open_box
from bot.demo.day import Day
from bot.demo.idle import SOON, wait_until_idle
from bot.simulator.config import RetryPolicy
from bot.simulator.context import TurnableClock, utc_now
from kernel.database import Database

SEED = 7
SETTLE_S = 90.0


@pytest.fixture(autouse=True)
def _quiet_logs() -> None:
    logs.set_up(quiet=True)


class Story:
    """A running shop: the simulated platform, the bot's database, and how to wait for the end of all work."""

    def __init__(self, box: Box, database: Database, clock: Callable[[], datetime]) -> None:
        self.box, self.world, self.database, self.clock = box, box.world, database, clock

    async def settle(self, *, soon: timedelta = SOON) -> None:
        await wait_until_idle(self.world, self.database, clock=self.clock, within_s=SETTLE_S, soon=soon)

    def day(self) -> Day:
        return Day(self.world, self.database, clock=self.clock, settle=self.settle)


@pytest.fixture
async def story(database_url: str, tmp_path: Path) -> AsyncIterator[Story]:
    """The bot in this process, with a clock that can be turned."""
    clock = TurnableClock(base=utc_now)
    async with (
        open_box(
            tmp_path / "box", database_url=database_url, bot_port=free_port(), clock=clock, seed=SEED, hurried=True
        ) as box,
        app.open_plant(box.settings, clock=clock) as plant,
    ):
        await app.prepare(plant.services.database, now=clock())
        async with app.serving(plant, with_workers=True):
            yield Story(box, plant.services.database, clock)


class Mortal:
    """``xiaoer serve`` as a process that is killed at chosen signs of life and started again each time.

    Signs of life are its log lines and the requests that reach the platform, before and after their
    effect: together they touch every stage. Nothing waits for a fixed time.
    """

    def __init__(self, box: Box, deaths: list[int]) -> None:
        self._box = box
        self._deaths = sorted(deaths)
        self.signs = 0
        self.killed: list[int] = []
        self._ready = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("XIAOER_")},
            **as_environment(box.settings),
        }

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        world = self._box.world
        world.on_request = self._on_request
        world.callbacks.before_attempt = self._before_attempt
        self._keeper = asyncio.create_task(self._keep())
        await self._ready.wait()
        try:
            yield
        finally:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
            world.on_request = world.callbacks.before_attempt = None

    async def _keep(self) -> None:
        """Start it, listen to it until it dies, start it again."""
        while True:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot", "serve",
                env=self._environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            self._process = process
            try:
                await asyncio.gather(self._wait_ready(process), self._listen(process))
            finally:
                self._ready.clear()
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
            if not self.killed:
                raise AssertionError(f"the server ended by itself with {process.returncode}")

    async def _wait_ready(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            if b"ready" in line:
                self._ready.set()

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        async for _line in process.stderr:
            self._sign_of_life()

    async def _on_request(self, _path: str, _phase: str) -> None:
        self._sign_of_life()

    async def _before_attempt(self, _push: object, _attempt: int) -> None:
        await self._ready.wait()

    def _sign_of_life(self) -> None:
        self.signs += 1
        if self._deaths and self.signs >= self._deaths[0] and self._ready.is_set():
            self._deaths.pop(0)
            self.killed.append(self.signs)
            assert self._process is not None
            self._ready.clear()
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGKILL)


class UnhurriedClock:
    """The platform's clock, a minute ahead of the bot's and half as fast.

    A welcome then has more than its 20 s, so a slow machine with many restarts is no reason for a late one.
    """

    def __init__(self) -> None:
        self._start = utc_now()

    def __call__(self) -> datetime:
        return self._start + timedelta(minutes=1) + (utc_now() - self._start) / 2


@asynccontextmanager
async def mortal_story(database_url: str, folder: Path, deaths: list[int]) -> AsyncIterator[tuple[Story, Mortal]]:
    """A shop whose server dies at the given signs of life."""
    retry = RetryPolicy(attempts=50, pause_s=0.05)  # the platform's own patience is not what is tested
    async with open_box(
        folder,
        database_url=database_url,
        bot_port=free_port(),
        clock=UnhurriedClock(),
        seed=SEED,
        hurried=True,
        retry=retry,
    ) as box:
        database = Database(database_url)
        mortal = Mortal(box, deaths)
        try:
            await app.prepare(database, now=utc_now())
            async with mortal.running():
                yield Story(box, database, utc_now), mortal
        finally:
            await database.close()
