"""Signing in and out: password, one-time link, theme. The pages a stranger may see."""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog
from aiohttp import web

from bot.console import accounts
from bot.console.gate import THEME_COOKIE, Cookies, safe_next, viewer_of
from bot.console.passwords import password_matches
from kernel.database import Database
from kernel.pages import Render, redirect

log = structlog.get_logger()

LOGIN_FAILED = "账号或密码不对。忘记密码请找管理员要一个一次性登录链接。"
TOO_MANY = "尝试的次数太多，请 15 分钟后再试，或找管理员要一个一次性登录链接。"
LINK_SPENT = "这个链接已经用过或已过期。请找管理员要一个新的，或用密码登录。"
THEME_LIFETIME_S = 365 * 24 * 3600


class LoginPages:
    """Handlers of /login, /login/once, /logout and /theme."""

    def __init__(self, *, database: Database, render: Render, clock: Callable[[], datetime], cookies: Cookies) -> None:
        self._database = database
        self._render = render
        self._clock = clock
        self._cookies = cookies

    async def show(self, request: web.Request) -> web.Response:
        location = safe_next(request.query.get("next", "/"))
        if viewer_of(request).name:
            return redirect(location)
        return self._render(request, "console/login.html", {"name": "", "next": location, "error": ""})

    async def log_in(self, request: web.Request) -> web.Response:
        form = await request.post()
        name = str(form.get("name", "")).replace("\x00", "").strip()  # PostgreSQL cannot even look for NUL
        password = str(form.get("password", ""))
        location = safe_next(str(form.get("next", "/")))
        context = {"name": name[: accounts.NAME_LENGTH_MAX], "next": location}
        address = request.remote or ""
        async with self._database.write() as db:
            attempt = await accounts.record_attempt(db, name, address, now=self._clock())
        if attempt is None:
            log.warning("console.login_throttled")
            return self._render(request, "console/login.html", {**context, "error": TOO_MANY}, status=429)
        account_id = await self._verify(name, password)
        if account_id is None:
            log.info("console.login_refused")
            return self._render(request, "console/login.html", {**context, "error": LOGIN_FAILED}, status=422)
        async with self._database.write() as db:
            await accounts.forget_attempts(db, name, address)
            token = await accounts.sign_in(db, account_id, now=self._clock())
        log.info("console.signed_in", account_id=account_id, by="password")
        return self._open(token, location)

    async def _verify(self, name: str, password: str) -> int | None:
        """The account's id when the password is right. Unknown and disabled accounts cost the same work."""
        async with self._database.read() as db:
            account = await accounts.get_by_name(db, name)
        usable = account is not None and not account.disabled
        stored = account.password if account is not None and usable else None
        matches = await asyncio.to_thread(password_matches, password, stored)
        return account.id if account is not None and matches else None

    async def show_once(self, request: web.Request) -> web.Response:
        """Only a button: a chat's link preview opens the page too, and must not spend the link."""
        context = {"token": request.query.get("token", ""), "error": ""}
        return self._render(request, "console/login_once.html", context)

    async def log_in_once(self, request: web.Request) -> web.Response:
        form = await request.post()
        async with self._database.write() as db:
            account_id = await accounts.use_one_time(db, str(form.get("token", "")), now=self._clock())
            token = "" if account_id is None else await accounts.sign_in(db, account_id, now=self._clock())
        if account_id is None:
            context = {"token": "", "error": LINK_SPENT}
            return self._render(request, "console/login_once.html", context, status=422)
        log.info("console.signed_in", account_id=account_id, by="one_time")
        return self._open(token, "/")

    def _open(self, token: str, location: str) -> web.Response:
        response = redirect(location)
        lifetime_s = int(accounts.LOGIN_LIFETIME.total_seconds())
        self._cookies.put(response, self._cookies.login, token, lifetime_s=lifetime_s)
        self._cookies.drop(response, self._cookies.guest)
        return response

    async def log_out(self, request: web.Request) -> web.Response:
        async with self._database.write() as db:
            await accounts.sign_out(db, request.cookies.get(self._cookies.login, ""))
        response = redirect("/login")
        self._cookies.drop(response, self._cookies.login)
        return response

    async def set_theme(self, request: web.Request) -> web.Response:
        form = await request.post()
        theme = "dark" if form.get("theme") == "dark" else "light"
        response = redirect(safe_next(str(form.get("next", "/"))))
        self._cookies.put(response, THEME_COOKIE, theme, lifetime_s=THEME_LIFETIME_S)
        return response


def add_pages(
    app: web.Application, *, database: Database, render: Render, clock: Callable[[], datetime], cookies: Cookies
) -> None:
    page = LoginPages(database=database, render=render, clock=clock, cookies=cookies)
    app.router.add_get("/login", page.show, name="login")
    app.router.add_post("/login", page.log_in)
    app.router.add_get("/login/once", page.show_once, name="login_once")
    app.router.add_post("/login/once", page.log_in_once)
    app.router.add_post("/logout", page.log_out, name="logout")
    app.router.add_post("/theme", page.set_theme, name="theme")
