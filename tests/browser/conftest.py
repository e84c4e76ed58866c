"""A real browser for the console: finds Chromium, serves a sample shop or a played day, opens signed-in pages.

A journey asks for ``open_page`` and says who looks and how: roles, light or dark, width, with or without JavaScript.
"""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pytest
from aiohttp.test_utils import TestServer
from console_sample import SampleShop
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright

from bot import app
from bot.console import accounts
from bot.console.passwords import hash_password
from bot.console.web import make_shell
from bot.demo.box import SHOP_NAME
from bot.settings import Settings
from bot.tables import Base
from browser.playing import play_day
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


@pytest.fixture
def moment() -> datetime:
    """When people sign in."""
    return NOW


@pytest.fixture(scope="session")
def played_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The day at the shop, played once on the real bot; tests work on copies of its database."""
    folder = tmp_path_factory.mktemp("day")
    with ThreadPoolExecutor(1) as thread:  # a loop of its own, away from the tests' loops
        return thread.submit(asyncio.run, play_day(folder)).result()


@pytest.fixture
async def day_plant(played_day: Path, tmp_path: Path) -> AsyncIterator[app.Plant]:
    """The bot over a copy of the played day, without workers: what a test leaves waiting stays waiting."""
    copy = tmp_path / "day.sqlite3"
    shutil.copy(played_day, copy)
    settings = Settings(
        database_url=f"sqlite+aiosqlite:///{copy}",
        shop_name=SHOP_NAME,
        simulated="1",
        wecom_corpid="ww0123456789abcdef",
        wecom_secret="-",
        wecom_token="-",
        wecom_aes_key="A" * 43,
    )
    async with app.open_plant(settings) as plant:
        yield plant


@pytest.fixture
async def day_site(day_plant: app.Plant) -> AsyncIterator[str]:
    """The address of the real app."""
    async with TestServer(app.make_app(day_plant)) as server:
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
async def open_page(browser: Browser, database: Database, site: str, moment: datetime) -> AsyncIterator[OpenPage]:
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
                await accounts.add_account(db, name, roles, password_hash=None, now=moment)
                account = await accounts.get_by_name(db, name)
                assert account is not None
                token = await accounts.sign_in(db, account.id, now=moment)
            await context.add_cookies([{"name": "xiaoer_login", "value": token, "url": site}])
        page = await context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if _is_complaint(said) else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield make
    for context in contexts:
        await context.close()
    assert complaints == [], "the browser's console must stay silent: a refused script or style shows here"


def _is_complaint(said: ConsoleMessage) -> bool:
    """Errors, except that a form came back with its mistakes marked (422)."""
    return said.type == "error" and "status of 422" not in said.text
