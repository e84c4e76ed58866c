"""A real browser for the console: finds Chromium, serves a sample shop, opens signed-in pages.

A journey asks for ``open_page`` and says who looks and how: roles, light or dark, width, with or without JavaScript.
"""

import os
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pytest
from aiohttp.test_utils import TestServer
from console_sample import SampleShop
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from bot.console import accounts
from bot.console.passwords import hash_password
from bot.console.web import make_shell
from bot.tables import Base
from kernel.database import Database

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
ACCOUNT, PASSWORD = "王店长", "correct horse battery"
HASH = hash_password(PASSWORD)


def find_chromium() -> str | None:
    """The browser to use: XIAOER_CHROMIUM, or the usual names on the path."""
    named = os.environ.get("XIAOER_CHROMIUM")
    return shutil.which(named) if named else next((found for name in NAMES if (found := shutil.which(name))), None)


@pytest.fixture(scope="session")
def chromium() -> str:
    found = find_chromium()
    if found is None:
        pytest.skip("no Chromium here: install one, or name it in XIAOER_CHROMIUM")
    return found


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """SQLite is enough for looking at pages."""
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'console.sqlite3'}")
    async with database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield database
    await database.close()


@pytest.fixture
async def site(database: Database) -> AsyncIterator[str]:
    """The address of a console over the sample shop, with one admin who has a password."""
    async with database.write() as db:
        await accounts.add_account(db, ACCOUNT, ["admin"], password_hash=HASH, now=NOW)
    shell = make_shell(database=database, clock=lambda: NOW, secure_cookies=False, simulated=True, data=SampleShop())
    async with TestServer(shell.app) as server:
        yield str(server.make_url("/")).rstrip("/")


class OpenPage(Protocol):
    async def __call__(
        self,
        *,
        roles: tuple[str, ...] = ("admin",),
        scheme: str = "light",
        width: int = 1280,
        javascript: bool = True,
    ) -> Page: ...


@pytest.fixture
async def open_page(browser: Browser, database: Database, site: str) -> AsyncIterator[OpenPage]:
    """Open a browser that is signed in (without roles: a stranger). Errors on its console fail the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    async def make(
        *,
        roles: tuple[str, ...] = ("admin",),
        scheme: str = "light",
        width: int = 1280,
        javascript: bool = True,
    ) -> Page:
        context = await browser.new_context(
            base_url=site,
            viewport={"width": width, "height": 844},
            color_scheme="dark" if scheme == "dark" else "light",
            java_script_enabled=javascript,
            locale="zh-CN",
            timezone_id="Asia/Shanghai",
            reduced_motion="reduce",
        )
        contexts.append(context)
        if roles:
            name = f"访客{len(contexts)}"
            async with database.write() as db:
                await accounts.add_account(db, name, roles, password_hash=None, now=NOW)
                account = await accounts.get_by_name(db, name)
                assert account is not None
                token = await accounts.sign_in(db, account.id, now=NOW)
            await context.add_cookies([{"name": "xiaoer_login", "value": token, "url": site}])
        page = await context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield make
    for context in contexts:
        await context.close()
    assert complaints == [], "the browser's console must stay silent: a refused script or style shows here"
