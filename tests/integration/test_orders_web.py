"""The pages under /orders as a browser without JavaScript sees them."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from aiohttp import FormData, web
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.typedefs import Handler
from sqlalchemy.ext.asyncio import AsyncSession

from bot.console.environment import make_environment
from bot.console.frame import make_render
from bot.console.gate import VIEWER, viewer_of
from bot.orders import store
from bot.orders.claims import ClaimOutcome
from bot.orders.reading import extract
from bot.orders.samples import SampleOrder, taobao_csv
from bot.orders.web import make_app
from kernel.database import Database
from kernel.pages import Viewer

NOW = datetime(2025, 6, 20, 4, 0, tzinfo=UTC)
NUMBER = "2226688164543500011"
FINANCE = frozenset({"finance"})
Browser = TestClient[web.Request, web.Application]


@asynccontextmanager
async def browse(
    database: Database, *, roles: frozenset[str] = FINANCE, heard: list[ClaimOutcome] | None = None
) -> AsyncIterator[Browser]:
    @web.middleware
    async def sign_in(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[VIEWER] = Viewer("钱会计", roles, "token")
        return await handler(request)

    async def on_outcomes(_db: AsyncSession, outcomes: Sequence[ClaimOutcome], _now: datetime) -> None:
        if heard is not None:
            heard.extend(outcomes)

    render = make_render(make_environment(clock=lambda: NOW), simulated=True)
    app = web.Application(middlewares=[sign_in])
    orders = make_app(database=database, render=render, viewer=viewer_of, clock=lambda: NOW, on_outcomes=on_outcomes)
    app.add_subapp("/orders", orders)
    async with TestClient(TestServer(app)) as browser:
        yield browser


@pytest.fixture
async def browser(database: Database) -> AsyncIterator[Browser]:
    async with browse(database) as browser:
        yield browser


async def page(browser: Browser, path: str, *, status: int = 200) -> str:
    async with browser.get(path) as response:
        assert response.status == status
        return await response.text()


async def upload(browser: Browser, data: bytes, *, name: str = "订单.csv", status: int = 303) -> str:
    form = FormData({"csrf_token": "token", "platform": ""})
    form.add_field("file", data, filename=name, content_type="text/csv")
    async with browser.post("/orders/imports", data=form, allow_redirects=False) as response:
        text = await response.text()
        assert response.status == status, text[:1000]
        return response.headers.get("Location", text)


def sample(*orders: SampleOrder) -> bytes:
    return taobao_csv(orders or [SampleOrder(NUMBER, 9900, NOW)])


async def claim(database: Database, number: str = NUMBER, who: str = "wm_li") -> ClaimOutcome:
    async with database.write() as db:
        candidate = extract(f"订单号：{number}").orders[0]
        return await store.claim(
            db, candidate, external_userid=who, userid=None, origin="kf", message_key=f"m-{who}", now=NOW
        )


async def test_empty_pages_teach_the_first_step(browser: Browser) -> None:
    assert "导入第一个文件" in await page(browser, "/orders")
    assert "还没有客户登记" in await page(browser, "/orders/claims")
    assert "还没有导入过" in await page(browser, "/orders/imports")


async def test_an_import_ends_on_its_report_and_settles_waiting_claims(database: Database) -> None:
    await claim(database)
    heard: list[ClaimOutcome] = []
    async with browse(database, heard=heard) as browser:
        bad = sample(SampleOrder(NUMBER, 9900, NOW), SampleOrder("2226688164543500000", 9900, NOW))
        address = await upload(browser, bad)
        text = await page(browser, address)
        assert "没有导入的行" in text
        assert "后几位全是 0" in text
        assert [(one.kind, one.external_userid) for one in heard] == [("bound", "wm_li")]
        text = await page(browser, "/orders/claims")
        assert "已登记" in text
        assert "旁边写着「订单号」" in text


async def test_a_file_nobody_knows_is_refused_beside_the_field(browser: Browser) -> None:
    text = await upload(browser, "姓名,年龄\n".encode(), status=422)
    assert "第一行是：姓名、年龄" in text
    assert "另存为 CSV" in await upload(browser, b"PK\x03\x04", status=422)
    form = FormData({"csrf_token": "token"})
    form.add_field("platform", "", content_type="text/plain")
    async with browser.post("/orders/imports", data=form) as response:
        assert response.status == 422
        assert "请选择要导入的订单文件" in await response.text()


async def test_orders_are_found_by_the_beginning_of_their_number_and_exported(browser: Browser) -> None:
    await upload(browser, sample(SampleOrder(NUMBER, 9900, NOW), SampleOrder("3336688164543500011", 100, NOW)))
    assert "共 2 条" in await page(browser, "/orders")
    assert "共 1 条" in await page(browser, "/orders?q=2226%206881")
    assert "没有符合条件的记录" in await page(browser, "/orders?q=999")
    assert "没有符合条件的记录" in await page(browser, "/orders?q=%25")
    for sort in ("paid_at", "-paid_fen", "updated_at"):
        await page(browser, f"/orders?sort={sort}&platform=taobao&status=finished")
    async with browser.get("/orders?format=csv") as response:
        assert NUMBER in await response.text()
    async with browser.get("/orders/claims?format=csv") as response:
        assert response.content_type == "text/csv"


async def test_an_order_shows_whose_it_is_why_and_who_else_asked(browser: Browser, database: Database) -> None:
    await upload(browser, sample())
    await claim(database)
    await claim(database, who="wm_han")
    text = await page(browser, f"/orders/one/taobao:{NUMBER}")
    assert "wm_li" in text
    assert "wm_han" in text
    assert "第一位登记的客户" in text
    assert "已经登记在另一位客户名下" in text
    async with browser.post(
        f"/orders/one/taobao:{NUMBER}/unbind", data={"csrf_token": "token"}, allow_redirects=False
    ) as response:
        assert response.status == 303
    assert "还没有客户登记" in re.sub(r"\s+", "", await page(browser, f"/orders/one/taobao:{NUMBER}"))


async def test_an_order_that_cannot_be_bound_says_why(browser: Browser) -> None:
    await upload(browser, sample(SampleOrder(NUMBER, 9900, NOW, status="等待买家付款")))
    assert "还没有付款" in await page(browser, f"/orders/one/taobao:{NUMBER}")
    await page(browser, "/orders/one/taobao:1", status=404)
    await page(browser, "/orders/imports/999", status=404)


async def test_other_roles_see_no_orders(database: Database) -> None:
    async with browse(database, roles=frozenset({"compliance"})) as browser:
        for path in ("/orders", "/orders/claims", "/orders/imports"):
            await page(browser, path, status=403)
