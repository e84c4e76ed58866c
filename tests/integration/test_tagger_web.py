"""The pages under /tags as a browser without JavaScript sees them."""

from collections.abc import AsyncIterator
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
from kernel.database import Database
from kernel.pages import Viewer
from tagger import Decision, record, seed_shipped_rules, shipped_library, shipped_rules, suggest, tags_of
from tagger.web import make_app

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
OPERATOR = frozenset({"operator"})
RULE = {
    "id": "skin-tight",
    "class": "肤质",
    "group": "肤质",
    "tag": "紧绷",
    "keywords": "脸紧绷\n洗完脸…紧",
    "weight": "0.8",
    "speaker": "customer",
    "question": "any",
    "phonetic": "auto",
    "mode": "suggest",
    "negation": "1",
    "version": "0",
}
Browser = TestClient[web.Request, web.Application]


@asynccontextmanager
async def browse(
    database: Database, *, roles: frozenset[str] = OPERATOR, decisions: list[Decision] | None = None
) -> AsyncIterator[Browser]:
    @web.middleware
    async def sign_in(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[VIEWER] = Viewer("王运营", roles, "token")
        return await handler(request)

    async def on_decision(_db: AsyncSession, decision: Decision, _now: datetime) -> None:
        if decisions is not None:
            decisions.append(decision)

    render = make_render(make_environment(clock=lambda: NOW), simulated=True)
    app = web.Application(middlewares=[sign_in])
    app.add_subapp(
        "/tags",
        make_app(database=database, render=render, viewer=viewer_of, clock=lambda: NOW, on_decision=on_decision),
    )
    async with TestClient(TestServer(app)) as browser:
        yield browser


@pytest.fixture
async def browser(database: Database) -> AsyncIterator[Browser]:
    async with browse(database) as browser:
        yield browser


async def seed(database: Database) -> None:
    async with database.write() as db:
        await seed_shipped_rules(db, now=NOW)


async def page(browser: Browser, path: str, *, status: int = 200) -> str:
    async with browser.get(path) as response:
        assert response.status == status
        return await response.text()


async def post(browser: Browser, path: str, form: dict[str, str], *, status: int = 303) -> str:
    async with browser.post(path, data=FormData(form), allow_redirects=False) as response:
        text = await response.text()
        assert response.status == status, text[:2000]
        return response.headers.get("Location", text)


async def test_an_empty_list_teaches_and_offers_the_shipped_rules(browser: Browser) -> None:
    assert "还没有标签规则" in await page(browser, "/tags")
    assert await post(browser, "/tags/seed", {}) == "/tags"
    text = await page(browser, "/tags")
    assert f"共 {len(shipped_rules())} 条" in text
    assert "还没有标签规则" not in text


async def test_the_list_is_searched_filtered_sorted_and_exported(browser: Browser, database: Database) -> None:
    await seed(database)
    assert "共 1 条" in await page(browser, "/tags?q=沙漠皮")
    assert "共 4 条" in await page(browser, "/tags?class=肤质&sort=-count")
    assert "没有符合条件的记录" in await page(browser, "/tags?q=没有这样的词")
    for sort in ("tag", "class", "mode", "weight", "count", "wrong", "updated_at"):
        await page(browser, f"/tags?sort=-{sort}")
    async with browser.get("/tags?format=csv&class=肤质") as response:
        assert response.content_type == "text/csv"
        assert (await response.text()).count("skin-") == 4


async def test_a_rule_is_written_tried_saved_and_changed(browser: Browser) -> None:
    tried = await post(browser, "/tags/new", RULE | {"action": "try", "sample": "洗完脸很紧"}, status=200)
    assert "<mark>洗完脸很紧</mark>" in tried
    assert await post(browser, "/tags/new", RULE) == "/tags/rules/skin-tight"
    shown = await page(browser, "/tags/rules/skin-tight")
    assert "第 1 版" in shown
    assert "洗完脸…紧" in shown
    assert 'value="紧绷"' in await page(browser, "/tags/rules/skin-tight/edit")
    changed = RULE | {"version": "1", "mode": "auto", "about_self": "1"}
    assert await post(browser, "/tags/rules/skin-tight/edit", changed) == "/tags/rules/skin-tight"
    assert "自动打上" in await page(browser, "/tags/rules/skin-tight")
    assert await post(browser, "/tags/rules/skin-tight/delete", {}) == "/tags"
    await page(browser, "/tags/rules/skin-tight", status=404)


async def test_mistakes_stand_beside_their_fields_and_nothing_typed_is_lost(browser: Browser) -> None:
    text = await post(browser, "/tags/new", RULE | {"keywords": "皮", "weight": "很高", "note": "为了试试"}, status=422)
    assert 'id="error-keywords"' in text
    assert 'id="error-weight"' in text
    assert "为了试试" in text
    assert "很高" in text


async def test_a_rule_that_somebody_else_saved_meanwhile_is_not_overwritten(browser: Browser) -> None:
    await post(browser, "/tags/new", RULE)
    assert "已经有一条规则用了它" in await post(browser, "/tags/new", RULE, status=422)
    await post(browser, "/tags/rules/skin-tight/edit", RULE | {"version": "1"})
    assert "刚刚保存过" in await post(browser, "/tags/rules/skin-tight/edit", RULE | {"version": "1"}, status=422)


async def test_a_sentence_shows_its_tags_its_reasons_and_its_near_misses(browser: Browser, database: Database) -> None:
    await seed(database)
    assert "写一句试试" in await page(browser, "/tags/try")
    text = await post(
        browser, "/tags/try", {"text": "我不是油皮，是<b>干皮</b>，敏感机", "speaker": "customer"}, status=200
    )
    assert "<mark>干皮</mark>" in text
    assert "<mark>敏感机</mark>" in text
    assert "被「不是」否定" in text
    assert "<b>" not in text
    assert "只算客户说的话" in await post(
        browser, "/tags/try", {"text": "敏感肌也能用", "speaker": "staff"}, status=200
    )
    assert "最多 4000 个字" in await post(browser, "/tags/try", {"text": "长" * 4001}, status=422)


async def test_an_operator_says_wrong_and_the_caller_takes_the_tag_off(database: Database) -> None:
    await seed(database)
    decisions: list[Decision] = []
    found = suggest("我是敏感肌", shipped_library(), speaker="customer")
    async with database.write() as db:
        await record(db, found, external_userid="wm_li", userid="zhang", message_key="m1", now=NOW)
        (tag,) = await tags_of(db, "wm_li")
    async with browse(database, decisions=decisions) as browser:
        assert "wm_li" in await page(browser, "/tags/rules/skin-sensitive")
        where = f"/tags/suggestions/{tag.receipts[0].id}/reject"
        assert await post(browser, where, {"rule_id": "skin-sensitive"}) == "/tags/rules/skin-sensitive"
        assert "已摘掉" in await page(browser, "/tags/rules/skin-sensitive")
        await post(browser, "/tags/suggestions/404404/reject", {}, status=404)
    assert [(d.external_userid, d.tag, d.was_applied) for d in decisions] == [("wm_li", "敏感肌", True)]


async def test_people_without_the_role_may_look_and_not_change(database: Database) -> None:
    await seed(database)
    async with browse(database, roles=frozenset({"finance"})) as browser:
        assert "新建规则" not in await page(browser, "/tags")
        for path in ("/tags/new", "/tags/seed", "/tags/rules/skin-dry/edit", "/tags/rules/skin-dry/delete"):
            await post(browser, path, RULE, status=403)
