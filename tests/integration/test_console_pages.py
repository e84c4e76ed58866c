"""The pages that combine rooms: what each role sees, lists, exports, and empty shops."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from console_sample import SampleShop

from bot.console import accounts
from bot.console.web import make_shell
from kernel.database import Database

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
PATHS = ("/", "/contacts", "/events", "/archive", "/me")

Client = TestClient[web.Request, web.Application]
OpenAs = Callable[..., Awaitable[Client]]


@pytest.fixture
def back_end() -> str:
    """Rendering does not depend on the database; the stores behind it are tested on both."""
    return "sqlite"


@pytest.fixture
async def open_as(database: Database) -> AsyncIterator[OpenAs]:
    """A signed-in browser with the given roles, on a sample shop or an empty one."""
    clients: list[Client] = []

    async def make(*roles: str, empty: bool = False, simulated: bool = False) -> Client:
        shell = make_shell(
            database=database,
            clock=lambda: NOW,
            secure_cookies=False,
            simulated=simulated,
            data=SampleShop(empty=empty),
        )
        async with database.write() as db:
            await accounts.add_account(db, f"{len(clients)}号", roles, password_hash=None, now=NOW)
            account = await accounts.get_by_name(db, f"{len(clients)}号")
            assert account is not None
            token = await accounts.sign_in(db, account.id, now=NOW)
        client = TestClient(TestServer(shell.app), cookies={"xiaoer_login": token})
        await client.start_server()
        clients.append(client)
        return client

    yield make
    for client in clients:
        await client.close()


async def read(client: Client, path: str) -> str:
    answered = await client.get(path)
    assert answered.status == 200, path
    return await answered.text()


@pytest.mark.parametrize("empty", [False, True])
async def test_every_page_opens_on_a_busy_day_and_on_the_first_day(open_as: OpenAs, empty: bool) -> None:
    client = await open_as("admin", empty=empty)
    for path in (*PATHS, "/accounts", "/kit", "/contacts/wm_new"):
        await read(client, path)


async def test_an_empty_list_teaches_what_will_be_there(open_as: OpenAs) -> None:
    client = await open_as("admin", empty=True)
    assert "客户扫渠道码或被员工添加后" in await read(client, "/contacts")
    assert "今天还没有新客户" in await read(client, "/")


async def test_the_menu_offers_only_what_a_role_may_open(open_as: OpenAs) -> None:
    finance = await read(await open_as("finance"), "/")
    assert 'href="/red-packets"' in finance
    assert 'href="/accounts"' not in finance
    assert '<nav aria-label="主菜单">' in finance
    assert finance.count('aria-current="page"') == 1


@pytest.mark.parametrize(
    ("role", "seen", "hidden"),
    [
        ("compliance", "绝对不会过敏", "商户单号"),
        ("finance", "商户单号", "绝对不会过敏"),
        ("operator", "2211009873456612008", "商户单号"),
    ],
)
async def test_a_contact_card_shows_each_role_its_part(open_as: OpenAs, role: str, seen: str, hidden: str) -> None:
    """Conversations are for compliance, money is for finance."""
    text = (await read(await open_as(role), "/contacts/wm_000")).replace("<mark>", "").replace("</mark>", "")
    assert seen in text
    assert hidden not in text


async def test_customers_words_in_tag_evidence_are_for_compliance_only(open_as: OpenAs) -> None:
    assert "<mark>敏感肌</mark>" in await read(await open_as("compliance"), "/contacts/wm_000")
    operator = await read(await open_as("operator"), "/contacts/wm_000")
    assert "<mark>敏感肌</mark>" not in operator
    assert "命中规则「敏感肌」" in operator


@pytest.mark.parametrize(("path", "role"), [("/archive", "finance"), ("/events", None)])
async def test_pages_behind_a_role_say_whom_to_ask(open_as: OpenAs, path: str, role: str | None) -> None:
    answered = await (await open_as(*([role] if role else []))).get(path)
    assert answered.status == 403
    assert "请联系管理员" in await answered.text()


async def test_an_unknown_contact_is_a_kind_404(open_as: OpenAs) -> None:
    answered = await (await open_as("operator")).get("/contacts/wm_gone")
    assert answered.status == 404
    assert "没有找到这位客户" in await answered.text()


async def test_names_chosen_by_strangers_stay_text(open_as: OpenAs) -> None:
    text = await read(await open_as("operator"), "/contacts")
    assert "<b>小明</b>" not in text
    assert "&lt;b&gt;小明&lt;/b&gt;" in text


async def test_a_list_pages_searches_and_exports_what_was_searched(open_as: OpenAs) -> None:
    client = await open_as("operator")
    assert "第 2 / 2 页" in await read(client, "/contacts?page=2")
    assert "没有符合条件的记录" in await read(client, "/contacts?q=nobody")
    exported = await client.get("/contacts?q=SUM&format=csv")
    assert exported.content_type == "text/csv"
    lines = (await exported.text()).splitlines()
    assert len(lines) == 1 + 8
    assert lines[1].startswith("'=SUM(A1)")


async def test_the_ribbon_is_there_when_nothing_is_real(open_as: OpenAs) -> None:
    assert "模拟环境" in await read(await open_as("admin", simulated=True), "/")
    assert "模拟环境" not in await read(await open_as("admin"), "/")


async def test_failures_are_explained_and_refused_callbacks_leave_a_trace(open_as: OpenAs) -> None:
    text = await read(await open_as("operator"), "/events?state=dead")
    assert "40058：标签已被删除" in text
    assert "欢迎码已超过 20 秒" not in text
    assert "签名不对" in text
