"""One journey per role through the real app over a played day: what each came for, done the way they would."""

import re
from datetime import UTC, datetime

import pytest
from playwright.async_api import Page, expect
from sqlalchemy import func, select, update

from bot import app, mailbox
from bot.archive.tables import Envelope
from bot.kinds import OutboxKind
from bot.mailbox import Lane, Mail, State
from browser.conftest import OpenPage
from compliance.tables import Flag
from kernel.database import Database

pytestmark = pytest.mark.browser


@pytest.fixture
def database(day_plant: app.Plant) -> Database:
    return day_plant.services.database


@pytest.fixture
def site(day_site: str) -> str:
    return day_site


@pytest.fixture
def moment() -> datetime:
    return datetime.now(UTC)


async def add_dead_letters(database: Database, *keys: str, now: datetime) -> None:
    async with database.write() as db:
        for key in keys:
            await mailbox.put(db, Lane.CALLS, OutboxKind.MARK_TAGS, {}, key=key, now=now)
        dead = {"state": State.DEAD, "error": "40058：标签已被删除", "attempts": mailbox.ATTEMPTS_MAX}
        await db.execute(update(Mail).where(Mail.key.in_(keys)).values(**dead))


async def confirm(page: Page, label: str, yes: str, *, within: str = "") -> None:
    """Press a button that asks first, and say yes."""
    home = page.locator("tr", has_text=within) if within else page.locator("main")
    await home.locator("summary", has_text=label).click()
    await page.get_by_role("dialog").get_by_role("button", name=yes, exact=True).click()


@pytest.mark.parametrize("javascript", [True, False])
async def test_an_operator_changes_a_welcome_and_sees_what_customers_will_read(
    open_page: OpenPage, javascript: bool
) -> None:
    page = await open_page(roles=("operator",), javascript=javascript)
    await page.goto("/")
    await page.get_by_role("link", name="话术").click()
    await page.get_by_role("link", name="默认欢迎语").click()
    await page.get_by_label("内容", exact=True).fill("{客户昵称|亲}，欢迎来到{店铺名}！订单编号发我就好。")
    await page.get_by_role("button", name="预览").click()
    await expect(page.get_by_label("预览", exact=True)).to_contain_text("小鱼，欢迎来到")
    await expect(page.get_by_text("这是预览，还没有保存")).to_be_visible()
    await page.get_by_role("button", name="保存话术").click()
    await expect(page.get_by_text("已保存")).to_be_visible()
    await expect(page.locator(".lead")).to_contain_text("第 2 版")
    await page.goto("/scripts/try")
    await expect(page.get_by_text("订单编号发我就好")).to_be_visible()


@pytest.mark.parametrize("javascript", [True, False])
async def test_an_operator_tries_a_sentence_and_sees_the_evidence(open_page: OpenPage, javascript: bool) -> None:
    page = await open_page(roles=("operator",), javascript=javascript)
    await page.goto("/tags")
    await page.get_by_role("link", name="试一句").click()
    await page.get_by_label("客户或员工说的话").fill("不是油皮，我是干皮")
    if not javascript:
        await page.get_by_role("button", name="试一试").click()
    await expect(page.locator("#trial .tag", has_text="干皮")).to_be_visible()
    await page.locator("#trial").get_by_text("为什么").first.click()
    await expect(page.locator("#trial .why-body").first).to_contain_text("对上关键词「干皮」")
    await expect(page.locator("#trial")).to_contain_text("「油皮」没有算")


async def test_compliance_judges_three_flags_by_keyboard_and_takes_one_back(
    open_page: OpenPage, database: Database
) -> None:
    page = await open_page(roles=("compliance",))
    await page.goto("/flags")
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("标记")
    for key, verdict in (("1", "违规"), ("2", "不违规"), ("3", "说不清")):
        before = page.url
        await page.wait_for_load_state("load")  # the keys are a script's: it must be there
        await page.keyboard.press(key)
        await expect(page).not_to_have_url(before)
        await expect(page.locator("[data-toast]")).to_contain_text(f"已判定为「{verdict}」")
    await page.wait_for_load_state("load")
    await page.keyboard.press("u")
    await expect(page.locator("[data-toast]")).to_contain_text("已撤销判定")
    async with database.read() as db:
        judged = list(await db.scalars(select(Flag.verdict).where(Flag.state == "judged").order_by(Flag.verdict)))
    assert judged == ["not_violation", "violation"]


async def test_a_flag_leads_to_its_line_on_the_contact_card_and_back(open_page: OpenPage) -> None:
    page = await open_page(roles=("compliance",))
    await page.goto("/flags/1")
    flagged = await page.locator(".line-focused .line-text").inner_text()
    await page.get_by_role("link", name="看整段会话").click()
    await expect(page).to_have_url(re.compile("/contacts/"))
    await expect(page.locator(".line-focused .line-text")).to_have_text(flagged)
    await page.locator(".line-focused .line-note a").click()
    await expect(page).to_have_url(re.compile("/flags/1$"))


async def test_without_scripts_a_verdict_is_a_button(open_page: OpenPage) -> None:
    page = await open_page(roles=("compliance",), javascript=False)
    await page.goto("/flags/1")
    await page.get_by_label("备注").fill("引到私人微信")
    await page.get_by_role("button", name="违规", exact=False).first.click()
    await expect(page.get_by_text("已判定为「违规」")).to_be_visible()
    await page.goto("/flags/1")
    await expect(page.get_by_text("引到私人微信").first).to_be_visible()


async def test_finance_opens_a_packet_and_reads_why(open_page: OpenPage) -> None:
    page = await open_page(roles=("finance",))
    await page.goto("/red-packets")
    await page.locator("tr", has_text="王小米").locator("a.row-link").click()
    story = page.locator(".timeline")
    await expect(story).to_contain_text("订单已登记并符合活动条件")
    await expect(story).to_contain_text("已发给客户")
    await story.get_by_text("微信支付的原话").first.click()
    await expect(story).to_contain_text("result_code=SUCCESS")
    await page.get_by_role("link", name="淘宝").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("订单")
    await page.get_by_role("link", name="王小米").first.click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("王小米")
    await expect(page.get_by_text("会话内容只对「质检」开放")).to_be_visible()


async def test_without_scripts_finance_saves_a_campaign_after_a_slip(open_page: OpenPage) -> None:
    page = await open_page(roles=("finance",), javascript=False)
    await page.goto("/red-packets/campaigns/new")
    await page.get_by_label("活动名", exact=True).fill("双十二谢礼")
    await page.get_by_label("商户名称").fill("山茶小铺")
    await page.get_by_label("每个红包").fill("500")
    await page.get_by_label("淘宝").check()
    await page.get_by_role("button", name="保存").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await expect(page.get_by_label("淘宝")).to_be_checked()
    await page.get_by_label("每个红包").fill("2.88")
    await page.get_by_role("button", name="保存").click()
    await expect(page.get_by_text("活动已保存")).to_be_visible()
    await expect(page.get_by_role("link", name="双十二谢礼")).to_be_visible()


async def test_an_admin_replays_a_dead_letter_and_lets_another_go(
    open_page: OpenPage, database: Database, moment: datetime
) -> None:
    await add_dead_letters(database, "tags:replay", "tags:drop", now=moment)
    page = await open_page()
    await page.goto("/")
    await page.get_by_role("link", name="去处理：2 件事重试多次仍没办成").click()
    await confirm(page, "重放", "重放", within="tags:replay")
    await expect(page.locator("[data-toast]")).to_contain_text("已放回队列")
    await confirm(page, "放弃", "放弃", within="tags:drop")
    await expect(page.locator("[data-toast]")).to_contain_text("已放弃")
    assert "state=dead" in page.url, "the list stays as it was narrowed"
    await expect(page.get_by_text("没有符合条件的记录")).to_be_visible()
    async with database.read() as db:
        rows = await db.execute(select(Mail.key, Mail.state, Mail.error).where(Mail.key.like("tags:%p%")))
        left = {key: (state, error) for key, state, error in rows if key in {"tags:replay", "tags:drop"}}
    assert left["tags:replay"] == ("waiting", None)
    assert left["tags:drop"][0] == "ignored"
    assert "40058" in str(left["tags:drop"][1])


async def test_an_admin_has_sealed_envelopes_tried_again(open_page: OpenPage, database: Database) -> None:
    page = await open_page()
    await page.goto("/archive")
    await expect(page.get_by_text("没有第 1001 版私钥")).to_be_visible()
    await confirm(page, "重试解密", "重试")
    await expect(page.locator("[data-toast]")).to_contain_text("3 个信封")
    async with database.read() as db:
        waiting = select(func.count()).select_from(Envelope).where(Envelope.state == "waiting")
        assert await db.scalar(waiting) == 3


async def test_each_role_is_offered_only_what_it_may_do(
    open_page: OpenPage, database: Database, moment: datetime
) -> None:
    await add_dead_letters(database, "tags:dead", now=moment)
    finance = await open_page(roles=("finance",))
    await finance.goto("/")
    await expect(finance.get_by_text("条标记等待复核")).to_have_count(0)
    await finance.goto("/events?state=dead")
    await expect(finance.locator("summary", has_text="重放")).to_have_count(0)
    compliance = await open_page(roles=("compliance",))
    await compliance.goto("/archive")
    await expect(compliance.locator("summary", has_text="重试解密")).to_have_count(0)
