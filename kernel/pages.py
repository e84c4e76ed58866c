"""What a room's page needs to know of the shell around it: who looks, how to render, how lists are asked for.

Pure helpers live here too: highlight pieces, guarded CSV, amounts as typed. Looks live in ``templates/kit.html``.
"""

import csv
import io
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol
from urllib.parse import quote, urlencode

from aiohttp import web

PAGE_SIZE = 50  # rows on one page of a list
PAGE_MAX = 10_000  # a higher page number in the address is read as this one
SEARCH_LENGTH_MAX = 100  # code points of a search that are used
EXPORT_ROWS_MAX = 50_000  # rows in one CSV file
FORMULA_STARTS = frozenset("=+-@\t\r\n＝＋－＠")  # full-width forms count too
TOAST_COOKIE = "xiaoer_toast"
TOAST_LENGTH_MAX = 200
ROLE_NAMES = {"operator": "运营", "compliance": "质检", "finance": "财务", "admin": "管理员"}

Span = tuple[int, int]  # half-open code points of the text they belong to
Tone = Literal["neutral", "good", "warn", "bad", "info"]


@dataclass(frozen=True, slots=True)
class Viewer:
    """The signed-in person. ``csrf_token`` goes into every form as the hidden field ``csrf_token``."""

    name: str
    roles: frozenset[str]  # operator | compliance | finance | admin
    csrf_token: str

    def may(self, *roles: str) -> bool:
        """True when the person has one of ``roles`` or is an admin."""
        return "admin" in self.roles or not self.roles.isdisjoint(roles)


ViewerOf = Callable[[web.Request], Viewer]


class Render(Protocol):
    """Render a template of the shared environment inside the shell's layout."""

    def __call__(
        self, request: web.Request, template: str, context: Mapping[str, object] | None = None, /, *, status: int = 200
    ) -> web.Response: ...


def require(viewer: Viewer, *roles: str) -> None:
    """Refuse with 403 and a sentence that says whom to ask, unless the viewer has one of ``roles``."""
    if not viewer.may(*roles):
        names = "、".join(ROLE_NAMES[role] for role in roles)
        raise web.HTTPForbidden(text=f"这一步需要「{names}」角色。请联系管理员为您开通。")


def redirect(location: object, *, toast: str = "", tone: Tone = "good") -> web.Response:
    """Answer a POST with 303 to a path of ours; ``toast`` is shown once on the page that follows."""
    response = web.Response(status=303, headers={"Location": str(location)})
    if toast:
        value = quote(f"{tone}:{toast[:TOAST_LENGTH_MAX]}")
        response.set_cookie(TOAST_COOKIE, value, max_age=60, path="/", httponly=True, samesite="Lax")
    return response


@dataclass(frozen=True, slots=True)
class TableQuery:
    """What the address asks of a list: page, order, search words and chosen filters, all within limits."""

    page: int = 1  # counted from 1
    sort: str = ""  # one of the keys the page allows, or ""
    descending: bool = False
    q: str = ""  # search words, trimmed
    filters: Mapping[str, str] = field(default_factory=dict)  # name → chosen value, "" for all
    export: bool = False  # the list is wanted as CSV
    size: int = PAGE_SIZE

    @classmethod
    def of(
        cls,
        request: web.Request,
        *,
        sorts: Sequence[str] = (),
        default: str = "",
        filters: Sequence[str] = (),
        size: int = PAGE_SIZE,
    ) -> "TableQuery":
        """Read ``?page=&sort=&q=&format=csv`` and ``filters``; what is unknown falls back to ``default``, page 1.

        A sort key with a leading ``-`` means descending, in ``default`` as in the address.
        """
        asked = request.query
        order = asked.get("sort", "")
        if order.removeprefix("-") not in sorts:
            order = default
        number = asked.get("page", "1")
        page = int(number) if re.fullmatch(r"[0-9]{1,9}", number) else 1
        return cls(
            page=min(max(page, 1), PAGE_MAX),
            sort=order.removeprefix("-"),
            descending=order.startswith("-"),
            q=asked.get("q", "").replace("\x00", "").strip()[:SEARCH_LENGTH_MAX],
            filters={name: asked.get(name, "").replace("\x00", "")[:SEARCH_LENGTH_MAX] for name in filters},
            export=asked.get("format") == "csv",
            size=size,
        )

    @property
    def offset(self) -> int:
        return 0 if self.export else (self.page - 1) * self.size

    @property
    def limit(self) -> int:
        return EXPORT_ROWS_MAX if self.export else self.size

    @property
    def order(self) -> str:
        """The sort as the address spells it: ``-added_at``."""
        return ("-" if self.descending else "") + self.sort

    @property
    def narrowed(self) -> bool:
        """True when a search or filter hides rows."""
        return bool(self.q) or any(self.filters.values())

    def pages(self, total: int) -> int:
        return max(1, math.ceil(total / self.size))

    def to_page(self, page: int) -> str:
        return replace(self, page=page, export=False).address

    def to_sort(self, key: str) -> str:
        """The address of the same list ordered by ``key``; a second time turns the order round."""
        return replace(
            self, sort=key, descending=self.sort == key and not self.descending, page=1, export=False
        ).address

    @property
    def to_export(self) -> str:
        return replace(self, export=True, page=1).address

    @property
    def address(self) -> str:
        """``?q=…&sort=…``, relative to the page itself; defaults are left out."""
        parts = {"q": self.q, **self.filters, "sort": self.order}
        if self.page > 1:
            parts["page"] = str(self.page)
        if self.export:
            parts["format"] = "csv"
        return "?" + urlencode({name: value for name, value in parts.items() if value})


@dataclass(frozen=True, slots=True)
class Highlight:
    """A piece of a text: marked, or plain between two marks."""

    text: str
    marked: bool


def split_highlights(text: str, spans: Iterable[Span]) -> list[Highlight]:
    """Cut ``text`` at ``spans``: joined, the pieces are the text again.

    Overlapping and touching spans become one; what lies outside the text is ignored.
    """
    merged: list[Span] = []
    for start, end in sorted((max(0, int(a)), min(len(text), int(b))) for a, b in spans):
        if start >= end:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    pieces: list[Highlight] = []
    at = 0
    for start, end in merged:
        if at < start:
            pieces.append(Highlight(text[at:start], marked=False))
        pieces.append(Highlight(text[start:end], marked=True))
        at = end
    if at < len(text):
        pieces.append(Highlight(text[at:], marked=False))
    return pieces


def guard_cell(value: object) -> object:
    """A cell no spreadsheet takes for a formula: text that starts like one gets a leading apostrophe."""
    if isinstance(value, str) and value.lstrip(" \u00a0\u3000")[:1] in FORMULA_STARTS:
        return "'" + value
    return value


def csv_response(filename: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> web.Response:
    """A CSV download that Excel opens with Chinese intact (UTF-8 with BOM) and without running formulas."""
    sheet = io.StringIO(newline="")
    writer = csv.writer(sheet)
    writer.writerow([guard_cell(cell) for cell in header])
    for row in rows:
        writer.writerow(["" if cell is None else guard_cell(cell) for cell in row])
    return web.Response(
        body=sheet.getvalue().encode("utf-8-sig"),
        content_type="text/csv",
        charset="utf-8",
        headers={"Content-Disposition": f"attachment; filename*=UTF-8''{quote(filename)}", "Cache-Control": "no-store"},
    )


def yuan_to_fen(text: str) -> int | None:
    """``"1.23"`` → 123, or None when it is no amount with at most two decimals; never through a float."""
    found = re.fullmatch(r"[¥￥]?([0-9]{1,9})(?:\.([0-9]{1,2}))?元?", text.strip(), re.ASCII)
    if found is None:
        return None
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))
