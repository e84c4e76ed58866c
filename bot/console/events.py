"""Events: what came in and what goes out, why something failed and what to do, and who was refused at the door."""

from collections.abc import Callable
from datetime import datetime

from aiohttp import web

from bot.console import letters
from bot.console.data import ConsoleData, EventRow
from bot.console.environment import format_moment_full
from bot.console.gate import viewer_of
from kernel.database import Database
from kernel.pages import Render, TableQuery, csv_response, redirect, require

REFUSALS_SHOWN = 50
REPLAYABLE = frozenset({"dead", "expired", "ignored"})
DROPPABLE = frozenset({"dead", "expired"})
LANES = {"inbox": "收件", "outbox": "发件"}
STATES = {
    "waiting": ("等待中", "info"),
    "done": ("已完成", "good"),
    "ignored": ("不处理", "neutral"),
    "expired": ("已过期", "warn"),
    "dead": ("死信", "bad"),
}
COLUMNS = [
    {"key": "kind", "label": "事件"},
    {"key": "lane", "label": "方向"},
    {"key": "state", "label": "状态"},
    {"key": "attempts", "label": "尝试", "sort": True, "number": True},
    {"key": "failure", "label": "为什么失败"},
    {"key": "created_at", "label": "时间", "sort": True},
    {"key": "deeds", "label": ""},
]
REFUSAL_COLUMNS = [
    {"key": "at", "label": "时间"},
    {"key": "reason", "label": "为什么拒绝"},
    {"key": "status", "label": "应答", "number": True},
    {"key": "address", "label": "来源"},
    {"key": "size", "label": "大小", "number": True},
]
FILTERS = [
    {"name": "lane", "label": "方向", "options": list(LANES.items())},
    {"name": "state", "label": "状态", "options": [(key, words) for key, (words, _tone) in STATES.items()]},
]
CSV_HEADER = ("事件", "编号", "方向", "状态", "尝试次数", "为什么失败", "时间")


def add_pages(
    app: web.Application, *, database: Database, render: Render, clock: Callable[[], datetime], data: ConsoleData
) -> None:
    async def list_events(request: web.Request) -> web.Response:
        require(viewer_of(request), "operator", "compliance", "finance")
        query = TableQuery.of(
            request, sorts=("created_at", "attempts"), default="-created_at", filters=("lane", "state")
        )
        async with database.read() as db:
            events = await data.list_events(db, query, now=clock())
            refusals = [] if query.export else await data.list_refusals(db, limit=REFUSALS_SHOWN)
        if query.export:
            return csv_response("事件.csv", CSV_HEADER, (_csv_row(row) for row in events.rows))
        context = {
            "columns": COLUMNS,
            "filters": FILTERS,
            "lanes": LANES,
            "states": STATES,
            "events": events,
            "query": query,
            "refusals": refusals,
            "refusal_columns": REFUSAL_COLUMNS,
            "replayable": REPLAYABLE,
            "droppable": DROPPABLE,
            "may_act": viewer_of(request).may("operator"),
        }
        return render(request, "console/events.html", context)

    async def act(request: web.Request) -> web.Response:
        """Replay an item, or let it go. Back to the list as it was narrowed."""
        viewer = viewer_of(request)
        require(viewer, "operator")
        item_id, now = int(request.match_info["id"]), clock()
        async with database.write() as db:
            if request.match_info["deed"] == "replay":
                done = await letters.replay(db, item_id, now=now)
                said = "已放回队列，马上再试一次"
            else:
                done = await letters.drop(db, item_id, by=viewer.name, now=now)
                said = "已放弃，不会再试；记录还在"
        query = TableQuery.of(
            request, sorts=("created_at", "attempts"), default="-created_at", filters=("lane", "state")
        )
        where = str(app.router["events"].url_for()) + query.address
        if not done:
            return redirect(where, toast="这件事的状态刚刚变了，什么也没有做", tone="warn")
        return redirect(where, toast=said)

    app.router.add_get("/events", list_events, name="events")
    app.router.add_post(r"/events/{id:[0-9]{1,18}}/{deed:replay|drop}", act, name="event_act")


def _csv_row(row: EventRow) -> tuple[object, ...]:
    state, _tone = STATES.get(row.state, (row.state, "neutral"))
    moment = format_moment_full(row.created_at)
    return (row.kind, row.key, LANES[row.lane], state, row.attempts, row.failure, moment)
