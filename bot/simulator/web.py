"""What every simulated HTTP surface does around its calls: hooks, faults, and ways of not answering."""

import asyncio
from collections.abc import Callable
from typing import Literal

from aiohttp import web

from bot.simulator.faults import Fault, FaultKind
from bot.simulator.world import World

WORLD = web.AppKey("world", World)
BODY_BYTES_MAX = 2 * 1024 * 1024
FILE_BYTES_MAX = 32 * 1024 * 1024  # an upload with its wrapping
DECIDES_ITSELF = frozenset({FaultKind.PROCESSING, FaultKind.MISMATCH})
GARBAGE = "<html><body><h1>502 Bad Gateway</h1></body></html>"

Answer = Callable[[], tuple[web.Response, int | str]]  # does the work; the reply and its code


async def perform(
    request: web.Request,
    path: str,
    answer: Answer,
    refuse: Callable[[FaultKind], tuple[web.Response, int | str]],
) -> web.StreamResponse:
    """Run one call under the world's hooks and faults, and log it.

    ``answer`` does the work and never fails; ``refuse`` words the faults that are answers of the
    platform (busy, throttled …). A fault with ``effect`` lets the work happen and spoils only the answer.
    """
    world = request.app[WORLD]
    await _hook(world, path, "before")
    fault = world.faults.take(path)
    if fault is None:
        response, code = answer()
    else:
        response, code = await _strike(request, fault, answer, refuse)
    world.log_request(path, code)
    await _hook(world, path, "after")
    return response


async def _strike(
    request: web.Request,
    fault: Fault,
    answer: Answer,
    refuse: Callable[[FaultKind], tuple[web.Response, int | str]],
) -> tuple[web.Response, int | str]:
    done = answer() if fault.effect and fault.kind not in DECIDES_ITSELF else None
    if fault.delay_s:
        await asyncio.sleep(fault.delay_s)
    if fault.kind is FaultKind.SLOW:
        return done or answer()
    match fault.kind:
        case FaultKind.CUT:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(), "cut"
        case FaultKind.GARBAGE:
            return web.Response(text=GARBAGE, content_type="text/html"), "garbage"
        case FaultKind.EMPTY:
            return web.Response(), "empty"
        case FaultKind.HTTP_500:
            return web.Response(status=500, text="internal error"), "http_500"
        case _:
            return refuse(fault.kind)


async def _hook(world: World, path: str, moment: Literal["before", "after"]) -> None:
    if world.on_request is not None:
        await world.on_request(path, moment)
