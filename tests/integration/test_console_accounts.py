"""Accounts: who may manage people, and that nobody locks the shop out of its own console."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot.console import accounts
from bot.console.passwords import hash_password, password_matches
from bot.console.web import Shell, make_shell
from kernel.database import Database

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
HASH = hash_password("correct horse battery")
PASSWORD = "correct horse battery"

Client = TestClient[web.Request, None]
SignedIn = Callable[[int], Awaitable[Client]]


@pytest.fixture
async def shell(database: Database) -> Shell:
    async with database.write() as db:
        await accounts.add_account(db, "王店长", ["admin"], password_hash=HASH, now=NOW)
        await accounts.add_account(db, "李会计", ["finance"], password_hash=HASH, now=NOW)
    return make_shell(database=database, clock=lambda: NOW, secure_cookies=False)


@pytest.fixture
async def signed_in(shell: Shell, database: Database) -> AsyncIterator[SignedIn]:
    """A browser signed in as the account with this id; every POST carries its token."""
    async with TestServer(shell.app) as server:
        clients: list[Client] = []

        async def open_as(account_id: int) -> Client:
            async with database.write() as db:
                token = await accounts.sign_in(db, account_id, now=NOW)
            async with database.read() as db:
                person = await accounts.get_signed_in(db, token, now=NOW)
            assert person is not None
            client: Client = TestClient(
                server, cookies={"xiaoer_login": token}, headers={"X-CSRF-Token": person.csrf_token}
            )
            clients.append(client)
            return client

        yield open_as
        for client in clients:
            await client.close()


async def post(client: Client, path: str, **form: str | list[str]) -> tuple[int, str]:
    fields = [
        (name, value) for name, values in form.items() for value in ([values] if isinstance(values, str) else values)
    ]
    answered = await client.post(path, data=fields, allow_redirects=False)
    return answered.status, answered.headers.get("Location", "") or await answered.text()


@pytest.mark.parametrize("path", ["/accounts", "/accounts/new", "/accounts/1", "/kit"])
async def test_only_an_admin_sees_accounts(signed_in: SignedIn, path: str) -> None:
    finance, admin = await signed_in(2), await signed_in(1)
    answered = await finance.get(path)
    assert answered.status == 403
    assert "管理员" in await answered.text()
    assert (await admin.get(path)).status == 200


async def test_nobody_makes_themselves_an_admin(signed_in: SignedIn, database: Database) -> None:
    client = await signed_in(2)
    assert (await post(client, "/accounts/2/roles", roles=["admin"]))[0] == 403
    async with database.read() as db:
        account = await accounts.get_account(db, 2)
    assert account is not None
    assert account.roles == ["finance"]


async def test_a_new_account_signs_in_with_the_link_it_was_given(signed_in: SignedIn) -> None:
    client = await signed_in(1)
    assert await post(client, "/accounts/new", name="赵运营", roles=["operator", "nonsense"]) == (303, "/accounts/3")
    status, text = await post(client, "/accounts/3/link")
    assert status == 200
    assert "/login/once?token=" in text


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"name": ""}, "请填写姓名"),
        ({"name": "x" * 41}, "最多 40 个字"),
        ({"name": "李会计"}, "已经有叫这个名字的账号"),
        ({"name": "新人", "password": "short"}, "密码至少 10 位"),
        ({"name": "新人", "password": "aaaaaaaaaaaa"}, "密码太简单"),
    ],
)
async def test_a_form_that_cannot_be_saved_comes_back_with_the_reason_and_what_was_typed(
    signed_in: SignedIn, form: dict[str, str], sentence: str
) -> None:
    status, text = await post(await signed_in(1), "/accounts/new", **form)
    assert status == 422
    assert sentence in text
    assert f'value="{form["name"]}"' in text


async def test_the_last_admin_can_neither_step_down_nor_be_disabled(signed_in: SignedIn) -> None:
    client = await signed_in(1)
    for path, form in (("/accounts/1/roles", {"roles": "finance"}), ("/accounts/1/switch", {"disabled": "1"})):
        status, text = await post(client, path, **form)
        assert status == 422
        assert "最后一位管理员" in text
    assert (await post(client, "/accounts/2/roles", roles=["admin"]))[0] == 303
    assert (await post(client, "/accounts/1/switch", disabled="1"))[0] == 303


async def test_a_disabled_account_is_out_at_once(signed_in: SignedIn) -> None:
    admin, finance = await signed_in(1), await signed_in(2)
    assert (await finance.get("/me")).status == 200
    await post(admin, "/accounts/2/switch", disabled="1")
    assert (await finance.get("/me", allow_redirects=False)).status == 303


async def test_changing_the_own_password_asks_for_the_old_one(signed_in: SignedIn, database: Database) -> None:
    client, fresh = await signed_in(2), "a quite new phrase"
    assert (await post(client, "/me", old="wrong", new=fresh, again=fresh))[0] == 422
    assert (await post(client, "/me", old=PASSWORD, new=fresh, again="other"))[0] == 422
    assert await post(client, "/me", old=PASSWORD, new=fresh, again=fresh) == (303, "/login")
    async with database.read() as db:
        account = await accounts.get_account(db, 2)
    assert account is not None
    assert password_matches(fresh, account.password)
    assert (await client.get("/me", allow_redirects=False)).status == 303  # everywhere signed out


def test_equal_passwords_are_stored_differently_and_no_password_matches_nothing() -> None:
    assert hash_password(PASSWORD) != HASH
    assert not password_matches(PASSWORD, None)
    assert not password_matches("", None)
