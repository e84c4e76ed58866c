"""The start page: the day's funnel, today's numbers, and what to do next."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from aiohttp import web

from bot.console.data import ConsoleData, Overview
from bot.console.gate import viewer_of
from bot.console.menu import may_open
from kernel.database import Database
from kernel.pages import Render, Viewer


def add_pages(
    app: web.Application, *, database: Database, render: Render, clock: Callable[[], datetime], data: ConsoleData
) -> None:
    async def show_overview(request: web.Request) -> web.Response:
        async with database.read() as db:
            overview = await data.get_overview(db, now=clock())
        return render(request, "console/overview.html", {"overview": for_viewer(overview, viewer_of(request))})

    app.router.add_get("/", show_overview, name="overview")


def for_viewer(overview: Overview, viewer: Viewer) -> Overview:
    """Numbers are for everybody; links and things to do only where the person may go."""
    return replace(
        overview,
        today=[one if may_open(viewer, one.href) else replace(one, href="") for one in overview.today],
        next_steps=[step for step in overview.next_steps if may_open(viewer, step.href)],
    )
