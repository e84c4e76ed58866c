"""The simulator as one web application on one port, and a runner for demos and tests."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiohttp import web

from bot.simulator.api import FINANCE_PATH, make_api, pull_archive
from bot.simulator.chat import make_chat
from bot.simulator.control import make_control, show_index
from bot.simulator.pay_api import make_pay_api
from bot.simulator.web import FILE_BYTES_MAX, WORLD
from bot.simulator.world import World

TICK_S = 0.5


def make_simulator(world: World) -> web.Application:
    """``/cgi-bin`` WeCom, ``/mmpaymkttransfers`` WeChat Pay, ``/simulated/finance`` archive, ``/control``, ``/``."""
    app = web.Application(client_max_size=FILE_BYTES_MAX)
    app[WORLD] = world
    app.router.add_get("/", show_index)
    app.router.add_post(f"/{FINANCE_PATH}", pull_archive)
    app.add_subapp("/cgi-bin", make_api(world))
    app.add_subapp("/mmpaymkttransfers", make_pay_api(world))
    app.add_subapp("/control", make_control(world))
    app.add_subapp("/chat", make_chat(world))
    return app


@dataclass(frozen=True, slots=True)
class Runner:
    """A running simulator. ``url`` has no slash at the end."""

    world: World
    url: str
    _app_runner: web.AppRunner
    _tasks: tuple[asyncio.Task[None], ...]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.world.close()
        await self._app_runner.cleanup()


async def start(world: World, host: str = "127.0.0.1", port: int = 0, *, deliver: bool = True) -> Runner:
    """Serve ``world``; port 0 takes a free one. ``deliver`` False leaves callbacks to ``world.deliver_all``."""
    runner = web.AppRunner(make_simulator(world), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    bound_port = runner.addresses[0][1]
    tasks = (asyncio.create_task(world.callbacks.run()), asyncio.create_task(_tick(world))) if deliver else ()
    return Runner(world, f"http://{host}:{bound_port}", runner, tasks)


@contextlib.asynccontextmanager
async def running(world: World, *, deliver: bool = True) -> AsyncIterator[Runner]:
    """A simulator for the length of a block."""
    runner = await start(world, deliver=deliver)
    try:
        yield runner
    finally:
        await runner.stop()


async def _tick(world: World) -> None:
    while True:
        world.tick()
        await asyncio.sleep(TICK_S)
