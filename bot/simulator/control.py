"""``/control``: the story's verbs over JSON, and the control page for a person.

Loopback only. A verb is ``POST /control/<verb>`` with a JSON object of its arguments; the content type
must be JSON, so that no web page can press these buttons. ``GET /control/state`` shows what happened.
The page at ``/`` presses a few of them by forms under ``/control/form``, which take only our own page's.
"""

import inspect
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from aiohttp import web

from bot.simulator.context import TurnableClock
from bot.simulator.control_page import ControlPage
from bot.simulator.faults import Fault, FaultKind
from bot.simulator.forgeries import Forgery
from bot.simulator.pages import loopback_only, refuse_strangers, send_file
from bot.simulator.replies import JsonObject, PlatformError
from bot.simulator.web import WORLD
from bot.simulator.world import World

RECENT_MAX = 200

Verb = Callable[..., object]


def verb_table(world: World) -> dict[str, Verb]:
    """Every verb by name."""

    def turn_clock(*, seconds: float) -> None:
        clock = world.clock
        if not isinstance(clock, TurnableClock):
            raise TypeError("this simulator runs on the machine's clock and cannot be turned")
        clock.advance(timedelta(seconds=seconds))
        world.tick()

    def arm_fault(*, path: str, kind: str, effect: bool = False, delay_s: float = 0.0, times: int = 1) -> None:
        world.faults.arm(path, Fault(FaultKind(kind), effect=effect, delay_s=delay_s), times=times)

    async def forge(*, kind: str) -> int | None:
        return await world.forge(Forgery(kind))

    names = (
        "add_staff add_contact_way add_visitor add_contact accept_contact edit_contact delete_follow remove_contact "
        "add_tag_group kf_account kf_enter kf_write archive_write archive_corrupt archive_repeat archive_upload_key "
        "fund open_packet verify_callback_url deliver_all"
    )
    verbs: dict[str, Verb] = {name: getattr(world, name) for name in names.split()}
    return verbs | {
        "turn_clock": turn_clock,
        "arm_fault": arm_fault,
        "forge": forge,
    }


def make_control(world: World) -> web.Application:
    """The sub-application for ``/control``."""
    app = web.Application(middlewares=[loopback_only], client_max_size=2 * 1024 * 1024)
    app[WORLD] = world
    verbs = verb_table(world)

    async def act(request: web.Request) -> web.Response:
        verb = verbs.get(request.match_info["verb"])
        if verb is None:
            raise web.HTTPNotFound(text=json.dumps({"error": "no such verb"}), content_type="application/json")
        if request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType
        return await _act(verb, await request.read())

    app.router.add_get("/state", show_state)
    app.router.add_get("/static/{name}", send_file)
    app.router.add_post("/form/{deed}", ControlPage(world, verbs=_usages(world)).act)
    app.router.add_post("/{verb}", act)
    return app


async def show_state(request: web.Request) -> web.Response:
    """What the world was told, without secrets."""
    world = request.app[WORLD]
    marked = {f"{userid}/{external}": sorted(names) for (userid, external), names in world.marked_tags.items()}
    state: JsonObject = {
        "now": world.clock(),
        "staff": list(world.contacts.staff.values()),
        "contacts": list(world.contacts.people.values()),
        "welcomes": world.welcomes,
        "kf_sent": world.kf_sent,
        "staff_messages": world.staff_shown,
        "marked_tags": marked,
        "archive": {"last_seq": len(world.archive.envelopes), "acknowledged_seq": world.archive.acknowledged_seq},
        "balance_fen": world.pay.balance_fen,
        "red_packets": list(world.red_packets.values()),
        "fund_flow": world.fund_flow,
        "callbacks_idle": world.callbacks.idle,
        "callbacks_given_up": len(world.callbacks.given_up),
        "deliveries": world.deliveries[-RECENT_MAX:],
        "requests": world.requests[-RECENT_MAX:],
        "request_counts": Counter(f"{record.path} {record.errcode}" for record in world.requests),
    }
    return _json(state)


async def show_index(request: web.Request) -> web.Response:
    """The page for a person who opens the address in a browser."""
    refuse_strangers(request)
    world = request.app[WORLD]
    return ControlPage(world, verbs=_usages(world)).show(done=request.query.get("done", ""))


async def _act(verb: Verb, raw: bytes) -> web.Response:
    try:
        arguments = json.loads(raw or b"{}")
        bound = inspect.signature(verb).bind(**arguments)
        result = verb(*bound.args, **bound.kwargs)
        if inspect.isawaitable(result):
            result = await result
    except (ValueError, TypeError, LookupError, PlatformError) as error:
        return _json({"error": str(error) or type(error).__name__}, status=422)
    return _json({"result": result})


def _usages(world: World) -> list[str]:
    return [_usage(name, verb) for name, verb in sorted(verb_table(world).items())]


def _usage(name: str, verb: Verb) -> str:
    return f"{name}({', '.join(inspect.signature(verb).parameters)})"


def _json(body: JsonObject, *, status: int = 200) -> web.Response:
    text = json.dumps(body, ensure_ascii=False, default=_plain)
    return web.Response(text=text, content_type="application/json", status=status)


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, StrEnum):
        return value.value
    raise TypeError(f"{type(value).__name__} has no JSON form")
