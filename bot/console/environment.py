"""The Jinja environment all rooms share: where templates lie, and how amounts, moments and names are written."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from markupsafe import Markup, escape

from bot.orders.listing import PLATFORM_NAMES
from kernel.pages import ROLE_NAMES, split_highlights

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "kernel" / "static"
BEIJING = timezone(timedelta(hours=8), "Asia/Shanghai")
TEMPLATES = {
    "kit": "kernel/templates",
    "console": "bot/console/templates",
    "tagger": "tagger/templates",
    "scripts_library": "scripts_library/templates",
    "compliance": "compliance/templates",
    "orders": "bot/orders/templates",
    "red_packets": "bot/red_packets/templates",
}


def make_environment(*, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Environment:
    """Build the environment; ``clock`` decides what 今天 is."""
    loaders = {name: FileSystemLoader(ROOT / folder) for name, folder in TEMPLATES.items()}
    environment = Environment(
        loader=PrefixLoader(loaders), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        yuan=format_yuan,
        moment=lambda at: format_moment(at, now=clock()),
        moment_full=format_moment_full,
        ago=lambda at: format_ago(at, now=clock()),
        percent=format_percent,
        platform=lambda key: PLATFORM_NAMES.get(key, key),
        bytes=format_bytes,
        role=lambda key: ROLE_NAMES.get(key, key),
        highlights=split_highlights,
        label_cells=label_cells,
    )
    environment.globals.update(static=static_url)
    return environment


def format_yuan(amount_fen: int | None) -> str:
    """123 → ¥1.23; 1234567 → ¥12,345.67; none → —."""
    if amount_fen is None:
        return "—"
    yuan, fen = divmod(abs(amount_fen), 100)
    return f"{'-' if amount_fen < 0 else ''}¥{yuan:,}.{fen:02d}"


def format_moment(at: datetime | None, *, now: datetime) -> str:
    """Beijing time as staff say it: 今天 09:30, 昨天 21:05, 3月8日 12:00, 2025年12月31日 08:00."""
    if at is None:
        return "—"
    local, today = at.astimezone(BEIJING), now.astimezone(BEIJING).date()
    clock = f"{local:%H:%M}"
    days = (today - local.date()).days
    if days in {0, 1, -1}:
        return f"{ {0: '今天', 1: '昨天', -1: '明天'}[days] } {clock}"
    day = f"{local.month}月{local.day}日"
    return f"{day} {clock}" if local.year == today.year else f"{local.year}年{day} {clock}"


def format_moment_full(at: datetime | None) -> str:
    """2026-03-08 12:00:05（北京时间）."""
    return "—" if at is None else f"{at.astimezone(BEIJING):%Y-%m-%d %H:%M:%S}（北京时间）"


def format_ago(at: datetime | None, *, now: datetime) -> str:
    """刚刚, 5 分钟前, 3 小时前, 2 天前; later than a month: the day."""
    if at is None:
        return "—"
    seconds = (now - at).total_seconds()
    if seconds < 60:
        return "刚刚"
    for unit_s, name, units_max in ((60, "分钟", 60), (3600, "小时", 24), (86400, "天", 31)):
        if seconds < unit_s * units_max:
            return f"{int(seconds // unit_s)} {name}前"
    return format_moment(at, now=now)


def format_percent(share: float | None, digits: int = 0) -> str:
    """0.456 → 46%."""
    return "—" if share is None else f"{share * 100:.{digits}f}%"


def format_bytes(size_bytes: int | None) -> str:
    """812 → 812 B, 20480 → 20.0 KB."""
    if size_bytes is None:
        return "—"
    if size_bytes < 1024:
        return f"{size_bytes} B"
    return f"{size_bytes / 1024:.1f} KB" if size_bytes < 1024**2 else f"{size_bytes / 1024**2:.1f} MB"


def label_cells(cells: Markup, columns: Sequence[Any]) -> Markup:
    """Give each <td> of one row its column's name, shown beside the value on narrow screens."""
    labels = iter(columns)

    def add(found: "re.Match[str]") -> str:
        column = next(labels, None)
        return found[0] if column is None else f'{found[0]} data-label="{escape(column["label"])}"'

    return Markup(re.sub(r"<td(?=[\s>])", add, str(cells)))  # noqa: S704  # already escaped by the template


_versions: dict[str, str] = {}


def static_url(path: str) -> str:
    """The address of a file under kernel/static, with a version so that browsers may keep it for good."""
    if path not in _versions:
        _versions[path] = sha256((STATIC / path).read_bytes()).hexdigest()[:12]
    return f"/static/{path}?v={_versions[path]}"
