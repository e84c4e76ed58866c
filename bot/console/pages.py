"""Register the pages that combine rooms; each lives in a module of its own."""

from collections.abc import Callable
from datetime import datetime

from aiohttp import web

from bot.console import archive_page, contacts, events, overview
from bot.console.data import ConsoleData
from kernel.database import Database
from kernel.pages import Render


def add_pages(
    app: web.Application, *, database: Database, render: Render, clock: Callable[[], datetime], data: ConsoleData
) -> None:
    for module in (overview, contacts, events, archive_page):
        module.add_pages(app, database=database, render=render, clock=clock, data=data)
