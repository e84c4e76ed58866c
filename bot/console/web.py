"""Build the console's shell: the root application that login, CSRF, layout and error pages wrap around every room.

``bot.app`` calls ``make_shell`` once, hands ``render`` and ``viewer`` to the rooms, and mounts them with
``add_subapp``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from bot.console import accounts_page, kit_page, login_page
from bot.console.data import ConsoleData
from bot.console.environment import STATIC, make_environment
from bot.console.frame import add_headers, make_render, make_show_errors
from bot.console.gate import STATIC_PREFIX, Cookies, make_check_csrf, make_identify, viewer_of
from bot.console.pages import add_pages
from kernel.database import Database
from kernel.pages import Render, ViewerOf

BODY_BYTES_MAX = 20 * 1024 * 1024  # an orders file as a platform exports it


@dataclass(frozen=True, slots=True)
class Shell:
    """The root application and what rooms need from it."""

    app: web.Application
    render: Render
    viewer: ViewerOf


def make_shell(
    *,
    database: Database,
    clock: Callable[[], datetime],
    secure_cookies: bool,
    simulated: bool = False,
    data: ConsoleData | None = None,
    public_prefixes: tuple[str, ...] = ("/wecom/", "/healthz"),
) -> Shell:
    """Build the shell. ``public_prefixes`` are machines' addresses: no login, no CSRF, no error pages.

    ``data`` feeds the pages that combine rooms (overview, contacts, events, archive); without it they are absent.
    ``simulated`` shows the ribbon that says nothing here is real.
    """
    cookies = Cookies(secure=secure_cookies)
    render = make_render(make_environment(clock=clock), simulated=simulated)
    app = web.Application(
        middlewares=[
            make_show_errors(render, public_prefixes),
            make_identify(database, clock, cookies, public_prefixes),
            make_check_csrf(public_prefixes),
            # A room may call its first page "/": /flags then leads to /flags/.
            web.normalize_path_middleware(append_slash=True, redirect_class=web.HTTPTemporaryRedirect),
        ],
        client_max_size=BODY_BYTES_MAX,
    )
    app.on_response_prepare.append(add_headers)
    app.router.add_static(STATIC_PREFIX, STATIC)
    login_page.add_pages(app, database=database, render=render, clock=clock, cookies=cookies)
    accounts_page.add_pages(app, database=database, render=render, clock=clock)
    kit_page.add_pages(app, render=render, clock=clock)
    if data is not None:
        add_pages(app, database=database, render=render, clock=clock, data=data)
    return Shell(app, render, viewer_of)
