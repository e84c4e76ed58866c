"""Accounts: create people, choose roles, disable, hand out one-time links.

Only admins come here, except to /me, where everybody changes their own password.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog
from aiohttp import web

from bot.console import accounts
from bot.console.gate import ACCOUNT_ID, viewer_of
from bot.console.passwords import complaint, hash_password, password_matches
from bot.console.tables import ConsoleAccount
from kernel.database import Database
from kernel.pages import ROLE_NAMES, Render, redirect, require

log = structlog.get_logger()

COLUMNS = [
    {"key": "name", "label": "姓名"},
    {"key": "roles", "label": "角色"},
    {"key": "state", "label": "状态"},
    {"key": "signed_in_at", "label": "最近登录"},
    {"key": "created_at", "label": "创建时间"},
]
ROLE_OPTIONS = [
    ("operator", ROLE_NAMES["operator"], "话术、标签规则、订单"),
    ("compliance", ROLE_NAMES["compliance"], "质检标记与会话内容"),
    ("finance", ROLE_NAMES["finance"], "红包与订单"),
    ("admin", ROLE_NAMES["admin"], "以上全部，以及账号"),
]
LAST_ADMIN = "这是最后一位管理员，至少要留一位。请先把别人设为管理员。"


class AccountsPage:
    """Handlers of /accounts and /me."""

    def __init__(self, *, database: Database, render: Render, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._render = render
        self._clock = clock

    async def show_list(self, request: web.Request) -> web.Response:
        require(viewer_of(request), "admin")
        async with self._database.read() as db:
            people = await accounts.list_accounts(db)
        return self._render(request, "console/accounts.html", {"columns": COLUMNS, "people": people})

    async def show_new(self, request: web.Request) -> web.Response:
        require(viewer_of(request), "admin")
        return self._show_form(request, name="", roles=[], errors={})

    def _show_form(self, request: web.Request, *, name: str, roles: list[str], errors: dict[str, str]) -> web.Response:
        context = {"name": name, "roles": roles, "errors": errors, "role_options": ROLE_OPTIONS}
        return self._render(request, "console/account_new.html", context, status=422 if errors else 200)

    async def create(self, request: web.Request) -> web.Response:
        require(viewer_of(request), "admin")
        form = await request.post()
        name, password = str(form.get("name", "")).strip(), str(form.get("password", ""))
        roles = _roles_of([str(role) for role in form.getall("roles", [])])
        errors = _name_errors(name)
        if password and (wrong := complaint(password)):
            errors["password"] = wrong
        if errors:
            return self._show_form(request, name=name, roles=roles, errors=errors)
        stored = await asyncio.to_thread(hash_password, password) if password else None
        async with self._database.write() as db:
            created = await accounts.add_account(db, name, roles, password_hash=stored, now=self._clock())
            account = await accounts.get_by_name(db, name)
        if not created or account is None:
            errors["name"] = "已经有叫这个名字的账号，请换一个。"
            return self._show_form(request, name=name, roles=roles, errors=errors)
        log.info("console.account_created", account_id=account.id, by=request[ACCOUNT_ID])
        return redirect(f"/accounts/{account.id}", toast="账号已创建")

    async def show_one(self, request: web.Request) -> web.Response:
        require(viewer_of(request), "admin")
        return await self._show_account(request, await self._account_of(request))

    async def _show_account(
        self, request: web.Request, account: ConsoleAccount, *, link: str = "", errors: dict[str, str] | None = None
    ) -> web.Response:
        context = {"account": account, "link": link, "errors": errors or {}, "role_options": ROLE_OPTIONS}
        return self._render(request, "console/account.html", context, status=422 if errors else 200)

    async def save_roles(self, request: web.Request) -> web.Response:
        require(viewer_of(request), "admin")
        account = await self._account_of(request)
        form = await request.post()
        roles = _roles_of([str(role) for role in form.getall("roles", [])])
        async with self._database.write() as db:
            refused = "admin" not in roles and await accounts.is_last_admin(db, account.id)
            if not refused:
                await accounts.set_roles(db, account.id, roles)
        if refused:
            return await self._show_account(request, account, errors={"roles": LAST_ADMIN})
        log.info("console.roles_changed", account_id=account.id, roles=roles, by=request[ACCOUNT_ID])
        return redirect(f"/accounts/{account.id}", toast="角色已保存")

    async def switch(self, request: web.Request) -> web.Response:
        """Disable or enable, as the form says."""
        require(viewer_of(request), "admin")
        account = await self._account_of(request)
        disabled = (await request.post()).get("disabled") == "1"
        async with self._database.write() as db:
            refused = disabled and await accounts.is_last_admin(db, account.id)
            if not refused:
                await accounts.set_disabled(db, account.id, disabled=disabled)
        if refused:
            return await self._show_account(request, account, errors={"roles": LAST_ADMIN})
        log.info("console.account_switched", account_id=account.id, disabled=disabled, by=request[ACCOUNT_ID])
        return redirect(f"/accounts/{account.id}", toast="账号已停用" if disabled else "账号已启用")

    async def save_password(self, request: web.Request) -> web.Response:
        require(viewer_of(request), "admin")
        account = await self._account_of(request)
        password = str((await request.post()).get("password", ""))
        if wrong := complaint(password):
            return await self._show_account(request, account, errors={"password": wrong})
        stored = await asyncio.to_thread(hash_password, password)
        async with self._database.write() as db:
            await accounts.set_password(db, account.id, stored)
        log.info("console.password_changed", account_id=account.id, by=request[ACCOUNT_ID])
        return redirect(f"/accounts/{account.id}", toast="新密码已生效，旧的登录已退出")

    async def make_link(self, request: web.Request) -> web.Response:
        """The link is shown in this answer only; it is not kept in clear, so there is nothing to redirect to."""
        require(viewer_of(request), "admin")
        account = await self._account_of(request)
        if account.disabled:
            raise web.HTTPForbidden(text="账号已停用。请先启用，再生成登录链接。")
        async with self._database.write() as db:
            token = await accounts.add_one_time(db, account.id, now=self._clock())
        log.info("console.one_time_made", account_id=account.id, by=request[ACCOUNT_ID])
        return await self._show_account(request, account, link=f"{request.url.origin()}/login/once?token={token}")

    async def show_me(self, request: web.Request) -> web.Response:
        return self._render(request, "console/me.html", {"errors": {}})

    async def save_me(self, request: web.Request) -> web.Response:
        """Change the own password: the old one is asked for, so an unattended screen is not enough."""
        form = await request.post()
        old, new, again = (str(form.get(name, "")) for name in ("old", "new", "again"))
        account = await self._account(request[ACCOUNT_ID])
        async with self._database.write() as db:
            attempt = await accounts.record_attempt(db, account.name, request.remote or "", now=self._clock())
        errors: dict[str, str] = {}
        if attempt is None:
            errors["old"] = "尝试的次数太多，请 15 分钟后再试。"
        elif account.password is not None and not await asyncio.to_thread(password_matches, old, account.password):
            errors["old"] = "现在的密码不对。"
        if wrong := complaint(new):
            errors["new"] = wrong
        elif new != again:
            errors["again"] = "两次输入的新密码不一样。"
        if errors:
            return self._render(request, "console/me.html", {"errors": errors}, status=422)
        stored = await asyncio.to_thread(hash_password, new)
        async with self._database.write() as db:
            await accounts.forget_attempts(db, account.name, request.remote or "")
            await accounts.set_password(db, account.id, stored)
        return redirect("/login", toast="密码已更新，请用新密码登录")

    async def _account_of(self, request: web.Request) -> ConsoleAccount:
        return await self._account(int(request.match_info["account_id"]))

    async def _account(self, account_id: int) -> ConsoleAccount:
        async with self._database.read() as db:
            account = await accounts.get_account(db, account_id)
        if account is None:
            raise web.HTTPNotFound(text="没有这个账号。")
        return account


def add_pages(app: web.Application, *, database: Database, render: Render, clock: Callable[[], datetime]) -> None:
    page = AccountsPage(database=database, render=render, clock=clock)
    one = r"/accounts/{account_id:\d{1,18}}"
    app.router.add_get("/accounts", page.show_list, name="accounts")
    app.router.add_get("/accounts/new", page.show_new, name="account_new")
    app.router.add_post("/accounts/new", page.create)
    app.router.add_get(one, page.show_one, name="account")
    app.router.add_post(f"{one}/roles", page.save_roles)
    app.router.add_post(f"{one}/switch", page.switch)
    app.router.add_post(f"{one}/password", page.save_password)
    app.router.add_post(f"{one}/link", page.make_link)
    app.router.add_get("/me", page.show_me, name="me")
    app.router.add_post("/me", page.save_me)


def _roles_of(chosen: list[str]) -> list[str]:
    return [role for role in ROLE_NAMES if role in chosen]


def _name_errors(name: str) -> dict[str, str]:
    if not name:
        return {"name": "请填写姓名，登录时要用。"}
    if len(name) > accounts.NAME_LENGTH_MAX or not name.isprintable():
        return {"name": f"姓名最多 {accounts.NAME_LENGTH_MAX} 个字，不能有特殊符号。"}
    return {}
