"""What surrounds every answer: render inside the layout, security headers, error pages in Chinese."""

import secrets
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from jinja2 import Environment

from bot.console.gate import STATIC_PREFIX, THEME_COOKIE, VIEWER, is_open, viewer_of
from bot.console.menu import Entry, menu_for
from kernel.pages import TOAST_COOKIE, Render, Viewer

log = structlog.get_logger()

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
ERROR_TITLES = {
    400: ("这个请求小二没有看懂", "请返回上一页，检查填写的内容后再试一次。"),
    403: ("这一步没有权限", "请联系管理员为您开通需要的角色。"),
    404: ("没有这个页面", "地址可能写错了，或者这条记录已经不在了。"),
    405: ("这个页面不能这样打开", "请从菜单重新进入。"),
    413: ("上传的文件太大", "请拆成几个小一些的文件，分次上传。"),
    429: ("尝试得太频繁", "请等 15 分钟再试。"),
    500: ("小二出了点问题", "您的数据没有丢。请把下面的编号告诉管理员，可以在服务日志里查到原因。"),
}
FRAMES_LOGGED_MAX = 12


@dataclass(frozen=True, slots=True)
class Toast:
    text: str
    tone: str


@dataclass(frozen=True, slots=True)
class Frame:
    """What the layout needs besides the page's own context (``shell`` in templates)."""

    menu: list[Entry]
    theme: str  # light | dark | "" for the system's choice
    toast: Toast | None
    simulated: bool


def make_render(environment: Environment, *, simulated: bool) -> Render:
    def render(
        request: web.Request, template: str, context: Mapping[str, object] | None = None, /, *, status: int = 200
    ) -> web.Response:
        viewer = viewer_of(request)
        toast = _read_toast(request)
        theme = request.cookies.get(THEME_COOKIE, "")
        frame = Frame(
            menu=menu_for(viewer, request.path) if viewer.name else [],
            theme=theme if theme in {"light", "dark"} else "",
            toast=toast,
            simulated=simulated,
        )
        page = environment.get_template(template)
        text = page.render({**(context or {}), "viewer": viewer, "request": request, "shell": frame})
        response = web.Response(text=text, content_type="text/html", status=status)
        if toast is not None:
            response.del_cookie(TOAST_COOKIE, path="/")
        return response

    return render


def _read_toast(request: web.Request) -> Toast | None:
    tone, _, text = unquote(request.cookies.get(TOAST_COOKIE, "")).partition(":")
    return Toast(text, tone) if text and tone in {"neutral", "good", "warn", "bad", "info"} else None


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Signal on_response_prepare: strict headers on everything; static files with a version are kept for good."""
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    if request.path.startswith(STATIC_PREFIX) and response.status in {200, 206, 304}:
        versioned = "v" in request.query
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if versioned else "no-cache"
    else:
        response.headers.setdefault("Cache-Control", "no-store")


def make_show_errors(render: Render, public_prefixes: tuple[str, ...]) -> Middleware:
    @web.middleware
    async def show_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
        if is_open(request.path, public_prefixes):
            return await handler(request)
        try:
            return await handler(request)
        except web.HTTPException as error:
            if error.status < 400:
                raise
            said = error.text if error.text and error.text != f"{error.status}: {error.reason}" else ""
            return _error_page(render, request, error.status, said=said)
        except Exception as error:  # noqa: BLE001  # the last net of a page: logged with an id, shown without content
            event_id = secrets.token_hex(4)
            where = _frames(error)
            log.error("console.page_failed", event_id=event_id, kind=type(error).__name__, frames=where)  # noqa: TRY400  # exception() would log the message, which may quote a customer
            return _error_page(render, request, 500, event_id=event_id)

    return show_errors


def _frames(error: Exception) -> list[str]:
    """Where it happened, without the message: that may quote a customer."""
    stack = traceback.extract_tb(error.__traceback__)[-FRAMES_LOGGED_MAX:]
    return [f"{frame.filename.rsplit('/', 2)[-2:]}:{frame.lineno}:{frame.name}" for frame in stack]


def _error_page(
    render: Render, request: web.Request, status: int, *, said: str = "", event_id: str = ""
) -> web.Response:
    if VIEWER not in request:
        request[VIEWER] = Viewer("", frozenset(), "")
    title, help_text = ERROR_TITLES.get(status, ERROR_TITLES[500 if status >= 500 else 400])
    context = {"status": status, "heading": title, "help_text": said or help_text, "event_id": event_id}
    signed_in = bool(viewer_of(request).name)
    return render(request, "console/error.html" if signed_in else "console/error_plain.html", context, status=status)
