"""The list of rules as the page wants it: counted, searched, filtered and sorted. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from kernel.pages import TableQuery, Tone
from tagger.rules import CHOICES, TagRule, parse_rule
from tagger.tables import RuleRow

SORTS: Final = ("tag", "class", "mode", "weight", "count", "wrong", "updated_at")
FILTERS: Final = ("class", "group", "mode")
COLUMNS: Final[Sequence[Mapping[str, Any]]] = (
    {"key": "tag", "label": "标签", "sort": True},
    {"key": "class", "label": "分类", "sort": True},
    {"key": "keywords", "label": "关键词"},
    {"key": "mode", "label": "方式", "sort": True},
    {"key": "weight", "label": "分量", "sort": True, "number": True},
    {"key": "count", "label": "近 30 天", "sort": True, "number": True},
    {"key": "wrong", "label": "被说不对", "sort": True, "number": True},
    {"key": "updated_at", "label": "修改", "sort": True},
)
MODE_TONES: Final[Mapping[str, Tone]] = {"off": "neutral", "suggest": "info", "auto": "good"}


@dataclass(frozen=True, slots=True)
class RuleLine:
    """One rule in the list. ``count`` and ``wrong``: suggestions of 30 days, and those people refused."""

    rule: TagRule
    version: int
    updated_by: str
    updated_at: datetime
    count: int
    wrong: int

    @property
    def mode(self) -> str:
        return CHOICES["mode"][self.rule.mode]

    @property
    def tone(self) -> Tone:
        return MODE_TONES[self.rule.mode]


def list_lines(rows: Iterable[RuleRow], counts: Mapping[str, Mapping[str, int]]) -> list[RuleLine]:
    lines = []
    for row in rows:
        states = counts.get(row.rule_id, {})
        wrong = states.get("rejected", 0) + states.get("removed", 0)
        rule = parse_rule(row.content)
        lines.append(RuleLine(rule, row.version, row.updated_by, row.updated_at, sum(states.values()), wrong))
    return lines


def narrow(lines: Iterable[RuleLine], query: TableQuery) -> list[RuleLine]:
    """Those that the query's search and filters leave, in its order; without an order by class, group and tag."""
    words = query.q.casefold()
    kept = [line for line in lines if _passes(line, query.filters) and (not words or words in _searchable(line))]
    kept.sort(key=lambda line: (line.rule.class_name, line.rule.group, line.rule.tag, line.rule.rule_id))
    if query.sort:
        kept.sort(key=lambda line: _sort_key(line, query.sort), reverse=query.descending)
    return kept


def filters_of(lines: Sequence[RuleLine]) -> list[dict[str, object]]:
    """The filter boxes: the classes and groups that occur, and the modes."""
    classes = sorted({line.rule.class_name for line in lines})
    groups = sorted({line.rule.group for line in lines})
    return [
        {"name": "class", "label": "分类", "options": [(name, name) for name in classes]},
        {"name": "group", "label": "标签组", "options": [(name, name) for name in groups]},
        {"name": "mode", "label": "方式", "options": list(CHOICES["mode"].items())},
    ]


EXPORT_HEADER: Final = ("编号", "分类", "标签组", "标签", "关键词", "排除词", "方式", "分量", "近30天", "被说不对")


def export_rows(lines: Iterable[RuleLine]) -> list[tuple[object, ...]]:
    """The list as rows of a sheet under EXPORT_HEADER."""
    rows: list[tuple[object, ...]] = []
    for line in lines:
        rule = line.rule
        words = ("、".join(rule.keywords), "、".join(rule.forbidden))
        names = (rule.rule_id, rule.class_name, rule.group, rule.tag)
        rows.append((*names, *words, line.mode, rule.weight, line.count, line.wrong))
    return rows


def _passes(line: RuleLine, filters: Mapping[str, str]) -> bool:
    has = {"class": line.rule.class_name, "group": line.rule.group, "mode": line.rule.mode}
    return all(not wanted or has[name] == wanted for name, wanted in filters.items())


def _searchable(line: RuleLine) -> str:
    rule = line.rule
    return "\n".join((rule.rule_id, rule.class_name, rule.group, rule.tag, rule.owner, *rule.keywords)).casefold()


def _sort_key(line: RuleLine, sort: str) -> Any:  # noqa: ANN401  # strings, numbers or moments, one kind per sort
    keys: dict[str, object] = {
        "tag": line.rule.tag,
        "class": (line.rule.class_name, line.rule.group),
        "mode": line.rule.mode,
        "weight": line.rule.weight,
        "count": line.count,
        "wrong": line.wrong,
        "updated_at": line.updated_at,
    }
    return keys[sort]
