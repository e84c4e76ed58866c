"""The console as people use it: with scripts it is quick, without them everything still works."""

import pytest
from playwright.async_api import expect

from browser.conftest import ACCOUNT, PASSWORD, OpenPage

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("javascript", [True, False])
async def test_a_person_signs_in_looks_at_a_contact_and_signs_out(open_page: OpenPage, javascript: bool) -> None:
    page = await open_page(roles=(), javascript=javascript)
    await page.goto("/contacts/wm_000")
    await page.get_by_label("姓名").fill(ACCOUNT)
    await page.get_by_label("密码").fill(PASSWORD)
    await page.get_by_role("button", name="登录").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("林小满")
    await expect(page.locator("mark").filter(has_text="绝对不会过敏")).to_be_visible()
    await page.get_by_text("为什么").first.click()
    await expect(page.get_by_text("命中规则「敏感肌」").first).to_be_visible()
    await page.get_by_role("button", name="退出登录").click()
    await page.wait_for_url("**/login")


async def test_without_scripts_lists_filter_sort_and_page(open_page: OpenPage) -> None:
    page = await open_page(javascript=False)
    await page.goto("/contacts")
    await page.get_by_label("状态").select_option("lost")
    await page.get_by_role("button", name="筛选").click()
    await expect(page.get_by_text("共 7 条")).to_be_visible()
    await page.get_by_role("link", name="清除条件").click()
    await page.get_by_role("link", name="客户", exact=True).last.click()
    await expect(page.get_by_role("columnheader", name="客户")).to_have_attribute("aria-sort", "ascending")
    await page.get_by_role("link", name="下一页").click()
    await expect(page.get_by_text("第 2 / 2 页")).to_be_visible()


async def test_without_scripts_a_chart_is_a_table(open_page: OpenPage) -> None:
    page = await open_page(javascript=False)
    await page.goto("/")
    await expect(page.get_by_role("rowheader", name="发来订单号")).to_be_visible()
    await expect(page.locator(".chart-canvas")).to_be_hidden()


async def test_without_scripts_a_confirmation_unfolds_in_place(open_page: OpenPage) -> None:
    page = await open_page(javascript=False)
    await page.goto("/kit")
    await page.get_by_text("删除话术").click()
    await page.get_by_role("button", name="删除", exact=True).click()
    await expect(page.get_by_text("已收到，这只是演示")).to_be_visible()


async def test_with_scripts_the_funnel_is_drawn(open_page: OpenPage) -> None:
    page = await open_page()
    await page.goto("/")
    await expect(page.locator(".chart canvas")).to_be_visible()
    await expect(page.get_by_role("rowheader", name="发来订单号")).to_be_hidden()


async def test_with_scripts_a_filter_renews_only_the_list_and_the_address(open_page: OpenPage) -> None:
    page = await open_page()
    await page.goto("/contacts")
    await page.evaluate("document.body.dataset.same = 'yes'")
    await page.get_by_label("状态").select_option("lost")
    await expect(page.get_by_text("共 7 条")).to_be_visible()
    assert "state=lost" in page.url
    assert await page.evaluate("document.body.dataset.same") == "yes"


@pytest.mark.parametrize("javascript", [True, False])
async def test_the_chosen_light_stays_on_the_next_page(open_page: OpenPage, javascript: bool) -> None:
    page = await open_page(javascript=javascript)
    await page.goto("/contacts")
    async with page.expect_response("**/theme"):
        await page.get_by_role("button", name="切换深浅色").click()
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await page.goto("/events")
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")


async def test_an_admin_hands_out_a_link_and_the_colleague_uses_it(open_page: OpenPage) -> None:
    admin, colleague = await open_page(), await open_page(roles=())
    await admin.goto("/accounts/new")
    await admin.get_by_label("姓名").fill("赵运营")
    await admin.get_by_label("运营").check()
    await admin.get_by_role("button", name="创建账号").click()
    await admin.get_by_role("button", name="生成链接").click()
    link = await admin.get_by_label("一次性登录链接", exact=True).input_value()
    await colleague.goto(link)
    await colleague.get_by_role("button", name="进入小二").click()
    await expect(colleague.get_by_text("赵运营")).to_be_visible()
    await expect(colleague.get_by_role("navigation", name="主菜单").get_by_text("红包")).to_have_count(0)
