"""The living page /kit: every component in every state, with made-up content. It doubles as the kit's test bed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from aiohttp import web

from bot.console.data import ConversationLine, DecisionRow
from bot.console.gate import viewer_of
from kernel.pages import Render, TableQuery, csv_response, redirect, require

ROWS_ALL = 57
COLUMNS = [
    {"key": "name", "label": "客户", "sort": True},
    {"key": "state", "label": "状态"},
    {"key": "amount", "label": "红包", "sort": True, "number": True},
    {"key": "at", "label": "时间", "sort": True},
]
FILTERS = [{"name": "state", "label": "状态", "options": [("sent", "已发出"), ("received", "已领取")]}]
NAMES = ("林小满", "陈一诺", "周天成", "王思远", "赵晴", "孙鹏")
SIZE = 6


def add_pages(app: web.Application, *, render: Render, clock: Callable[[], datetime]) -> None:
    async def show_kit(request: web.Request) -> web.Response:
        require(viewer_of(request), "admin")
        query = TableQuery.of(request, sorts=("name", "amount", "at"), default="-at", filters=("state",), size=SIZE)
        rows = _rows(query, clock())
        if query.export:
            return csv_response("组件.csv", ("客户", "红包"), ((row["name"], row["amount_fen"]) for row in rows))
        shown = rows[query.offset : query.offset + query.limit]
        context = {
            "columns": COLUMNS,
            "filters": FILTERS,
            "rows": shown,
            "total": len(rows),
            "query": query,
            "lines": _lines(clock()),
            "entries": _entries(clock()),
            "now": clock(),
        }
        return render(request, "console/kit.html", context)

    async def press(request: web.Request) -> web.Response:
        require(viewer_of(request), "admin")
        return redirect("/kit", toast="已收到，这只是演示")

    app.router.add_get("/kit", show_kit, name="kit")
    app.router.add_post("/kit", press)


def _rows(query: TableQuery, now: datetime) -> list[dict[str, object]]:
    people = (
        (NAMES[index % len(NAMES)], "received" if index % 3 else "sent", 88 + 100 * (index % 7), index)
        for index in range(ROWS_ALL)
    )
    keys = {"name": 0, "amount": 2, "at": 3}
    wanted = [p for p in people if query.q in p[0] and query.filters.get("state", "") in {"", p[1]}]
    # A higher index lies further back, so "newest first" is the rising index.
    backwards = query.descending != (query.sort == "at")
    wanted.sort(key=lambda person: str(person[0]) if query.sort == "name" else "", reverse=backwards)
    if query.sort != "name":
        wanted.sort(key=lambda person: int(person[keys.get(query.sort, 3)]), reverse=backwards)
    return [
        {"name": name, "state": state, "amount_fen": fen, "at": now - timedelta(minutes=37 * index)}
        for name, state, fen, index in wanted
    ]


def _lines(now: datetime) -> list[ConversationLine]:
    def line(
        key: str, side: str, speaker: str, text: str, minutes: int, *words: str, note: str = ""
    ) -> ConversationLine:
        spans = tuple((text.index(word), text.index(word) + len(word)) for word in words)
        assert side in {"customer", "staff", "system"}
        return ConversationLine(key, side, speaker, text, now - timedelta(minutes=minutes), spans, note)  # type: ignore[arg-type]  # asserted above

    return [
        line("1", "system", "系统", "林小满 通过「春季礼盒卡片」添加了 张薇", 42),
        replace(line("2", "staff", "小二", "您好，欢迎来到青禾！发订单号给我，核对后有红包～", 41), role_name="自动"),
        replace(
            line(
                "3",
                "customer",
                "林小满",
                "订单 2211009873456612008，我是敏感肌，这款能用吗？",
                38,
                "2211009873456612008",
                "敏感肌",
                note="订单号；标签「敏感肌」",
            ),
            note_tone="neutral",
            note_href="#timeline",
        ),
        line(
            "4",
            "staff",
            "张薇",
            "这款是我们最好的，绝对不会过敏，放心用",
            36,
            "最好",
            "绝对不会过敏",
            note="绝对化用语 · 严重",
        ),
        line("5", "customer", "林小满", "好的，谢谢😊", 35),
    ]


def _entries(now: datetime) -> list[DecisionRow]:
    return [
        DecisionRow(
            now - timedelta(minutes=34),
            "发放红包 ¥1.88",
            "订单已签收、第一次登记，今日预算还剩 ¥212.40。",
            "等待客户领取",
            "good",
        ),
        DecisionRow(
            now - timedelta(minutes=36),
            "标记一条会话",
            "词库「绝对化用语」命中 2 处，严重程度：严重。",
            "等待质检复核",
            "bad",
        ),
        DecisionRow(
            now - timedelta(minutes=38), "打上标签「肤质：敏感肌」", "命中规则「敏感肌」，把握 83%。", tone="info"
        ),
        DecisionRow(
            now - timedelta(days=1, minutes=2), "没有发送欢迎语", "欢迎码已超过 20 秒，企业微信不再接受。", tone="warn"
        ),
    ]
