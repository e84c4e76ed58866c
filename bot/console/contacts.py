"""Contacts: the list, and one contact's card where every room's facts meet."""

from collections.abc import Callable
from datetime import datetime

from aiohttp import web

from bot.console.data import ConsoleData, ContactRow
from bot.console.environment import format_moment_full
from bot.console.gate import viewer_of
from kernel.database import Database
from kernel.pages import Render, TableQuery, csv_response

SORTS = ("name", "added_at", "orders", "paid_fen")
COLUMNS = [
    {"key": "name", "label": "客户", "sort": True},
    {"key": "staff", "label": "跟进人"},
    {"key": "tags", "label": "标签"},
    {"key": "orders", "label": "订单", "sort": True, "number": True},
    {"key": "paid_fen", "label": "已领红包", "sort": True, "number": True},
    {"key": "added_at", "label": "添加时间", "sort": True},
]
FILTERS = [{"name": "state", "label": "状态", "options": [("following", "跟进中"), ("lost", "已流失")]}]
CSV_HEADER = ("客户", "external_userid", "跟进人", "渠道", "标签", "订单数", "已领红包（元）", "添加时间", "状态")


def add_pages(
    app: web.Application, *, database: Database, render: Render, clock: Callable[[], datetime], data: ConsoleData
) -> None:
    async def list_contacts(request: web.Request) -> web.Response:
        query = TableQuery.of(request, sorts=SORTS, default="-added_at", filters=("state",))
        async with database.read() as db:
            contacts = await data.list_contacts(db, query, now=clock())
        if query.export:
            return csv_response("客户.csv", CSV_HEADER, (_csv_row(row) for row in contacts.rows))
        context = {"columns": COLUMNS, "filters": FILTERS, "contacts": contacts, "query": query}
        return render(request, "console/contacts.html", context)

    async def show_contact(request: web.Request) -> web.Response:
        viewer = viewer_of(request)
        sees_conversation = viewer.may("compliance")
        external_userid = request.match_info["external_userid"].replace("\x00", "")  # PostgreSQL refuses NUL
        async with database.read() as db:
            card = await data.get_contact(db, external_userid, with_conversation=sees_conversation, now=clock())
        if card is None:
            raise web.HTTPNotFound(text="没有找到这位客户。可能已经按保留期限清除，也可能地址不完整。")
        context = {
            "card": card,
            "focus": request.query.get("line"),
            "sees_conversation": sees_conversation,
            "sees_orders": viewer.may("operator", "finance"),
            "sees_packets": viewer.may("finance"),
            "sees_rules": viewer.may("operator"),
        }
        return render(request, "console/contact.html", context)

    app.router.add_get("/contacts", list_contacts, name="contacts")
    app.router.add_get("/contacts/{external_userid}", show_contact, name="contact")


def _csv_row(row: ContactRow) -> tuple[object, ...]:
    return (
        row.name,
        row.external_userid,
        "、".join(row.staff),
        row.channel,
        "、".join(row.tags),
        row.orders,
        f"{row.paid_fen // 100}.{row.paid_fen % 100:02d}",
        format_moment_full(row.added_at),
        "已流失" if row.lost else "跟进中",
    )
