"""Everybody can use the console: axe-core finds nothing, nothing overflows, the keyboard reaches everything."""

from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]  # ships no types
from playwright.async_api import Page, expect

from browser.conftest import OpenPage

pytestmark = pytest.mark.browser

PATHS = (
    "/kit",
    "/",
    "/contacts",
    "/contacts/wm_000",
    "/contacts/wm_new",
    "/contacts?q=nobody",
    "/events",
    "/archive",
    "/accounts",
    "/accounts/new",
    "/accounts/1",
    "/me",
)
RICH_PATHS = ("/kit", "/", "/contacts/wm_000")  # hold every component: enough for the other two looks
LOOKS = [("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)]


async def findings(page: Page) -> list[str]:
    """What axe-core complains about, one line each."""
    results: Any = (await Axe().run(page)).response
    return [
        f"{page.url} {violation['id']}: {node['html'][:160]}"
        for violation in results["violations"]
        for node in violation["nodes"]
    ]


async def unfold(page: Page) -> None:
    """Open every folded reason, so that its contrast is looked at too."""
    await page.evaluate(
        "document.querySelectorAll('details:not([data-confirm])').forEach((one) => { one.open = true; })"
    )


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
async def test_no_page_has_a_barrier_and_none_overflows(open_page: OpenPage, scheme: str, width: int) -> None:
    page = await open_page(scheme=scheme, width=width)
    found: list[str] = []
    for path in PATHS if (scheme, width) in {("light", 1280), ("dark", 390)} else RICH_PATHS:
        await page.goto(path)
        await unfold(page)
        found += await findings(page)
        overflow = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert overflow <= 0, f"{path} is {overflow} px too wide"
    await page.goto("/kit")
    await page.get_by_text("删除话术").click()
    found += await findings(page)
    assert found == []


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
async def test_the_doors_have_no_barrier(open_page: OpenPage, scheme: str, width: int) -> None:
    page = await open_page(roles=(), scheme=scheme, width=width)
    found: list[str] = []
    for path in ("/login", "/login/once?token=abc", "/login/once"):
        await page.goto(path)
        found += await findings(page)
    assert found == []


async def test_the_first_tab_skips_the_menu(open_page: OpenPage) -> None:
    page = await open_page()
    await page.goto("/kit")
    await page.keyboard.press("Tab")
    await expect(page.get_by_text("跳到正文")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("main")).to_be_focused()


async def test_a_list_is_searched_and_walked_by_keyboard(open_page: OpenPage) -> None:
    page = await open_page()
    await page.goto("/contacts")
    await page.keyboard.press("/")
    await expect(page.get_by_role("searchbox")).to_be_focused()
    await page.keyboard.type("林小满")
    await expect(page.get_by_text("共 8 条")).to_be_visible()
    await expect(page.get_by_role("searchbox")).to_be_focused()
    await page.evaluate("document.activeElement.blur()")
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    await page.keyboard.press("k")
    await expect(page.locator(".row-link").first).to_be_focused()
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/contacts/wm_000")


async def test_a_confirmation_catches_the_focus_and_gives_it_back(open_page: OpenPage) -> None:
    page = await open_page()
    await page.goto("/kit")
    await page.get_by_text("删除话术").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog", name="删除「春季欢迎语」？")).to_be_visible()
    await expect(page.get_by_role("button", name="取消")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page.get_by_text("删除话术")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="删除", exact=True).press("Enter")
    await expect(page.get_by_role("status").filter(has_text="这只是演示")).to_be_visible()


async def test_a_question_mark_lists_the_shortcuts(open_page: OpenPage) -> None:
    page = await open_page()
    await page.goto("/")
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="快捷键")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
