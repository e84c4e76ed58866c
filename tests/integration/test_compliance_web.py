"""The pages under /flags as a reviewer uses them, without JavaScript."""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy.ext.asyncio import AsyncSession

from bot.console.environment import make_environment
from compliance import Line, scan, shipped_lexicon, store
from compliance.audit import list_audit
from compliance.store import Filters
from compliance.web import make_app
from kernel.database import Database
from kernel.pages import Viewer

NOW = datetime(2026, 3, 8, 9, 30, tzinfo=UTC)
TEXTS = {"m1": "您加我微信吧<b>", "m2": "爱买不买", "m3": "好评返现三元"}
Client = TestClient[web.Request, web.Application]


async def context_lines(_db: AsyncSession, message_key: str) -> Sequence[Line]:
    if message_key not in TEXTS:
        return []
    return [
        Line("before", NOW, "李女士", "customer", "在吗"),
        Line(message_key, NOW, "张三", "staff", TEXTS[message_key]),
    ]


@pytest.fixture
def roles() -> set[str]:
    return {"compliance"}


@pytest.fixture
async def client(database: Database, roles: set[str]) -> AsyncIterator[Client]:
    environment = make_environment(clock=lambda: NOW)

    def viewer(_request: web.Request) -> Viewer:
        return Viewer(name="王敏", roles=frozenset(roles), csrf_token="token-1")

    def render(
        request: web.Request, template: str, context: Mapping[str, object] | None = None, /, *, status: int = 200
    ) -> web.Response:
        shell = SimpleNamespace(theme="", simulated=False, menu=[], toast=None)
        page = environment.get_template(template)
        text = page.render({**(context or {}), "viewer": viewer(request), "request": request, "shell": shell})
        return web.Response(text=text, content_type="text/html", status=status)

    app = web.Application()
    flags = make_app(database=database, render=render, viewer=viewer, clock=lambda: NOW, context_lines=context_lines)
    app.add_subapp("/flags", flags)
    async with database.write() as db:
        for key, text in TEXTS.items():
            await store.record(
                db,
                scan(text, shipped_lexicon(), role="staff"),
                message_key=key,
                external_userid="wm_li",
                userid="zhang",
                role="staff",
                lexicon_version=shipped_lexicon().version,
                now=NOW,
            )
    async with TestClient(TestServer(app)) as test_client:
        yield test_client


async def page(client: Client, path: str, *, status: int = 200) -> str:
    answer = await client.get(path)
    assert answer.status == status
    return await answer.text()


async def flag_ids(database: Database) -> dict[str, int]:
    async with database.read() as db:
        return {flag.message_key: flag.id for flag in await store.list_flags(db, Filters())}


async def test_the_queue_shows_what_waits_and_can_be_narrowed(client: Client) -> None:
    everything = await page(client, "/flags/")
    assert "私下交易" in everything
    assert "好评返现" in everything
    narrowed = await page(client, "/flags/?category=service_attitude")
    assert "爱买不买" in narrowed
    assert len(re.findall(r'href="/flags/\d+', narrowed)) == 1
    assert "没有符合条件的记录" in await page(client, "/flags/?state=judged")


async def test_the_queue_can_be_taken_home_as_csv(client: Client) -> None:
    answer = await client.get("/flags/?format=csv")
    assert answer.content_type == "text/csv"
    assert "爱买不买" in await answer.text()


async def test_a_flag_shows_the_words_around_it_and_why(client: Client, database: Database) -> None:
    shown = await page(client, f"/flags/{(await flag_ids(database))['m1']}")
    assert "<mark>加我微信</mark>" in shown
    assert "在吗" in shown
    assert "&lt;b&gt;" in shown
    assert "为什么被标记" in shown
    assert "引导客户加私人账号" in shown


async def test_a_flag_of_an_erased_message_says_so(client: Client, database: Database) -> None:
    hits = scan(TEXTS["m1"], shipped_lexicon(), role="staff")
    async with database.write() as db:
        await store.record(db, hits, message_key="erased", external_userid="wm", userid="zhang", role="staff", now=NOW)
    assert "原消息已经不在存档里" in await page(client, f"/flags/{(await flag_ids(database))['erased']}")


async def test_a_verdict_leads_to_the_next_flag_and_can_be_undone(client: Client, database: Database) -> None:
    ids = await flag_ids(database)
    address = f"/flags/{ids['m1']}/verdict?state=open&sort=at"
    answer = await client.post(address, data={"verdict": "violation", "note": "私加"}, allow_redirects=False)
    assert answer.status == 303
    assert answer.headers["Location"] == f"/flags/{ids['m2']}?state=open&sort=at"
    judged = await page(client, f"/flags/{ids['m1']}")
    assert "王敏" in judged
    assert "私加" in judged
    undone = await client.post(f"/flags/{ids['m1']}/undo", allow_redirects=False)
    assert undone.status == 303
    async with database.read() as db:
        assert (await store.get_flag(db, ids["m1"])).state == "open"
        assert [row.what["act"] for row in await list_audit(db)] == ["undo", "judge"]


async def test_the_last_flag_stays_in_view_after_its_verdict(client: Client, database: Database) -> None:
    last = (await flag_ids(database))["m3"]
    answer = await client.post(
        f"/flags/{last}/verdict?sort=at", data={"verdict": "not_violation"}, allow_redirects=False
    )
    assert answer.headers["Location"] == f"/flags/{last}?sort=at"


async def test_a_form_without_a_verdict_comes_back_with_what_was_typed(client: Client, database: Database) -> None:
    answer = await client.post(f"/flags/{(await flag_ids(database))['m1']}/verdict", data={"note": "想一想"})
    assert answer.status == 422
    shown = await answer.text()
    assert "请选择一个判定" in shown
    assert "想一想" in shown


async def test_an_unknown_flag_is_404(client: Client) -> None:
    await page(client, "/flags/999999", status=404)


async def test_the_lexicon_page_tries_a_sentence(client: Client) -> None:
    assert "看词条" in await page(client, "/flags/lexicon")
    answer = await client.post("/flags/lexicon", data={"text": "加 我 微 信", "role": "staff"})
    shown = await answer.text()
    assert "<mark>加 我 微 信</mark>" in shown
    assert "字间夹了空格、符号或表情" in shown
    harmless = await client.post("/flags/lexicon", data={"text": "您好", "role": "staff"})
    assert "没有命中" in await harmless.text()
    empty = await client.post("/flags/lexicon", data={"text": " "})
    assert empty.status == 422
    assert "请先写一句话" in await empty.text()


async def test_the_log_of_verdicts_is_shown_and_checked(client: Client, database: Database) -> None:
    assert "还没有判定" in await page(client, "/flags/audit")
    number = (await flag_ids(database))["m1"]
    await client.post(f"/flags/{number}/verdict", data={"verdict": "violation", "note": "私加"})
    shown = await page(client, "/flags/audit")
    assert "已核对 1 行" in shown
    assert "私加" in shown


@pytest.mark.parametrize("path", ["/flags/", "/flags/1", "/flags/lexicon", "/flags/audit"])
async def test_other_roles_see_nothing(client: Client, roles: set[str], path: str) -> None:
    """Conversations are sensitive: operators and finance have no business here."""
    roles.clear()
    roles.add("operator")
    await page(client, path, status=403)


async def test_the_keys_are_served_as_a_file(client: Client) -> None:
    """The content security policy refuses scripts inside a page."""
    answer = await client.get("/flags/static/flags.js")
    assert answer.status == 200
    assert "keydown" in await answer.text()
