"""Pages under /tags: the rules, one rule with its latest suggestions, its form, and a sentence to try."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Final

import structlog
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from kernel.database import Database
from kernel.pages import Render, TableQuery, ViewerOf, csv_response, redirect, require
from tagger import store, suggestions
from tagger.addresses import Urls
from tagger.engine import TEXT_MAX, Library, compile_library, explain_near_misses, suggest
from tagger.errors import RuleChanged, SuggestionMissing
from tagger.forms import RuleForm, check_form, form_of, new_form, read_form
from tagger.listing import (
    COLUMNS,
    EXPORT_HEADER,
    FILTERS,
    MODE_TONES,
    SORTS,
    export_rows,
    filters_of,
    list_lines,
    narrow,
)
from tagger.rules import CHOICES, TagRule, parse_rule
from tagger.store import LibraryCache
from tagger.suggestions import Decision

COUNTED: Final = timedelta(days=30)
RULE_ID: Final = r"{rule_id:[a-z0-9][a-z0-9-]{1,63}}"
SPEAKERS: Final = (("customer", "客户"), ("staff", "员工"))
NamesOf = Callable[[AsyncSession, Collection[str]], Awaitable[Mapping[str, str]]]
"""Given ids of contacts: the names of those that have one."""
OnDecision = Callable[[AsyncSession, Decision, datetime], Awaitable[None]]

log = structlog.get_logger()


async def _nameless(_db: AsyncSession, _ids: Collection[str]) -> Mapping[str, str]:
    return {}


def make_app(
    *,
    database: Database,
    render: Render,
    viewer: ViewerOf,
    clock: Callable[[], datetime],
    on_decision: OnDecision | None = None,
    names: NamesOf = _nameless,
) -> web.Application:
    """The room's pages. ``on_decision`` runs in the same transaction when a person accepts or refuses a tag.

    ``names`` tells who a contact is.
    """
    pages = _Pages(database=database, render=render, viewer=viewer, clock=clock, on_decision=on_decision, names=names)
    app = web.Application()
    app.router.add_get("", pages.show_list, name="tagger_rules")
    app.router.add_get("/", pages.show_list)
    app.router.add_post("/seed", pages.seed, name="tagger_seed")
    app.router.add_get("/try", pages.show_try, name="tagger_try")
    app.router.add_post("/try", pages.show_try)
    app.router.add_get("/new", pages.show_new, name="tagger_new")
    app.router.add_post("/new", pages.save)
    app.router.add_get(f"/rules/{RULE_ID}", pages.show_rule, name="tagger_rule")
    app.router.add_get(f"/rules/{RULE_ID}/edit", pages.show_edit, name="tagger_edit")
    app.router.add_post(f"/rules/{RULE_ID}/edit", pages.save)
    app.router.add_post(f"/rules/{RULE_ID}/delete", pages.delete, name="tagger_delete")
    app.router.add_post("/suggestions/{id:[0-9]{1,18}}/{verdict:accept|reject}", pages.decide, name="tagger_decide")
    return app


class _Pages:
    """Handlers; what they need is handed in once."""

    def __init__(
        self,
        *,
        database: Database,
        render: Render,
        viewer: ViewerOf,
        clock: Callable[[], datetime],
        on_decision: OnDecision | None,
        names: NamesOf,
    ) -> None:
        self._database, self._render, self._viewer = database, render, viewer
        self._clock, self._on_decision, self._names = clock, on_decision, names
        self._cache = LibraryCache()

    async def show_list(self, request: web.Request) -> web.Response:
        query = TableQuery.of(request, sorts=SORTS, filters=FILTERS)
        async with self._database.read() as db:
            rows = await store.list_rules(db)
            counts = await store.count_suggestions(db, since=self._clock() - COUNTED)
        lines = list_lines(rows, counts)
        kept = narrow(lines, query)
        if query.export:
            return csv_response("标签规则.csv", EXPORT_HEADER, export_rows(kept[: query.limit]))
        context = {
            "columns": COLUMNS,
            "rows": kept[query.offset : query.offset + query.limit],
            "query": query,
            "total": len(kept),
            "filters": filters_of(lines),
            "is_empty": not lines,
            "urls": Urls(request),
        }
        return self._render(request, "tagger/rules.html", context)

    async def seed(self, request: web.Request) -> web.Response:
        require(self._viewer(request), "operator")
        async with self._database.write() as db:
            count = await store.seed_shipped_rules(db, now=self._clock())
        log.info("tagger.rules_seeded", count=count)
        return redirect(Urls(request).rules, toast=f"加入了 {count} 条内置规则" if count else "内置规则已经都在了")

    async def show_rule(self, request: web.Request) -> web.Response:
        async with self._database.read() as db:
            row = await store.get_rule(db, request.match_info["rule_id"])
            if row is None:
                raise web.HTTPNotFound(text="没有这条规则，可能已经删除。")
            counts = await store.count_suggestions(db, since=self._clock() - COUNTED)
            latest = await suggestions.latest_of_rule(db, row.rule_id)
            names = await self._names(db, {one.external_userid for one in latest})
        (line,) = list_lines([row], counts)
        context = {"line": line, "latest": latest, "names": names, "choices": CHOICES, "urls": Urls(request)}
        return self._render(request, "tagger/rule.html", context)

    async def show_new(self, request: web.Request) -> web.Response:
        require(self._viewer(request), "operator")
        return await self._show_form(request, new_form(), version=0)

    async def show_edit(self, request: web.Request) -> web.Response:
        require(self._viewer(request), "operator")
        async with self._database.read() as db:
            row = await store.get_rule(db, request.match_info["rule_id"])
        if row is None:
            raise web.HTTPNotFound(text="没有这条规则，可能已经删除。")
        return await self._show_form(request, form_of(parse_rule(row.content)), version=row.version)

    async def save(self, request: web.Request) -> web.Response:
        """Save the form, or try its sample sentence with the rule as typed (action=try)."""
        viewer = self._viewer(request)
        require(viewer, "operator")
        posted = await request.post()
        form = read_form(posted, rule_id=request.match_info.get("rule_id", ""))
        version = _whole_number(posted.get("version"))
        sample = str(posted.get("sample", ""))[:TEXT_MAX]
        rule, errors = check_form(form)
        if rule is not None and posted.get("action") == "try":
            return await self._show_form(request, form, version=version, sample=sample, draft=rule)
        if rule is not None:
            try:
                async with self._database.write() as db:
                    await store.save_rule(db, rule, by=viewer.name, now=self._clock(), expected_version=version)
            except RuleChanged as error:
                errors = _conflict(error, is_new=version == 0)
            else:
                log.info("tagger.rule_saved", rule_id=rule.rule_id, mode=rule.mode)
                return redirect(Urls(request).rule(rule.rule_id), toast="已保存，新消息从现在起按它打标签")
        return await self._show_form(request, form, version=version, sample=sample, errors=errors)

    async def delete(self, request: web.Request) -> web.Response:
        require(self._viewer(request), "operator")
        rule_id = request.match_info["rule_id"]
        async with self._database.write() as db:
            gone = await store.delete_rule(db, rule_id)
        log.info("tagger.rule_deleted", rule_id=rule_id, found=gone)
        return redirect(Urls(request).rules, toast="已删除" if gone else "这条规则已经不在了")

    async def decide(self, request: web.Request) -> web.Response:
        viewer = self._viewer(request)
        require(viewer, "operator")
        verdict = suggestions.accept if request.match_info["verdict"] == "accept" else suggestions.reject
        now = self._clock()
        try:
            async with self._database.write() as db:
                decision = await verdict(db, int(request.match_info["id"]), by=viewer.name, now=now)
                if self._on_decision is not None:
                    await self._on_decision(db, decision, now)
        except SuggestionMissing:
            raise web.HTTPNotFound(text="这条建议已经不在了。") from None
        toast = "已确认，标签会打到企业微信" if decision.state == "applied" else "已记下，这位客户不会再被打上它"
        rule_id = str((await request.post()).get("rule_id", ""))
        return redirect(Urls(request).rule(rule_id) if rule_id else Urls(request).rules, toast=toast)

    async def show_try(self, request: web.Request) -> web.Response:
        """A sentence and what the library makes of it. Posted, so that the text stays out of addresses and logs."""
        posted = await request.post()
        text, speaker = str(posted.get("text", "")), _speaker(posted.get("speaker"))
        async with self._database.read() as db:
            library = await self._cache.get(db)
        errors = {"text": f"最多 {TEXT_MAX} 个字，现在有 {len(text)} 个。"} if len(text) > TEXT_MAX else {}
        context = {
            "text": text,
            "speaker": speaker,
            "speakers": SPEAKERS,
            "errors": errors,
            "trial": None if errors or not text.strip() else _Trial(text, library, speaker),
            "rule_count": len(library.rules),
            "urls": Urls(request),
        }
        return self._render(request, "tagger/try.html", context, status=422 if errors else 200)

    async def _show_form(
        self,
        request: web.Request,
        form: RuleForm,
        *,
        version: int,
        sample: str = "",
        draft: TagRule | None = None,
        errors: dict[str, str] | None = None,
    ) -> web.Response:
        trial = None
        if draft is not None and sample.strip():
            speaker = "customer" if draft.speaker == "either" else draft.speaker
            trial = _Trial(sample, compile_library([draft]), speaker)
        context = {
            "form": form.values,
            "errors": errors or {},
            "version": version,
            "choices": CHOICES,
            "sample": sample,
            "trial": trial,
            "urls": Urls(request),
        }
        return self._render(request, "tagger/rule_form.html", context, status=422 if errors else 200)


class _Trial:
    """What a library makes of a sentence."""

    def __init__(self, text: str, library: Library, speaker: str) -> None:
        self.text = text
        self.found = suggest(text, library, speaker=speaker)
        self.misses = explain_near_misses(text, library, speaker)
        self.spans = [(e.start, e.end) for s in self.found for e in s.evidence]
        self.tones = MODE_TONES
        self.modes = CHOICES["mode"]


def _speaker(value: object) -> str:
    return "staff" if value == "staff" else "customer"


def _whole_number(value: object) -> int:
    text = str(value or "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _conflict(error: RuleChanged, *, is_new: bool) -> dict[str, str]:
    if is_new:
        return {"id": "编号：已经有一条规则用了它，请换一个"}
    return {"version": f"{error.saved_by or '别人'}刚刚保存过这条规则。请另开一页看过现在的内容，再决定怎么改。"}
