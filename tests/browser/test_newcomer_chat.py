"""A newcomer is a customer in the browser: adds staff, is greeted, sends an order number, opens the packet."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]  # ships no types
from playwright.async_api import Browser, Page, expect

from bot import app, logs
from bot.demo.box import free_port, open_box
from bot.demo.day import Day
from bot.demo.idle import wait_until_idle
from bot.simulator.context import TurnableClock, utc_now
from bot.simulator.world import World
from kernel.database import Database

pytestmark = pytest.mark.browser

SEED = 11
PATIENCE_MS = 30_000  # two busy cores; nothing waits this long when all is well
SETTLE_S = 60.0
ORDER = "2226688164543533310"  # in the morning's export, and nobody's yet


@dataclass(frozen=True, slots=True)
class Shop:
    """The demo's shop, open, with its simulator's pages at ``url``."""

    world: World
    database: Database
    url: str

    async def settle(self) -> None:
        await wait_until_idle(self.world, self.database, clock=self.world.clock, within_s=SETTLE_S)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    logs.set_up(quiet=True)
    clock = TurnableClock(base=utc_now)
    url = f"sqlite+aiosqlite:///{tmp_path / 'shop.sqlite3'}"
    async with (
        open_box(tmp_path, database_url=url, bot_port=free_port(), clock=clock, seed=SEED, hurried=True) as box,
        app.open_plant(box.settings, clock=clock) as plant,
    ):
        await app.prepare(plant.services.database, now=clock())
        async with app.serving(plant, with_workers=True):
            shop = Shop(box.world, plant.services.database, box.runner.url)
            await Day(shop.world, shop.database, clock=clock, settle=shop.settle).prepare()
            yield shop


@pytest.fixture
async def complaints() -> AsyncIterator[list[str]]:
    """What the browser's console says: a refused script or style shows here."""
    said: list[str] = []
    yield said
    assert said == []


async def open_at(browser: Browser, shop: Shop, complaints: list[str], **options: Any) -> Page:  # noqa: ANN401  # Playwright's own options
    context = await browser.new_context(base_url=shop.url, locale="zh-CN", reduced_motion="reduce", **options)
    page = await context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return page


async def test_a_newcomer_is_greeted_registers_an_order_and_opens_the_packet(
    browser: Browser, shop: Shop, complaints: list[str]
) -> None:
    page = await open_at(browser, shop, complaints)
    await page.goto("/chat")
    await page.get_by_label("名字").fill("何小满")
    await page.get_by_label("怎么来的").select_option("channel:parcel-card")
    await page.get_by_role("button", name="进来看看").click()

    window = page.get_by_role("log", name="消息")
    await expect(window.get_by_text("谢谢您从包裹里找到我们")).to_be_visible(timeout=PATIENCE_MS)
    strip = page.get_by_role("complementary", name="这里发生了什么")
    await expect(strip.get_by_text("发送欢迎语")).to_be_visible(timeout=PATIENCE_MS)
    assert list(shop.world.contacts.people) == [shop.world.welcomes[0].external_userid]

    await page.get_by_role("link", name="山茶小铺客服").click()
    await page.get_by_label("消息", exact=True).and_(page.locator("input")).fill(f"订单编号 {ORDER}")
    await page.get_by_role("button", name="发送").click()
    await expect(window.get_by_text(ORDER)).to_be_visible()
    await expect(window.locator(".box-line-them .box-text").first).to_be_visible(timeout=PATIENCE_MS)
    await expect(strip.get_by_text("mmpaymkttransfers/sendredpack")).to_be_visible(timeout=PATIENCE_MS)
    await page.get_by_role("button", name="打开红包").click(timeout=PATIENCE_MS)
    await expect(window.get_by_text("1.88 元", exact=True)).to_be_visible()

    (packet,) = shop.world.red_packets.values()
    assert (packet.status, packet.amount_fen) == ("RECEIVED", 188)
    (external_userid,) = shop.world.contacts.people
    card = page.get_by_role("link", name="在小二控制台看这位客户")
    await expect(card).to_have_attribute("href", f"{_bot_url(shop)}/contacts/{external_userid}")


async def test_without_scripts_the_same_works_by_reloading(browser: Browser, shop: Shop, complaints: list[str]) -> None:
    page = await open_at(browser, shop, complaints, java_script_enabled=False)
    await page.goto("/chat")
    await page.get_by_label("名字").fill("何小满")
    await page.get_by_label("怎么来的").select_option("visitor:")
    await page.get_by_role("button", name="进来看看").click()
    await page.locator("#text").fill(f"订单编号 {ORDER}")
    await page.get_by_role("button", name="发送").click()
    await shop.settle()
    await page.get_by_role("link", name="刷新").click()
    await page.get_by_role("button", name="打开红包").click()
    await expect(page.get_by_text("1.88 元", exact=True)).to_be_visible()


async def test_the_control_page_furnishes_and_spoils(browser: Browser, shop: Shop, complaints: list[str]) -> None:
    page = await open_at(browser, shop, complaints)
    await page.goto("/")
    await page.get_by_role("button", name="拨快二十分钟").click()
    await expect(page.get_by_role("status")).to_have_text("时钟拨快了。")
    await page.get_by_label("接口").select_option("kf/send_msg")
    await page.get_by_label("怎么错").select_option("cut")
    await page.get_by_role("button", name="布置").click()
    await expect(page.get_by_role("status")).to_contain_text("布置好了")
    assert shop.world.faults.take("kf/send_msg") is not None
    await page.get_by_role("button", name="验证回调地址").click()
    await expect(page.get_by_role("status")).to_have_text("回调地址的回显正确。")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), ("dark", 390)])
async def test_the_pages_have_no_barrier_and_do_not_overflow(
    browser: Browser, shop: Shop, complaints: list[str], scheme: Literal["light", "dark"], width: int
) -> None:
    page = await open_at(browser, shop, complaints, color_scheme=scheme, viewport={"width": width, "height": 844})
    external_userid = shop.world.add_contact("何小满", staff="zhangqian", channel_state="parcel-card")
    await shop.settle()
    shop.world.kf_write(external_userid, f"订单编号 {ORDER}", open_kfid=next(iter(shop.world.kf.accounts)))
    await shop.settle()
    found: list[str] = []
    kf = next(iter(shop.world.kf.accounts))
    for path in ("/", "/chat", f"/chat/{external_userid}", f"/chat/{external_userid}?with=kf:{kf}"):
        await page.goto(path)
        results: Any = (await Axe().run(page)).response
        found += [f"{path} {one['id']}: {node['html'][:160]}" for one in results["violations"] for node in one["nodes"]]
        overflow = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert overflow <= 0, f"{path} is {overflow} px too wide"
    assert found == []


def _bot_url(shop: Shop) -> str:
    return shop.world.config.callback_url.removesuffix("/wecom/callback/main")
