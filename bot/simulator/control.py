"""``/control``: the story's verbs over JSON, for ``xiaoer simulate``; and the page that says what this is.

Loopback only. A verb is ``POST /control/<verb>`` with a JSON object of its arguments; the content type
must be JSON, so that no web page can press these buttons. ``GET /control/state`` shows what happened.
"""

import html
import inspect
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import asdict, is_dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from aiohttp import web

from bot.simulator.context import TurnableClock
from bot.simulator.faults import Fault, FaultKind
from bot.simulator.forgeries import Forgery
from bot.simulator.replies import JsonObject, PlatformError
from bot.simulator.web import WORLD
from bot.simulator.world import World

LOOPBACK = frozenset({"127.0.0.1", "::1"})
RECENT_MAX = 200

Verb = Callable[..., object]

INDEX = """<!doctype html><html lang="zh-CN"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>模拟 WeCom</title>
<style>body{{font:16px/1.6 system-ui,sans-serif;max-width:46rem;margin:3rem auto;padding:0 1rem}}
code{{background:#8882;padding:.1em .3em;border-radius:4px}}td,th{{padding:.2rem .8rem .2rem 0;text-align:left}}</style>
<main><h1>模拟 WeCom</h1>
<p>这不是企业微信，而是一个跑在本机上的模拟平台：它像企业微信一样推送加密回调、应答接口、保存会话存档，
也像微信支付一样发红包。这里的人、消息和钱都是假的。</p>
<table><caption>现在的样子</caption>{rows}</table>
<h2>可以做的事</h2><p>向 <code>/control/动作</code> 发送 JSON（<code>Content-Type: application/json</code>）：</p>
<ul>{verbs}</ul><p>全部经过：<a href="/control/state">/control/state</a></p></main></html>"""


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
    app.router.add_post("/{verb}", act)
    return app


@web.middleware
async def loopback_only(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """The control surface has no password, so nobody but this machine may touch it."""
    if request.remote not in LOOPBACK or request.url.host not in {"127.0.0.1", "localhost", "::1"}:
        raise web.HTTPForbidden
    return await handler(request)


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
    world = request.app[WORLD]
    counts = {
        "员工": len(world.contacts.staff),
        "客户": len(world.contacts.people),
        "欢迎语": len(world.welcomes),
        "会话存档消息": len(world.archive.envelopes),
        "红包": len(world.red_packets),
        "已推送回调": len(world.deliveries),
        "收到接口请求": len(world.requests),
    }
    rows = "".join(f"<tr><th>{name}</th><td>{count}</td></tr>" for name, count in counts.items())
    verbs = "".join(f"<li><code>{html.escape(_usage(name, verb))}</code></li>" for name, verb in _sorted_verbs(world))
    return web.Response(text=INDEX.format(rows=rows, verbs=verbs), content_type="text/html")


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


def _sorted_verbs(world: World) -> list[tuple[str, Verb]]:
    return sorted(verb_table(world).items())


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
