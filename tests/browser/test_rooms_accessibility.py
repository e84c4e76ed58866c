"""Every mounted page of the real app on a played day: no barrier, nothing too wide, no script refused."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from bot import app
from bot.contacts.tables import Contact
from bot.orders.tables import OrderRecord
from browser.conftest import OpenPage
from browser.test_console_accessibility import findings, unfold
from kernel.database import Database

pytestmark = pytest.mark.browser

PATHS = (
    "/",
    "/contacts",
    "/contacts/{周洁}",
    "/contacts/{王小米}",
    "/scripts",
    "/scripts/new",
    "/scripts/try",
    "/scripts/one/welcome-default",
    "/tags",
    "/tags/new",
    "/tags/try",
    "/tags/rules/skin-dry",
    "/tags/rules/skin-dry/edit",
    "/flags",
    "/flags/1",
    "/flags/audit",
    "/flags/lexicon",
    "/orders",
    "/orders/one/{order}",
    "/orders/claims",
    "/orders/imports",
    "/orders/imports/1",
    "/red-packets",
    "/red-packets/1",
    "/red-packets/campaigns",
    "/red-packets/campaigns/1",
    "/archive",
    "/events",
)
SAMPLE = ("/contacts/{周洁}", "/tags/rules/skin-dry", "/flags/1", "/orders/claims", "/red-packets/1", "/events")


@pytest.fixture
def database(day_plant: app.Plant) -> Database:
    return day_plant.services.database


@pytest.fixture
def site(day_site: str) -> str:
    return day_site


@pytest.fixture
def moment() -> datetime:
    return datetime.now(UTC)


@pytest.mark.parametrize(
    ("scheme", "width", "paths"),
    [("light", 1280, PATHS), ("dark", 390, PATHS), ("dark", 1280, SAMPLE), ("light", 390, SAMPLE)],
    ids=["light-wide", "dark-narrow", "dark-wide", "light-narrow"],
)
async def test_no_page_of_any_room_has_a_barrier(
    open_page: OpenPage, database: Database, scheme: str, width: int, paths: tuple[str, ...]
) -> None:
    async with database.read() as db:
        ids = {contact.name: contact.external_userid for contact in await db.scalars(select(Contact))}
        ids["order"] = str(await db.scalar(select(OrderRecord.key).order_by(OrderRecord.id).limit(1)))
    page = await open_page(scheme=scheme, width=width)
    found: list[str] = []
    for path in paths:
        answered = await page.goto(path.format_map(ids))
        assert answered is not None
        assert answered.status == 200, path
        await unfold(page)
        found += await findings(page)
        overflow = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert overflow <= 0, f"{path} is {overflow} px too wide"
    assert found == []
