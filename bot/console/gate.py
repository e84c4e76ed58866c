"""Who may pass: the login cookie, the CSRF token, and where a person may be sent afterwards.

Two middlewares: ``identify`` says who asks and turns strangers to /login; ``check_csrf`` refuses a POST without
the token.
"""

import hmac
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from bot.console import accounts
from kernel.database import Database
from kernel.pages import Viewer

NEXT_LENGTH_MAX = 500
GUEST_LIFETIME_S = 3600
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OPEN_PATHS = frozenset({"/login", "/login/once"})  # the shell's own pages for people who are not signed in
STATIC_PREFIX = "/static/"
THEME_COOKIE = "xiaoer_theme"

VIEWER: web.RequestKey[Viewer] = web.RequestKey("viewer", Viewer)
ACCOUNT_ID: web.RequestKey[int] = web.RequestKey("account_id", int)
NEW_GUEST: web.RequestKey[str] = web.RequestKey("new_guest", str)


@dataclass(frozen=True, slots=True)
class Cookies:
    """Cookie names and flags. Over HTTPS the name itself promises host, path and Secure (RFC 6265bis, ``__Host-``)."""

    secure: bool

    @property
    def login(self) -> str:
        return "__Host-xiaoer_login" if self.secure else "xiaoer_login"

    @property
    def guest(self) -> str:
        return "__Host-xiaoer_guest" if self.secure else "xiaoer_guest"

    def put(self, response: web.StreamResponse, name: str, value: str, *, lifetime_s: int) -> None:
        response.set_cookie(
            name, value, max_age=lifetime_s, path="/", httponly=True, secure=self.secure, samesite="Lax"
        )

    def drop(self, response: web.StreamResponse, name: str) -> None:
        response.del_cookie(name, path="/", secure=self.secure, httponly=True, samesite="Lax")


def viewer_of(request: web.Request) -> Viewer:
    """The signed-in person; on the login pages a guest with a CSRF token and no name."""
    return request[VIEWER]


def safe_next(location: str) -> str:
    """``location`` when it is a path on this site, else the start page: a link must not lead elsewhere."""
    plain = location.isascii() and location.isprintable() and "\\" not in location
    if not plain or len(location) > NEXT_LENGTH_MAX or not location.startswith("/") or location.startswith("//"):
        return "/"
    return location


def is_open(path: str, public_prefixes: tuple[str, ...]) -> bool:
    """True for machines' addresses and static files: neither login nor CSRF applies."""
    return path.startswith((STATIC_PREFIX, *public_prefixes))


def make_identify(
    database: Database, clock: Callable[[], datetime], cookies: Cookies, public_prefixes: tuple[str, ...]
) -> Middleware:
    @web.middleware
    async def identify(request: web.Request, handler: Handler) -> web.StreamResponse:
        if is_open(request.path, public_prefixes):
            return await handler(request)
        token = request.cookies.get(cookies.login, "")
        if token:
            async with database.read() as db:
                person = await accounts.get_signed_in(db, token, now=clock())
            if person is not None:
                request[VIEWER] = Viewer(person.name, person.roles, person.csrf_token)
                request[ACCOUNT_ID] = person.account_id
                return await handler(request)
        if request.path not in OPEN_PATHS:
            return _to_login(request)
        return await _as_guest(request, handler, cookies)

    return identify


async def _as_guest(request: web.Request, handler: Handler, cookies: Cookies) -> web.StreamResponse:
    guest = request.cookies.get(cookies.guest, "")
    fresh = not guest
    guest = guest or secrets.token_urlsafe(32)
    request[VIEWER] = Viewer("", frozenset(), guest)
    response = await handler(request)
    if fresh:
        cookies.put(response, cookies.guest, guest, lifetime_s=GUEST_LIFETIME_S)
    return response


def _to_login(request: web.Request) -> web.Response:
    wanted = str(request.rel_url) if request.method in SAFE_METHODS else "/"
    location = "/login" if wanted == "/" else "/login?" + urlencode({"next": wanted})
    if request.headers.get("HX-Request") == "true":  # a piece of a page: the whole page must go
        return web.Response(status=401, headers={"HX-Redirect": "/login"})
    return web.Response(status=303, headers={"Location": location})


def make_check_csrf(public_prefixes: tuple[str, ...]) -> Middleware:
    @web.middleware
    async def check_csrf(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method in SAFE_METHODS or is_open(request.path, public_prefixes):
            return await handler(request)
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
            raise web.HTTPForbidden(text="这次提交来自别的网站，已经拦下。请回到小二的页面再试。")
        sent = request.headers.get("X-CSRF-Token") or str((await request.post()).get("csrf_token", ""))
        if not hmac.compare_digest(sent.encode("utf-8", "surrogatepass"), viewer_of(request).csrf_token.encode()):
            raise web.HTTPForbidden(text="页面已经过期，为了安全没有保存。请返回上一页，刷新后再提交一次。")
        return await handler(request)

    return check_csrf


Page = Callable[[web.Request], Awaitable[web.StreamResponse]]
