"""What the simulator's pages share: templates, files, strict headers, and who may press a button.

The pages have no password, so only this machine may open them, under a loopback name, and only a page
of ours may post a form to them.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from yarl import URL

import kernel
from bot.simulator.context import TurnableClock
from bot.simulator.world import World

LOOPBACK = frozenset({"127.0.0.1", "::1"})
LOOPBACK_NAMES = LOOPBACK | {"localhost"}
BEIJING = timezone(timedelta(hours=8))
STATIC = "/control/static"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_HERE = Path(__file__).parent
_KERNEL = Path(kernel.__file__).parent
FILES = {  # the console's stylesheet is used as it is: its tokens and its small parts
    "app.css": _KERNEL / "static" / "app.css",
    "box.css": _HERE / "static" / "box.css",
    "box.js": _HERE / "static" / "box.js",
    "box.svg": _HERE / "static" / "box.svg",
}


class WrongInput(ValueError):
    """A form was filled in wrongly; the text is for the person who did."""


def _clock_time(moment: datetime) -> str:
    return moment.astimezone(BEIJING).strftime("%H:%M:%S")


_templates = Environment(
    loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)
_templates.filters["clock_time"] = _clock_time
_templates.filters["yuan"] = lambda fen: f"{fen / 100:.2f}"


def render(template: str, context: Mapping[str, object]) -> str:
    return _templates.get_template(template).render(context)


def show(world: World, template: str, context: Mapping[str, object], *, status: int = 200) -> web.Response:
    """A whole page inside the layout."""
    clock = world.clock
    frame = {
        "console_url": console_url(world),
        "now": clock(),
        "day": f"{clock().astimezone(BEIJING):%Y-%m-%d}",
        "turnable": isinstance(clock, TurnableClock),
        "static": STATIC,
    }
    text = render(template, {**frame, **context})
    return web.Response(text=text, content_type="text/html", status=status, headers=HEADERS)


def go(location: str) -> web.Response:
    """The answer to a form that was taken: to a page of ours."""
    return web.Response(status=303, headers={**HEADERS, "Location": location})


def console_url(world: World, path: str = "/") -> str:
    """The bot's console stands where callbacks go."""
    return str(URL(world.callbacks.callback_url).origin().with_path(path))


async def send_file(request: web.Request) -> web.FileResponse:
    file = FILES.get(request.match_info["name"])
    if file is None:
        raise web.HTTPNotFound
    return web.FileResponse(file, headers={**HEADERS, "Cache-Control": "no-cache"})


def refuse_strangers(request: web.Request) -> None:
    """403 unless this machine asks, under a name that only this machine has, from a page of ours or from none."""
    if request.remote not in LOOPBACK or request.url.host not in LOOPBACK_NAMES:
        raise web.HTTPForbidden
    if request.method in {"GET", "HEAD"}:
        return
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"{request.scheme}://{request.host}":
        raise web.HTTPForbidden
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        raise web.HTTPForbidden


@web.middleware
async def loopback_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    refuse_strangers(request)
    return await handler(request)
