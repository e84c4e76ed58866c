"""The message archive: how far it is read, and the envelopes that could not be opened."""

from collections.abc import Callable
from datetime import datetime

from aiohttp import web

from bot.console import letters
from bot.console.data import ConsoleData
from bot.console.environment import format_moment_full
from bot.console.gate import viewer_of
from kernel.database import Database
from kernel.pages import Render, TableQuery, csv_response, redirect, require

COLUMNS = [
    {"key": "seq", "label": "序号", "sort": True, "number": True},
    {"key": "msgid", "label": "消息编号"},
    {"key": "key_version", "label": "公钥版本", "number": True},
    {"key": "reason", "label": "为什么没有解开"},
    {"key": "at", "label": "收到时间", "sort": True},
]
CSV_HEADER = ("序号", "消息编号", "公钥版本", "为什么没有解开", "尝试次数", "收到时间")


def add_pages(
    app: web.Application, *, database: Database, render: Render, clock: Callable[[], datetime], data: ConsoleData
) -> None:
    async def show_archive(request: web.Request) -> web.Response:
        require(viewer_of(request), "compliance")
        query = TableQuery.of(request, sorts=("seq", "at"), default="-seq")
        async with database.read() as db:
            progress = await data.get_archive(db, now=clock())
            quarantined = await data.list_quarantined(db, query, now=clock())
        if query.export:
            rows = (
                (row.seq, row.msgid, row.key_version, row.reason, row.attempts, format_moment_full(row.at))
                for row in quarantined.rows
            )
            return csv_response("未解密.csv", CSV_HEADER, rows)
        context = {"columns": COLUMNS, "progress": progress, "quarantined": quarantined, "query": query}
        return render(request, "console/archive.html", context)

    async def retry(request: web.Request) -> web.Response:
        require(viewer_of(request), "admin")
        async with database.write() as db:
            count = await letters.open_again(db)
        where = app.router["archive"].url_for()
        if not count:
            return redirect(where, toast="没有等着解密的信封", tone="info")
        return redirect(where, toast=f"{count} 个信封马上再解一次，结果稍后刷新可见")

    app.router.add_get("/archive", show_archive, name="archive")
    app.router.add_post("/archive/retry", retry, name="archive_retry")
