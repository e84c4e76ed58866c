"""Pages under /orders: orders, one order, imports with their report, and customers' claims with the reason of each."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from bot.contacts.store import contact_names, staff_names
from bot.orders import claims, listing, store
from bot.orders.claims import ClaimOutcome
from bot.orders.exports import UnknownExport, UnreadableFile, shipped_exports
from bot.orders.importing import ImportReport, import_file
from bot.orders.tables import OrderClaim, OrderImport, OrderRecord
from kernel.database import Database
from kernel.pages import Render, TableQuery, ViewerOf, csv_response, redirect, require

ROLES = ("operator", "finance")

# Runs in the transaction that settled the claims: the place for outbox intents and reservations.
OnOutcomes = Callable[[AsyncSession, Sequence[ClaimOutcome], datetime], Awaitable[None]]


def make_app(
    *,
    database: Database,
    render: Render,
    viewer: ViewerOf,
    clock: Callable[[], datetime],
    on_outcomes: OnOutcomes | None = None,
    contact_url: Callable[[str], str] = "/contacts/{}".format,
) -> web.Application:
    """The pages. ``on_outcomes`` hears what an import settled; ``contact_url`` leads to a contact's card."""
    pages = _Pages(
        database=database,
        render=render,
        viewer=viewer,
        clock=clock,
        on_outcomes=on_outcomes,
        contact_url=contact_url,
    )
    app = web.Application()
    app.router.add_get("", pages.show_orders, name="orders")
    app.router.add_get("/", pages.show_orders)
    app.router.add_get("/one/{key}", pages.show_order, name="order")
    app.router.add_post("/one/{key}/unbind", pages.unbind, name="order_unbind")
    app.router.add_get("/claims", pages.show_claims, name="order_claims")
    app.router.add_get("/imports", pages.show_imports, name="order_imports")
    app.router.add_post("/imports", pages.import_upload)
    app.router.add_get("/imports/{id:[0-9]{1,18}}", pages.show_import, name="order_import")
    return app


class _Pages:
    """Handlers; what they need is handed in once."""

    def __init__(
        self,
        *,
        database: Database,
        render: Render,
        viewer: ViewerOf,
        clock: Callable[[], datetime],
        on_outcomes: OnOutcomes | None,
        contact_url: Callable[[str], str],
    ) -> None:
        self._database, self._render, self._viewer = database, render, viewer
        self._clock, self._on_outcomes, self._contact_url = clock, on_outcomes, contact_url

    async def show_orders(self, request: web.Request) -> web.Response:
        require(self._viewer(request), *ROLES)
        query = TableQuery.of(request, sorts=listing.ORDER_SORTS, default="-updated_at", filters=("platform", "status"))
        async with self._database.read() as db:
            lines, total = await listing.list_orders(db, query)
            names = await contact_names(db, [line.external_userid for line in lines if line.external_userid])
        if query.export:
            header = ("平台", "订单编号", "店铺", "状态", "实付（元）", "退款（元）", "付款时间", "客户")
            return csv_response("订单.csv", header, (_order_cells(line) for line in lines))
        filters = [
            {"name": "platform", "label": "平台", "options": list(listing.PLATFORM_NAMES.items())[:9]},
            {"name": "status", "label": "状态", "options": list(listing.STATUS_NAMES.items())},
        ]
        return self._page(
            request, "orders/orders.html", rows=lines, total=total, query=query, filters=filters, names=names
        )

    async def show_order(self, request: web.Request) -> web.Response:
        require(self._viewer(request), *ROLES)
        key = request.match_info["key"]
        async with self._database.read() as db:
            order = await store.get_order(db, key)
            if order is None:
                raise web.HTTPNotFound(text="没有这笔订单，可能编号有误，或还没有导入。")
            found = await listing.claims_on(db, key)
            binding = await listing.binding_on(db, key)
            source = await db.get(OrderImport, order.import_id)
            names = await contact_names(db, [row.external_userid for row in found])
        refusal = claims.REASONS[claims.refusal(order)]
        return self._page(
            request,
            "orders/order.html",
            order=order,
            claims=found,
            binding=binding,
            source=source,
            refusal=refusal,
            names=names,
        )

    async def unbind(self, request: web.Request) -> web.Response:
        viewer = self._viewer(request)
        require(viewer, *ROLES)
        key = request.match_info["key"]
        async with self._database.write() as db:
            was_bound = await store.unbind(db, key, by=viewer.name, now=self._clock())
        toast = "已解除登记，其他客户可以登记这笔订单了" if was_bound else "这笔订单没有登记"
        return redirect(_url(request, "order", key=key), toast=toast, tone="good" if was_bound else "warn")

    async def show_claims(self, request: web.Request) -> web.Response:
        require(self._viewer(request), *ROLES)
        query = TableQuery.of(request, sorts=listing.CLAIM_SORTS, default="-created_at", filters=("state", "origin"))
        async with self._database.read() as db:
            rows, total = await listing.list_claims(db, query)
            counts = await listing.count_states(db)
            names = {
                **await staff_names(db, [row.userid for row in rows if row.userid]),
                **await contact_names(db, [row.external_userid for row in rows]),
            }
        if query.export:
            header = ("客户", "号码", "状态", "为什么", "来自", "员工", "提出时间", "处理时间")
            return csv_response("订单登记.csv", header, (_claim_cells(row) for row in rows))
        filters = [
            {"name": "state", "label": "状态", "options": list(listing.STATE_NAMES.items())},
            {"name": "origin", "label": "来自", "options": [("kf", "微信客服"), ("archive", "员工会话")]},
        ]
        return self._page(
            request,
            "orders/claims.html",
            rows=rows,
            total=total,
            query=query,
            filters=filters,
            counts=counts,
            names=names,
        )

    async def show_imports(self, request: web.Request) -> web.Response:
        require(self._viewer(request), *ROLES)
        return await self._imports_page(request)

    async def import_upload(self, request: web.Request) -> web.Response:
        viewer = self._viewer(request)
        require(viewer, *ROLES)
        posted = await request.post()
        upload, platform = posted.get("file"), str(posted.get("platform", ""))
        if not isinstance(upload, web.FileField) or not upload.filename:
            return await self._imports_page(
                request, errors={"file": "请选择要导入的订单文件（CSV）。"}, platform=platform
            )
        try:
            report = await import_file(
                self._database,
                upload.file.read(),
                platform=platform if platform in _platforms() else None,
                by=viewer.name,
                now=self._clock(),
                file_name=upload.filename,
            )
        except UnreadableFile as error:
            return await self._imports_page(request, errors={"file": error.reason}, platform=platform)
        except UnknownExport as error:
            return await self._imports_page(request, errors={"file": _unknown_header(error.seen)}, platform=platform)
        settled = await self._recheck()
        return redirect(
            _url(request, "order_import", id=str(report.import_id)), toast=_report_sentence(report, settled)
        )

    async def show_import(self, request: web.Request) -> web.Response:
        require(self._viewer(request), *ROLES)
        async with self._database.read() as db:
            row = await db.get(OrderImport, int(request.match_info["id"]))
        if row is None:
            raise web.HTTPNotFound(text="没有这次导入。")
        return self._page(request, "orders/import.html", row=row)

    async def _recheck(self) -> int:
        """Look the waiting claims up again; how many were settled."""
        now = self._clock()
        async with self._database.write() as db:
            outcomes = await store.recheck_waiting(db, now=now)
            if self._on_outcomes is not None and outcomes:
                await self._on_outcomes(db, outcomes, now)
        return len(outcomes)

    async def _imports_page(
        self, request: web.Request, *, errors: dict[str, str] | None = None, platform: str = ""
    ) -> web.Response:
        query = TableQuery.of(request)
        async with self._database.read() as db:
            rows, total = await listing.list_imports(db, query)
        options = [("", "自动识别"), *((one, listing.PLATFORM_NAMES[one]) for one in _platforms())]
        return self._page(
            request,
            "orders/imports.html",
            status=422 if errors else 200,
            rows=rows,
            total=total,
            query=query,
            errors=errors or {},
            options=options,
            platform=platform,
        )

    def _page(self, request: web.Request, template: str, *, status: int = 200, **context: object) -> web.Response:
        shared = {
            "url": lambda name, **parts: _url(request, name, **parts),
            "contact_url": self._contact_url,
            "platform_names": listing.PLATFORM_NAMES,
            "status_names": listing.STATUS_NAMES,
            "status_tones": listing.STATUS_TONES,
            "state_names": listing.STATE_NAMES,
            "state_tones": listing.STATE_TONES,
            "reasons": claims.REASONS,
        }
        return self._render(request, template, shared | context, status=status)


def _url(request: web.Request, name: str, **parts: str) -> str:
    return str(request.app.router[name].url_for(**parts))


def _platforms() -> tuple[str, ...]:
    return tuple(form.platform for form in shipped_exports().forms)


def _unknown_header(seen: list[str]) -> str:
    """Say what was found instead, so that the person can see which file it was."""
    columns = "、".join(name[:12] for name in seen[:6] if name) or "空行"
    return f"认不出这是哪个平台的订单导出。第一行是：{columns}。请从商家后台重新导出「订单报表」，保留表头。"


def _report_sentence(report: ImportReport, settled: int) -> str:
    sentence = f"新增 {report.added} 笔，更新 {report.updated} 笔，未变 {report.unchanged} 笔"
    if report.refused:
        sentence += f"，{report.refused} 行没有导入"
    return sentence + (f"；{settled} 条等待中的登记有了结果" if settled else "")


def _order_cells(line: listing.OrderLine) -> tuple[object, ...]:
    one: OrderRecord = line.record
    paid = "" if one.paid_fen is None else f"{one.paid_fen / 100:.2f}"
    return (
        listing.PLATFORM_NAMES.get(one.platform, one.platform),
        f"\t{one.number}",  # a tab keeps spreadsheets from rounding the number
        one.shop,
        listing.STATUS_NAMES[one.status],
        paid,
        f"{one.refunded_fen / 100:.2f}",
        one.paid_at.isoformat() if one.paid_at else "",
        line.external_userid,
    )


def _claim_cells(row: OrderClaim) -> tuple[object, ...]:
    return (
        row.external_userid,
        f"\t{row.number}",
        listing.STATE_NAMES[row.state],
        claims.REASONS.get(row.reason, row.reason),
        "微信客服" if row.origin == "kf" else "员工会话",
        row.userid,
        row.created_at.isoformat(),
        row.decided_at.isoformat() if row.decided_at else "",
    )
