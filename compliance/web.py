"""Pages under /flags: the queue, one flag with its context and verdict, the lexicon with a tester."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from compliance import store
from compliance.audit import count_audit, list_audit, verify_audit
from compliance.categories import CATEGORIES, ROLE_NAMES, SEVERITY_NAMES, Role
from compliance.errors import NothingToUndo, UnknownFlag
from compliance.flags import (
    SEVERITY_TONES,
    VERDICT_TONES,
    ContextLines,
    category_name,
    conversation,
    explain,
    fold_names,
    matched_text,
    severity_name,
    verdict_name,
)
from compliance.lexicon import Lexicon, shipped_lexicon
from compliance.lint import lint
from compliance.scan import scan
from compliance.tables import Flag
from kernel.database import Database
from kernel.pages import Render, TableQuery, ViewerOf, csv_response, redirect, require

STATIC = Path(__file__).parent / "static"
TESTED_TEXT_MAX = 2_000
ORDERS: dict[str, store.Order] = {"at": "oldest", "-at": "newest", "-severity": "severity"}  # by the address's sort
QUEUE_FILTERS = ("category", "severity", "state")
VERDICTS: dict[str, store.Verdict] = {"violation": "violation", "not_violation": "not_violation", "unclear": "unclear"}
VERDICT_KEYS = (("violation", "违规", "1"), ("not_violation", "不违规", "2"), ("unclear", "说不清", "3"))
COLUMNS = (
    {"key": "severity", "label": "程度"},
    {"key": "category", "label": "分类"},
    {"key": "word", "label": "词条"},
    {"key": "role", "label": "谁说的"},
    {"key": "contact", "label": "客户"},
    {"key": "at", "label": "发现时间", "sort": True},
    {"key": "state", "label": "判定"},
)
AUDIT_COLUMNS = (
    {"key": "seq", "label": "序号", "number": True},
    {"key": "at", "label": "时间"},
    {"key": "who", "label": "谁"},
    {"key": "act", "label": "做了什么"},
    {"key": "flag", "label": "标记"},
    {"key": "hash", "label": "校验值"},
)

NamesOf = Callable[[AsyncSession, Collection[str]], Awaitable[Mapping[str, str]]]
"""Given ids of contacts and staff: the names of those that have one."""


async def _nameless(_db: AsyncSession, _ids: Collection[str]) -> Mapping[str, str]:
    return {}


def make_app(
    *,
    database: Database,
    render: Render,
    viewer: ViewerOf,
    clock: Callable[[], datetime],
    context_lines: ContextLines,
    lexicon: Lexicon | None = None,
    names: NamesOf = _nameless,
    contact_url: Callable[[str], str] = "/contacts/{}".format,
) -> web.Application:
    """The sub-application for /flags. Needs the role compliance (or admin) everywhere.

    ``names`` tells who an id is, ``contact_url`` where a contact's card is; ``?line=`` there frames a message.
    """
    pages = _Pages(
        database=database,
        render=render,
        viewer=viewer,
        clock=clock,
        context_lines=context_lines,
        lexicon=lexicon or shipped_lexicon(),
        names=names,
        contact_url=contact_url,
    )
    app = web.Application()
    app.router.add_get("/", pages.queue, name="queue")
    app.router.add_get("/lexicon", pages.lexicon_page, name="lexicon")
    app.router.add_post("/lexicon", pages.try_text, name="lexicon_try")
    app.router.add_get("/audit", pages.audit_page, name="audit")
    app.router.add_get(r"/{flag_id:[0-9]{1,18}}", pages.flag, name="flag")
    app.router.add_post(r"/{flag_id:[0-9]{1,18}}/verdict", pages.judge, name="judge")
    app.router.add_post(r"/{flag_id:[0-9]{1,18}}/undo", pages.undo, name="undo")
    app.router.add_static("/static", STATIC, name="static")
    return app


class _Pages:
    def __init__(
        self,
        *,
        database: Database,
        render: Render,
        viewer: ViewerOf,
        clock: Callable[[], datetime],
        context_lines: ContextLines,
        lexicon: Lexicon,
        names: NamesOf,
        contact_url: Callable[[str], str],
    ) -> None:
        self.database, self.render, self.viewer, self.clock = database, render, viewer, clock
        self.context_lines, self.lexicon = context_lines, lexicon
        self.names, self.contact_url = names, contact_url

    async def queue(self, request: web.Request) -> web.StreamResponse:
        require(self.viewer(request), "compliance")
        query, order = _asked(request)
        filters = _filters(query.filters)
        async with self.database.read() as db:
            flags = await store.list_flags(db, filters, order=order, limit=query.limit, offset=query.offset)
            total = await store.count_flags(db, filters)
            counts = await store.get_counts(db)
            names = await self.names(db, {flag.userid for flag in flags} | {flag.external_userid for flag in flags})
        if query.export:
            return csv_response(
                "质检标记.csv",
                [
                    "编号",
                    "程度",
                    "分类",
                    "词条",
                    "写法",
                    "谁说的",
                    "员工",
                    "客户",
                    "发现时间",
                    "判定",
                    "判定人",
                    "备注",
                ],
                [
                    (
                        flag.id,
                        severity_name(flag.severity),
                        category_name(flag.category),
                        flag.word,
                        fold_names(flag.how),
                        _role_name(flag.role),
                        names.get(flag.userid, flag.userid),
                        names.get(flag.external_userid, flag.external_userid),
                        flag.created_at.isoformat(),
                        verdict_name(flag.verdict),
                        flag.judged_by,
                        flag.note,
                    )
                    for flag in flags
                ],
            )
        rows = [
            {
                "flag": flag,
                "href": self._url(request, "flag", flag.id, query),
                "severity": severity_name(flag.severity),
                "category": category_name(flag.category),
                "how": fold_names(flag.how) if flag.how else "",
                "role": _role_name(flag.role),
                "staff": names.get(flag.userid, flag.userid),
                "contact": names.get(flag.external_userid, "") or "看客户",
                "contact_href": self._line_url(flag),
                "verdict": verdict_name(flag.verdict),
            }
            for flag in flags
        ]
        context = {
            "query": query,
            "rows": rows,
            "total": total,
            "counts": counts,
            "columns": COLUMNS,
            "table_filters": _table_filters(),
            "by_severity_url": replace(query, sort="severity", descending=True, page=1).address,
            "categories": [
                {"id": c.id, "name": c.name, "open": counts.open_by_category.get(c.id, 0)} for c in CATEGORIES
            ],
            "severity_names": SEVERITY_NAMES,
            "lexicon_url": request.app.router["lexicon"].url_for(),
            "audit_url": request.app.router["audit"].url_for(),
            "tones": SEVERITY_TONES,
            "verdict_tones": VERDICT_TONES,
        }
        return self.render(request, "compliance/queue.html", context)

    async def flag(self, request: web.Request) -> web.StreamResponse:
        require(self.viewer(request), "compliance")
        return await self._flag_page(request, int(request.match_info["flag_id"]))

    async def _flag_page(
        self, request: web.Request, flag_id: int, *, note: str | None = None, error: str = ""
    ) -> web.StreamResponse:
        viewer = self.viewer(request)
        query, order = _asked(request)
        async with self.database.read() as db:
            flag = await _found(db, flag_id)
            lines = await self.context_lines(db, flag.message_key)
            others = await store.list_flags_of_message(db, flag.message_key)
            before, after = await store.get_neighbours(db, flag, _filters(query.filters), order=order)
            last_judged = await store.get_last_judged(db, by=viewer.name)
            names = await self.names(db, {flag.userid, flag.external_userid})
        undo_id = flag.id if flag.state == "judged" else last_judged
        context = {
            "flag": flag,
            "note": flag.note if note is None else note,
            "error": error,
            "lines": conversation(lines, others),
            "matched": matched_text(flag, lines),
            "others": [
                {
                    "href": self._url(request, "flag", other.id, query),
                    "name": category_name(other.category),
                    "flag": other,
                }
                for other in others
                if other.id != flag.id
            ],
            "category": category_name(flag.category),
            "severity": severity_name(flag.severity),
            "severity_tone": SEVERITY_TONES.get(flag.severity, "neutral"),
            "verdict": verdict_name(flag.verdict),
            "verdict_tone": VERDICT_TONES.get(flag.verdict or "", "neutral"),
            "role": _role_name(flag.role),
            "staff": names.get(flag.userid, flag.userid),
            "contact": names.get(flag.external_userid, ""),
            "contact_href": self._line_url(flag),
            "how": fold_names(flag.how),
            "rule": flag.entry.partition("/")[2],
            "why": explain(flag),
            "verdicts": VERDICT_KEYS,
            "judge_url": self._url(request, "judge", flag.id, query),
            "undo_url": self._url(request, "undo", undo_id, query) if undo_id else "",
            "undo_here": flag.state == "judged",
            "before_url": self._url(request, "flag", before, query) if before else "",
            "after_url": self._url(request, "flag", after, query) if after else "",
            "queue_url": str(request.app.router["queue"].url_for()) + _queue_address(query),
            "script": request.app.router["static"].url_for(filename="flags.js"),
            "note_length_max": store.NOTE_LENGTH_MAX,
        }
        return self.render(request, "compliance/flag.html", context, status=422 if error else 200)

    async def judge(self, request: web.Request) -> web.StreamResponse:
        viewer = self.viewer(request)
        require(viewer, "compliance")
        flag_id = int(request.match_info["flag_id"])
        form = await request.post()
        verdict, note = str(form.get("verdict", "")), str(form.get("note", "")).replace("\x00", "")
        if len(note) > store.NOTE_LENGTH_MAX:
            error = f"备注最多 {store.NOTE_LENGTH_MAX} 个字，现在有 {len(note)} 个"
            return await self._flag_page(request, flag_id, note=note, error=error)
        if verdict not in store.VERDICT_NAMES:
            return await self._flag_page(request, flag_id, note=note, error="请选择一个判定：违规、不违规或说不清")
        query, order = _asked(request)
        async with self.database.write() as db:
            flag = await _found(db, flag_id)
            _, after = await store.get_neighbours(db, flag, _filters(query.filters), order=order)
            await store.judge(db, flag_id, VERDICTS[verdict], note, by=viewer.name, now=self.clock())
        where = self._url(request, "flag", after, query) if after else self._url(request, "flag", flag_id, query)
        last = "" if after else "，后面没有了"
        return redirect(where, toast=f"已判定为「{verdict_name(verdict)}」，按 U 撤销{last}")

    async def undo(self, request: web.Request) -> web.StreamResponse:
        viewer = self.viewer(request)
        require(viewer, "compliance")
        flag_id = int(request.match_info["flag_id"])
        query, _ = _asked(request)
        here = self._url(request, "flag", flag_id, query)
        async with self.database.write() as db:
            await _found(db, flag_id)
            try:
                await store.undo(db, flag_id, by=viewer.name, now=self.clock())
            except NothingToUndo:
                return redirect(here, toast="这条还没有判定，不用撤销", tone="info")
        return redirect(here, toast="已撤销判定，记录里留有这一步")

    async def audit_page(self, request: web.Request) -> web.StreamResponse:
        """The verdict log, newest first, checked from its first row to its last."""
        require(self.viewer(request), "compliance")
        query = TableQuery.of(request)
        async with self.database.read() as db:
            report = await verify_audit(db)
            rows = await list_audit(db, limit=query.size, offset=query.offset)
            total = await count_audit(db)
        context = {
            "report": report,
            "query": query,
            "columns": AUDIT_COLUMNS,
            "rows": [
                {
                    "row": row,
                    "act": "撤销判定" if row.what.get("act") == "undo" else "判定",
                    "verdict": verdict_name(str(row.what.get("verdict"))),
                    "tone": VERDICT_TONES.get(str(row.what.get("verdict")), "neutral"),
                    "href": request.app.router["flag"].url_for(flag_id=str(row.what.get("flag"))),
                }
                for row in rows
            ],
            "total": total,
            "queue_url": request.app.router["queue"].url_for(),
        }
        return self.render(request, "compliance/audit.html", context)

    async def lexicon_page(self, request: web.Request) -> web.StreamResponse:
        require(self.viewer(request), "compliance")
        return self._lexicon(request, text="", role="staff")

    async def try_text(self, request: web.Request) -> web.StreamResponse:
        require(self.viewer(request), "compliance")
        form = await request.post()
        text, role = str(form.get("text", "")), str(form.get("role", ""))
        error = ""
        if not text.strip():
            error = "请先写一句话"
        elif len(text) > TESTED_TEXT_MAX:
            error = f"一次最多试 {TESTED_TEXT_MAX} 个字"
        return self._lexicon(request, text=text, role="customer" if role == "customer" else "staff", error=error)

    def _lexicon(self, request: web.Request, *, text: str, role: Role, error: str = "") -> web.StreamResponse:
        tried = bool(text) and not error
        hits = scan(text, self.lexicon, role=role) if tried else []
        by_category: dict[str, list[object]] = {category.id: [] for category in CATEGORIES}
        for entry in self.lexicon.entries:
            by_category[entry.category].append(
                {
                    "word": entry.word,
                    "severity": severity_name(entry.severity),
                    "tone": SEVERITY_TONES[entry.severity],
                    "roles": ROLE_NAMES[entry.roles],
                    "reason": entry.reason,
                    "spellings": "、".join(entry.spellings),
                }
            )
        context = {
            "categories": [{"category": c, "entries": by_category[c.id]} for c in CATEGORIES],
            "total": len(self.lexicon.entries),
            "version": self.lexicon.version,
            "traps": lint(self.lexicon),
            "category_name": category_name,
            "text": text,
            "role": role,
            "error": error,
            "tried": tried,
            "hits": [
                {
                    "category": category_name(hit.category),
                    "severity": severity_name(hit.severity),
                    "tone": SEVERITY_TONES[hit.severity],
                    "matched": hit.matched,
                    "why": explain(hit),
                }
                for hit in hits
            ],
            "spans": [(hit.start, hit.end) for hit in hits],
            "queue_url": request.app.router["queue"].url_for(),
            "try_url": request.app.router["lexicon_try"].url_for(),
            "text_max": TESTED_TEXT_MAX,
        }
        return self.render(request, "compliance/lexicon.html", context, status=422 if error else 200)

    def _line_url(self, flag: Flag) -> str:
        """The flagged message on its contact's card; nothing when no contact took part."""
        if not flag.external_userid:
            return ""
        key = quote(flag.message_key, safe="")
        return f"{self.contact_url(quote(flag.external_userid, safe=''))}?line={key}#line-{key}"

    def _url(self, request: web.Request, name: str, flag_id: int, query: TableQuery) -> str:
        return str(request.app.router[name].url_for(flag_id=str(flag_id))) + _queue_address(query)


def _asked(request: web.Request) -> tuple[TableQuery, store.Order]:
    """The queue the address speaks of; without a word about order, the gravest first."""
    query = TableQuery.of(request, sorts=("at",), default="-severity", filters=QUEUE_FILTERS)
    return query, ORDERS[query.order]


def _queue_address(query: TableQuery) -> str:
    """Filters and order, so that a flag page knows which queue it was opened from."""
    address = replace(query, page=1, q="", export=False).address
    return address if len(address) > 1 else ""


def _filters(chosen: Mapping[str, str]) -> store.Filters:
    return store.Filters(**{name: chosen.get(name, "") for name in QUEUE_FILTERS})


def _table_filters() -> list[dict[str, object]]:
    return [
        {"name": "category", "label": "分类", "options": [(c.id, c.name) for c in CATEGORIES]},
        {"name": "severity", "label": "程度", "options": list(SEVERITY_NAMES.items())},
        {"name": "state", "label": "状态", "options": [("open", "待判定"), ("judged", "已判定")]},
    ]


def _role_name(role: str) -> str:
    return "客户" if role == "customer" else "客服"


async def _found(db: AsyncSession, flag_id: int) -> Flag:
    try:
        return await store.get_flag(db, flag_id)
    except UnknownFlag as error:
        raise web.HTTPNotFound(text="没有这条标记：它可能随客户资料一起删除了。") from error
