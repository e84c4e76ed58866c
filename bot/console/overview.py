"""The start page: the day's funnel, today's numbers, and what to do next."""

from collections.abc import Callable
from datetime import datetime

from aiohttp import web

from bot.console.data import ConsoleData
from kernel.database import Database
from kernel.pages import Render


def add_pages(
    app: web.Application, *, database: Database, render: Render, clock: Callable[[], datetime], data: ConsoleData
) -> None:
    async def show_overview(request: web.Request) -> web.Response:
        async with database.read() as db:
            overview = await data.get_overview(db, now=clock())
        return render(request, "console/overview.html", {"overview": overview})

    app.router.add_get("/", show_overview, name="overview")
