"""The pages under /scripts as a browser without JavaScript sees them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from aiohttp import FormData, web
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.typedefs import Handler

from bot.console.environment import make_environment
from bot.console.frame import make_render
from bot.console.gate import VIEWER, viewer_of
from kernel.database import Database
from kernel.pages import Viewer
from scripts_library import store
from scripts_library.defaults import DEFAULTS
from scripts_library.web import make_app

NOW = datetime(2025, 6, 20, 4, 0, tzinfo=UTC)
OPERATOR = frozenset({"operator"})
SPRING = {
    "code": "welcome-spring",
    "kind": "welcome",
    "title": "春季包裹卡",
    "body": "{客户昵称}，谢谢您从{渠道名}来，请发订单编号",
    "category": "欢迎",
    "keywords": "春天",
    "channel_state": "spring",
    "opens": "",
    "closes": "",
    "version": "0",
}
Browser = TestClient[web.Request, web.Application]


@asynccontextmanager
async def browse(database: Database, *, roles: frozenset[str] = OPERATOR) -> AsyncIterator[Browser]:
    @web.middleware
    async def sign_in(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[VIEWER] = Viewer("王运营", roles, "token")
        return await handler(request)

    render = make_render(make_environment(clock=lambda: NOW), simulated=True)
    app = web.Application(middlewares=[sign_in])
    app.add_subapp("/scripts", make_app(database=database, render=render, viewer=viewer_of, clock=lambda: NOW))
    async with TestClient(TestServer(app)) as browser:
        yield browser


@pytest.fixture
async def browser(database: Database) -> AsyncIterator[Browser]:
    async with database.write() as db:
        await store.seed_default_scripts(db, NOW)
    async with browse(database) as browser:
        yield browser


async def page(browser: Browser, path: str, *, status: int = 200) -> str:
    async with browser.get(path) as response:
        assert response.status == status
        return await response.text()


async def post(browser: Browser, path: str, form: dict[str, str], *, status: int = 303) -> str:
    async with browser.post(path, data=FormData({"csrf_token": "token", **form}), allow_redirects=False) as response:
        text = await response.text()
        assert response.status == status, text[:2000]
        return response.headers.get("Location", text)


async def test_an_empty_list_teaches_and_offers_the_shipped_scripts(database: Database) -> None:
    async with browse(database) as browser:
        assert "还没有话术" in await page(browser, "/scripts")
        assert await post(browser, "/scripts/seed", {}) == "/scripts"
        assert f"共 {len(DEFAULTS)} 条" in await page(browser, "/scripts")


async def test_the_list_is_searched_by_sound_filtered_sorted_and_exported(browser: Browser) -> None:
    text = await page(browser, "/scripts?q=kfp")
    assert "共 1 条" in text
    assert "标题的拼音首字母是「kfp」" in text
    assert "共 2 条" in await page(browser, "/scripts?kind=welcome")
    assert "没有符合条件的记录" in await page(browser, "/scripts?state=off")
    for sort in ("title", "-updated_at"):
        await page(browser, f"/scripts?sort={sort}")
    async with browser.get("/scripts?format=csv") as response:
        assert (await response.text()).count("quick-") == sum(one.kind == "quick_reply" for one in DEFAULTS)


async def test_a_script_is_previewed_saved_changed_and_restored(browser: Browser) -> None:
    form = SPRING | {"action": "preview", "sample_客户昵称": "王小雨", "sample_渠道名": "春季卡"}
    assert "王小雨，谢谢您从春季卡来" in await post(browser, "/scripts/new", form, status=200)
    await page(browser, "/scripts/one/welcome-spring", status=404)
    assert await post(browser, "/scripts/new", SPRING) == "/scripts/one/welcome-spring"
    changed = SPRING | {"body": "第二版，请发订单编号", "version": "1"}
    await post(browser, "/scripts/one/welcome-spring", changed)
    text = await page(browser, "/scripts/one/welcome-spring")
    assert "第 2 版 · 修改 · 王运营" in text
    await post(browser, "/scripts/one/welcome-spring/restore", {"version": "1"})
    assert "恢复到第 1 版" in await page(browser, "/scripts/one/welcome-spring")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"body": "{客户名字}您好"}, "没有「{客户名字}」这个变量"),
        ({"body": "{客户昵称"}, "花括号不成对"),
        ({"body": "好" * 1400}, "超过了上限 4000 字节"),
        ({"body": ""}, "请写内容"),
        ({"title": ""}, "请写一个标题"),
        ({"code": "中文"}, "编码用小写字母"),
        ({"code": "welcome-default"}, "已经有话术在用"),
        ({"opens": "25:00", "closes": "8:00"}, "时间写成 22:00 这样"),
        ({"opens": "22:00"}, "要一起填"),
    ],
)
async def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_stays(
    browser: Browser, change: dict[str, str], sentence: str
) -> None:
    text = await post(browser, "/scripts/new", SPRING | change, status=422)
    assert sentence in text
    assert 'value="spring"' in text


async def test_a_save_on_top_of_somebody_elses_is_refused(browser: Browser) -> None:
    await post(browser, "/scripts/new", SPRING)
    await post(browser, "/scripts/one/welcome-spring", SPRING | {"body": "甲", "version": "1"})
    assert "刚刚也改了" in await post(
        browser, "/scripts/one/welcome-spring", SPRING | {"body": "乙", "version": "1"}, status=422
    )


async def test_the_trial_names_the_script_and_the_reason(browser: Browser) -> None:
    await post(browser, "/scripts/new", SPRING)
    text = await page(browser, "/scripts/try?channel_state=spring")
    assert "渠道 spring 的专用话术，优先于默认话术" in text
    assert "夜间欢迎语" in await page(browser, "/scripts/try?hour=23")
    assert "只在 22:00–08:00 使用" in await page(browser, "/scripts/try?hour=12")
    await post(browser, "/scripts/one/welcome-spring/disable", {})
    assert "已停用" in await page(browser, "/scripts/try?channel_state=spring&hour=12")
    assert "还没有" not in await page(browser, "/scripts/try?kind=kf_bound")


async def test_only_an_operator_changes_scripts_and_others_may_read(database: Database) -> None:
    async with database.write() as db:
        await store.seed_default_scripts(db, NOW)
    async with browse(database, roles=frozenset({"compliance"})) as browser:
        assert "新建话术" not in await page(browser, "/scripts")
        assert "保存话术" not in await page(browser, "/scripts/one/welcome-default")
        await page(browser, "/scripts/new", status=403)
        await post(browser, "/scripts/new", SPRING, status=403)
        await post(browser, "/scripts/one/welcome-default/disable", {}, status=403)
