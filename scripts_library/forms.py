"""The script form: from what was posted to a Script, or to the sentence beside each wrong field. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from scripts_library.choose import Script
from scripts_library.errors import ScriptError
from scripts_library.kinds import KINDS
from scripts_library.render import BODY_MAX, check

FIELDS = ("code", "kind", "title", "body", "category", "keywords", "channel_state", "opens", "closes")
_LIMITS = {"title": 60, "category": 30, "keywords": 200, "channel_state": 64}
_LABELS = {"title": "标题", "category": "分类", "keywords": "关键词", "channel_state": "渠道参数"}
_CODE = re.compile(r"[a-z0-9][a-z0-9-]{1,58}[a-z0-9]")
_TIME = re.compile(r"([01]?\d|2[0-3])[:：]([0-5]\d)")


@dataclass(frozen=True, slots=True)
class ScriptForm:
    """What stands in the fields, and what is wrong with them."""

    values: dict[str, str]
    errors: dict[str, str]
    script: Script | None  # None while there are errors


def empty_form(kind: str = "welcome") -> ScriptForm:
    return ScriptForm({**dict.fromkeys(FIELDS, ""), "kind": kind if kind in KINDS else "welcome"}, {}, None)


def form_of(script: Script) -> ScriptForm:
    opens, _, closes = script.window.partition("–")
    values = {name: str(getattr(script, name) or "") for name in FIELDS}
    return ScriptForm({**values, "opens": opens, "closes": closes}, {}, script)


def read_form(posted: Mapping[str, object], *, code: str = "", enabled: bool = True) -> ScriptForm:
    """Read a posted form. ``code`` is that of the script being edited, which cannot change."""
    values = {name: str(posted.get(name, "")).replace("\x00", "").replace("\r\n", "\n").strip() for name in FIELDS}
    values["code"] = code or values["code"]
    errors = {name: f"{_LABELS[name]}最多 {limit} 个字" for name, limit in _LIMITS.items() if len(values[name]) > limit}
    if not _CODE.fullmatch(values["code"]):
        errors["code"] = "编码用小写字母、数字和短横线，3 到 60 个，例如 welcome-spring"
    if values["kind"] not in KINDS:
        errors["kind"] = "请选择用途"
    if not values["title"]:
        errors["title"] = "请写一个标题，员工靠它找到这条话术"
    opens, closes = _minute(values["opens"]), _minute(values["closes"])
    for name, minute in (("opens", opens), ("closes", closes)):
        if values[name] and minute is None:
            errors[name] = "时间写成 22:00 这样"
    if bool(values["opens"]) != bool(values["closes"]):
        errors["closes" if values["opens"] else "opens"] = "开始和结束要一起填，或者都不填"
    elif opens is not None and opens == closes:
        errors["closes"] = "结束时间和开始时间一样，全天有效请都不填"
    errors |= _body_error(values)
    if errors:
        return ScriptForm(values, errors, None)
    script = Script(
        code=values["code"],
        kind=values["kind"],
        title=values["title"],
        body=values["body"],
        category=values["category"],
        keywords=values["keywords"],
        channel_state=values["channel_state"] or None,
        opens=opens,
        closes=closes,
        enabled=enabled,
    )
    return ScriptForm(values, {}, script)


def _body_error(values: Mapping[str, str]) -> dict[str, str]:
    body = values["body"]
    if not body:
        return {"body": "请写内容"}
    if len(body) > BODY_MAX:
        return {"body": f"内容最多 {BODY_MAX} 个字"}
    if values["kind"] in KINDS:
        try:
            check(body, kind=values["kind"])
        except ScriptError as error:
            return {"body": str(error)}
    return {}


def _minute(text: str) -> int | None:
    found = _TIME.fullmatch(text)
    return int(found[1]) * 60 + int(found[2]) if found else None
