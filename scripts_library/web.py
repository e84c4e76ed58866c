"""Pages under /scripts: the list with its search, one script with preview and history, and 试一试."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from aiohttp import web

from kernel.database import Database
from kernel.pages import Render, TableQuery, ViewerOf, csv_response, redirect, require
from scripts_library import store
from scripts_library.choose import BEIJING
from scripts_library.errors import ChangedMeanwhile, CodeTaken, ScriptError
from scripts_library.forms import ScriptForm, empty_form, form_of, read_form
from scripts_library.kinds import KINDS, PLACEHOLDERS
from scripts_library.render import Rendered, byte_size, render
from scripts_library.search import Result, search
from scripts_library.tables import ScriptRow

ROLE = "operator"
SORTS = ("title", "updated_at")
SAMPLE_FIELDS = ("客户昵称", "员工姓名", "店铺名", "渠道名")


def make_app(
    *,
    database: Database,
    render: Render,
    viewer: ViewerOf,
    clock: Callable[[], datetime],
    shop_name: str = "",
) -> web.Application:
    """The room's pages, to be mounted anywhere. ``shop_name`` stands in previews for {店铺名}."""
    samples = {name: one.sample for name, one in PLACEHOLDERS.items()} | ({"店铺名": shop_name} if shop_name else {})
    pages = _Pages(database, render, viewer, clock, samples)
    app = web.Application()
    app.router.add_get("", pages.show_list, name="scripts")
    app.router.add_get("/", pages.show_list)
    app.router.add_get("/new", pages.show_new, name="script_new")
    app.router.add_post("/new", pages.save_new)
    app.router.add_post("/seed", pages.seed, name="script_seed")
    app.router.add_get("/try", pages.show_try, name="script_try")
    app.router.add_get("/one/{code}", pages.show_edit, name="script")
    app.router.add_post("/one/{code}", pages.save_edit)
    app.router.add_post("/one/{code}/{switch:enable|disable}", pages.switch, name="script_switch")
    app.router.add_post("/one/{code}/restore", pages.restore, name="script_restore")
    return app


@dataclass(frozen=True, slots=True)
class _Line:
    """A row of the list: the script and where the search found it."""

    row: ScriptRow
    why: tuple[str, ...]


class _Pages:
    """Handlers; what they need is handed in once."""

    def __init__(
        self,
        database: Database,
        render: Render,
        viewer: ViewerOf,
        clock: Callable[[], datetime],
        samples: Mapping[str, str],
    ) -> None:
        self._database, self._render, self._viewer, self._clock = database, render, viewer, clock
        self._samples = samples

    async def show_list(self, request: web.Request) -> web.Response:
        query = TableQuery.of(request, sorts=SORTS, filters=("kind", "category", "state"))
        async with self._database.read() as db:
            rows = await store.list_scripts(db)
        lines = _narrow(rows, query)
        if query.export:
            header = ("编码", "用途", "标题", "内容", "分类", "渠道", "时段", "启用", "版本", "更新人")
            return csv_response("话术.csv", header, (_cells(line.row) for line in lines))
        categories = sorted({row.category for row in rows if row.category})
        filters = [
            {"name": "kind", "label": "用途", "options": [(kind.code, kind.name) for kind in KINDS.values()]},
            {"name": "category", "label": "分类", "options": [(name, name) for name in categories]},
            {"name": "state", "label": "状态", "options": [("on", "启用"), ("off", "停用")]},
        ]
        shown = lines[query.offset : query.offset + query.limit]
        return self._page(
            request, "list.html", rows=shown, total=len(lines), query=query, filters=filters, is_empty=not rows
        )

    async def seed(self, request: web.Request) -> web.Response:
        require(self._viewer(request), ROLE)
        async with self._database.write() as db:
            added = await store.seed_default_scripts(db, self._clock())
        return redirect(_url(request, "scripts"), toast=f"加入了 {added} 条" if added else "内置话术已经都在了")

    async def show_new(self, request: web.Request) -> web.Response:
        require(self._viewer(request), ROLE)
        return self._form_page(request, empty_form(request.query.get("kind", "")), row=None)

    async def save_new(self, request: web.Request) -> web.Response:
        viewer = self._viewer(request)
        require(viewer, ROLE)
        posted = await request.post()
        form = read_form(posted)
        if form.script is None or posted.get("action") == "preview":
            return self._form_page(request, form, row=None, sample=_sample(posted), is_preview="action" in posted)
        try:
            async with self._database.write() as db:
                await store.add_script(db, form.script, by=viewer.name, now=self._clock())
        except CodeTaken as error:
            return self._form_page(request, replace(form, errors={"code": str(error)}), row=None)
        return redirect(_url(request, "script", code=form.script.code), toast="已保存")

    async def show_edit(self, request: web.Request) -> web.Response:
        async with self._database.read() as db:
            row = await store.get_script(db, request.match_info["code"])
            versions = await store.versions_of(db, request.match_info["code"])
        if row is None:
            raise web.HTTPNotFound(text="没有这条话术。")
        return self._form_page(request, form_of(store.to_script(row)), row=row, versions=versions)

    async def save_edit(self, request: web.Request) -> web.Response:
        viewer = self._viewer(request)
        require(viewer, ROLE)
        posted = await request.post()
        code = request.match_info["code"]
        async with self._database.read() as db:
            row = await store.get_script(db, code)
            versions = await store.versions_of(db, code)
        if row is None:
            raise web.HTTPNotFound(text="没有这条话术。")
        form = read_form(posted, code=code, enabled=row.enabled)
        if form.script is None or posted.get("action") == "preview":
            is_preview = "action" in posted
            return self._form_page(
                request, form, row=row, versions=versions, sample=_sample(posted), is_preview=is_preview
            )
        number = str(posted.get("version", ""))
        expected = int(number) if number.isascii() and number.isdigit() and len(number) < 10 else 0
        try:
            async with self._database.write() as db:
                await store.save_script(db, form.script, expected_version=expected, by=viewer.name, now=self._clock())
        except ChangedMeanwhile as error:
            wrong = replace(form, errors={"body": str(error)})
            return self._form_page(request, wrong, row=row, versions=versions)
        return redirect(_url(request, "script", code=code), toast="已保存")

    async def switch(self, request: web.Request) -> web.Response:
        viewer = self._viewer(request)
        require(viewer, ROLE)
        code, enabled = request.match_info["code"], request.match_info["switch"] == "enable"
        async with self._database.write() as db:
            row = await store.set_enabled(db, code, enabled=enabled, by=viewer.name, now=self._clock())
        if row is None:
            raise web.HTTPNotFound(text="没有这条话术。")
        return redirect(_url(request, "script", code=code), toast="已启用" if enabled else "已停用，不会再自动发送")

    async def restore(self, request: web.Request) -> web.Response:
        viewer = self._viewer(request)
        require(viewer, ROLE)
        code, number = request.match_info["code"], str((await request.post()).get("version", ""))
        version = int(number) if number.isascii() and number.isdigit() and len(number) < 10 else 0
        async with self._database.write() as db:
            row = await store.restore_version(db, code, version, by=viewer.name, now=self._clock())
        if row is None:
            raise web.HTTPNotFound(text="没有这个版本。")
        return redirect(_url(request, "script", code=code), toast=f"已恢复到第 {version} 版")

    async def show_try(self, request: web.Request) -> web.Response:
        """Which script would a customer of a channel get at an hour, and why."""
        asked = request.query
        kind = asked.get("kind", "welcome")
        kind = kind if kind in KINDS else "welcome"
        state, hour = asked.get("channel_state", "").replace("\x00", "").strip()[:64], asked.get("hour", "")
        at = self._clock()
        if hour.isascii() and hour.isdigit() and len(hour) < 3 and int(hour) < 24:
            at = at.astimezone(BEIJING).replace(hour=int(hour), minute=0)
        async with self._database.read() as db:
            choice = await store.current(db, kind, state or None, at)
            channels = sorted({row.channel_state for row in await store.list_scripts(db) if row.channel_state})
        return self._page(
            request, "try.html", kind=kind, state=state, hour=hour, at=at, choice=choice, channels=channels,
            preview=_preview(choice.script.body, kind, self._samples) if choice.script else None,
        )  # fmt: skip

    def _form_page(
        self,
        request: web.Request,
        form: ScriptForm,
        *,
        row: ScriptRow | None,
        versions: object = (),
        sample: Mapping[str, str] | None = None,
        is_preview: bool = False,
    ) -> web.Response:
        """The form with what was typed. A preview with errors is still a preview: the sentence stands at its field."""
        sample = sample or {name: self._samples[name] for name in SAMPLE_FIELDS}
        kind = KINDS.get(form.values["kind"], KINDS["welcome"])
        return self._page(
            request,
            "edit.html",
            status=422 if form.errors else 200,
            form=form.values,
            errors=form.errors,
            row=row,
            versions=versions,
            sample=sample,
            kind=kind,
            placeholders=[PLACEHOLDERS[name] for name in kind.placeholders],
            size=byte_size(form.values["body"]),
            preview=_preview(form.values["body"], kind.code, {**self._samples, **sample})
            if form.values["body"] and not form.errors
            else None,
            is_preview=is_preview,
        )

    def _page(self, request: web.Request, template: str, *, status: int = 200, **context: object) -> web.Response:
        shared = {"url": lambda name, **parts: _url(request, name, **parts), "kinds": KINDS}
        return self._render(request, f"scripts_library/{template}", shared | context, status=status)


def _url(request: web.Request, name: str, **parts: str) -> str:
    return str(request.app.router[name].url_for(**parts))


def _narrow(rows: list[ScriptRow], query: TableQuery) -> list[_Line]:
    """The rows a query leaves, in its order; a search puts the best first."""
    wanted = {name: value for name, value in query.filters.items() if value}
    kept = [
        row
        for row in rows
        if wanted.get("kind", row.kind) == row.kind
        and wanted.get("category", row.category) == row.category
        and wanted.get("state", "on" if row.enabled else "off") == ("on" if row.enabled else "off")
    ]
    if query.sort:
        kept.sort(key=lambda row: getattr(row, query.sort), reverse=query.descending)
    if not query.q:
        return [_Line(row, ()) for row in kept]
    by_code = {row.code: row for row in kept}
    results: list[Result] = search([store.to_script(row) for row in kept], query.q)
    return [_Line(by_code[result.script.code], result.why) for result in results]


def _sample(posted: Mapping[str, object]) -> dict[str, str]:
    return {name: str(posted.get(f"sample_{name}", ""))[:40] for name in SAMPLE_FIELDS}


def _preview(body: str, kind: str, sample: Mapping[str, str]) -> Rendered | None:
    """The text with samples; None when only the samples made it too long."""
    try:
        return render(body, sample, kind=kind)
    except ScriptError:
        return None


def _cells(row: ScriptRow) -> tuple[object, ...]:
    window = store.to_script(row).window
    name = KINDS[row.kind].name if row.kind in KINDS else row.kind
    state = "是" if row.enabled else "否"
    return (
        row.code,
        name,
        row.title,
        row.body,
        row.category,
        row.channel_state,
        window,
        state,
        row.version,
        row.updated_by,
    )
