"""Signing in: who gets in, who does not, what a browser is told, and what a link may do."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from bot.console import accounts
from bot.console.gate import safe_next
from bot.console.passwords import hash_password
from bot.console.web import make_shell
from kernel.database import Database
from kernel.pages import redirect

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
PASSWORD = "correct horse battery"
HASH = hash_password(PASSWORD)

Client = TestClient[web.Request, web.Application]


@pytest.fixture
def clock() -> SimpleNamespace:
    return SimpleNamespace(now=NOW)


@pytest.fixture
async def client(database: Database, clock: SimpleNamespace) -> AsyncIterator[Client]:
    """A shell with a room mounted under /room, an admin and a finance person."""
    async with database.write() as db:
        await accounts.add_account(db, "王店长", ["admin"], password_hash=HASH, now=NOW)
        await accounts.add_account(db, "李会计", ["finance"], password_hash=HASH, now=NOW)
    shell = make_shell(database=database, clock=lambda: clock.now, secure_cookies=False, public_prefixes=("/wecom/",))
    room = web.Application()

    async def show(request: web.Request) -> web.Response:
        return web.Response(text=shell.viewer(request).name)

    async def save(request: web.Request) -> web.Response:
        return redirect(request.app.router["show"].url_for(), toast="已保存")

    async def fail(request: web.Request) -> web.Response:
        raise ValueError("林小满的手机号")

    room.router.add_get("/", show)
    room.router.add_get("/show", show, name="show")
    room.router.add_post("/save", save)
    room.router.add_get("/fail", fail)
    shell.app.add_subapp("/room", room)
    shell.app.router.add_post("/wecom/callback", answer_wecom)
    async with TestClient(TestServer(shell.app)) as client:
        yield client


async def answer_wecom(request: web.Request) -> web.Response:
    return web.Response(text="success")


async def token_on(client: Client, path: str) -> str:
    text = await (await client.get(path)).text()
    found = re.search(r'name="csrf_token" value="([^"]+)"', text)
    assert found is not None
    return found[1]


async def log_in(client: Client, name: str = "王店长", password: str = PASSWORD, **more: str) -> ClientResponse:
    form = {"name": name, "password": password, "csrf_token": await token_on(client, "/login"), **more}
    return await client.post("/login", data=form, allow_redirects=False)


async def test_a_stranger_is_sent_to_the_login_page_and_back_to_where_they_wanted(client: Client) -> None:
    answered = await client.get("/room/show?a=1", allow_redirects=False)
    assert (answered.status, answered.headers["Location"]) == (303, "/login?next=%2Froom%2Fshow%3Fa%3D1")
    answered = await log_in(client, next="/room/show?a=1")
    assert (answered.status, answered.headers["Location"]) == (303, "/room/show?a=1")
    assert await (await client.get("/room/show")).text() == "王店长"


async def test_the_login_cookie_is_out_of_reach_of_scripts_and_other_sites(client: Client) -> None:
    cookie = (await log_in(client)).cookies["xiaoer_login"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")


async def test_over_https_the_cookie_is_bound_to_the_host(database: Database) -> None:
    shell = make_shell(database=database, clock=lambda: NOW, secure_cookies=True)
    async with TestClient(TestServer(shell.app)) as client:
        cookie = (await client.get("/login")).cookies["__Host-xiaoer_guest"]
    assert (cookie["secure"], cookie["domain"]) == (True, "")


@pytest.mark.parametrize(("name", "password"), [("王店长", "wrong"), ("没有这个人", PASSWORD), ("", "")])
async def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(client: Client, name: str, password: str) -> None:
    answered = await log_in(client, name, password)
    assert answered.status == 422
    assert "账号或密码不对" in await answered.text()


async def test_guessing_is_stopped_even_when_the_last_guess_is_right(client: Client, clock: SimpleNamespace) -> None:
    for _ in range(accounts.ATTEMPTS_PER_NAME_AND_ADDRESS_MAX):
        assert (await log_in(client, password="guess")).status == 422
    assert (await log_in(client)).status == 429
    assert (await log_in(client, "李会计")).status == 303  # a colleague behind the same address is not locked out
    clock.now += accounts.ATTEMPT_WINDOW
    client.session.cookie_jar.clear()
    assert (await log_in(client)).status == 303


async def test_a_login_ends_by_itself_and_by_signing_out(client: Client, clock: SimpleNamespace) -> None:
    await log_in(client)
    clock.now += accounts.LOGIN_LIFETIME
    assert (await client.get("/room/show", allow_redirects=False)).status == 303
    await log_in(client)
    old = client.session.cookie_jar.filter_cookies(client.make_url("/"))["xiaoer_login"].value
    token = await token_on(client, "/me")
    await client.post("/logout", data={"csrf_token": token}, allow_redirects=False)
    client.session.cookie_jar.update_cookies({"xiaoer_login": old}, client.make_url("/"))
    assert (await client.get("/room/show", allow_redirects=False)).status == 303


@pytest.mark.parametrize("token", ["", "made-up"])
async def test_a_post_without_the_page_s_token_changes_nothing(client: Client, token: str) -> None:
    await log_in(client)
    answered = await client.post("/room/save", data={"csrf_token": token}, allow_redirects=False)
    assert answered.status == 403
    assert "页面已经过期" in await answered.text()


async def test_a_post_from_another_site_is_refused_even_with_the_token(client: Client) -> None:
    await log_in(client)
    headers = {"X-CSRF-Token": await token_on(client, "/me"), "Sec-Fetch-Site": "cross-site"}
    assert (await client.post("/room/save", headers=headers, allow_redirects=False)).status == 403


async def test_the_token_may_come_as_field_or_header_and_the_toast_is_shown_once(client: Client) -> None:
    await log_in(client)
    token = await token_on(client, "/me")
    answered = await client.post("/room/save", headers={"X-CSRF-Token": token}, allow_redirects=False)
    assert answered.headers["Location"] == "/room/show"
    assert (await client.post("/room/save", data={"csrf_token": token}, allow_redirects=False)).status == 303
    assert "已保存" in await (await client.get("/me")).text()
    assert "已保存" not in await (await client.get("/me")).text()


async def test_machines_addresses_need_neither_login_nor_token(client: Client) -> None:
    assert await (await client.post("/wecom/callback", data=b"<xml/>")).text() == "success"


async def test_every_answer_carries_strict_headers(client: Client) -> None:
    for path in ("/login", "/nowhere", "/static/app.css", "/wecom/nothing"):
        headers = (await client.get(path, allow_redirects=False)).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"], path
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"


async def test_pages_are_never_cached_and_versioned_files_always(client: Client) -> None:
    text = await (await client.get("/login")).text()
    (css,) = re.findall(r'href="(/static/app\.css\?v=[0-9a-f]+)"', text)
    assert "immutable" in (await client.get(css)).headers["Cache-Control"]
    assert (await client.get("/login")).headers["Cache-Control"] == "no-store"


async def test_a_failing_page_shows_a_number_and_no_content(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    """The same number is in the log, so an admin can find the place; what the customer wrote is in neither."""
    await log_in(client)
    answered = await client.get("/room/fail")
    text = await answered.text()
    found = re.search(r'event-id">([0-9a-f]{8})<', text)
    assert (answered.status, found is not None) == (500, True)
    written = capsys.readouterr()
    assert found is not None
    assert found[1] in written.out + written.err
    assert "手机号" not in text + written.out + written.err


async def test_a_missing_page_says_so_in_chinese(client: Client) -> None:
    await log_in(client)
    answered = await client.get("/nowhere")
    assert answered.status == 404
    assert "没有这个页面" in await answered.text()


async def test_a_room_is_found_with_and_without_the_last_slash(client: Client) -> None:
    await log_in(client)
    for path in ("/room", "/room/"):
        assert await (await client.get(path)).text() == "王店长"


async def test_a_one_time_link_signs_in_once_and_looking_at_it_costs_nothing(
    client: Client, database: Database
) -> None:
    """Chat software opens links to draw a preview."""
    async with database.write() as db:
        token = await accounts.add_one_time(db, 2, now=NOW)
    for _preview in range(3):
        assert (await client.get(f"/login/once?token={token}")).status == 200
    form = {"token": token, "csrf_token": await token_on(client, f"/login/once?token={token}")}
    assert (await client.post("/login/once", data=form, allow_redirects=False)).headers["Location"] == "/"
    assert await (await client.get("/room/show")).text() == "李会计"
    client.session.cookie_jar.clear()
    form["csrf_token"] = await token_on(client, f"/login/once?token={token}")
    assert (await client.post("/login/once", data=form, allow_redirects=False)).status == 422


async def test_a_one_time_link_dies_with_time_and_with_the_account(database: Database) -> None:
    async with database.write() as db:
        await accounts.add_account(db, "甲", [], password_hash=None, now=NOW)
        late = await accounts.add_one_time(db, 1, now=NOW, lifetime=timedelta(minutes=5))
        assert await accounts.use_one_time(db, late, now=NOW + timedelta(minutes=5)) is None
        other = await accounts.add_one_time(db, 1, now=NOW)
        await accounts.set_disabled(db, 1, disabled=True)
        assert await accounts.use_one_time(db, other, now=NOW) is None


@pytest.mark.parametrize(
    "location",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "",
        "/a\nb",
        "/" + "a" * 600,
        "evil",
    ],
)
def test_a_link_to_another_site_is_never_followed_after_the_login(location: str) -> None:
    assert safe_next(location) == "/"


@pytest.mark.parametrize("location", ["/", "/orders?state=bound&page=2", "/contacts/wm_1#line-3"])
def test_a_path_of_ours_is_followed(location: str) -> None:
    assert safe_next(location) == location
