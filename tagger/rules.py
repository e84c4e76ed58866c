"""What a tag rule may say, and how to read it from YAML-shaped data. Pure.

A rule is data an operator writes. ``keywords`` are words, or words with a gap (``什么时候…发货``: in this
order, at most GAP_MAX characters apart, inside one sentence). ``forbidden`` words that contain a
keyword are exclusions (饼干皮 excludes that 干皮 only); other forbidden words silence the rule nearby.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Final, Literal, cast

from kernel.text import fold
from tagger.errors import Problem, RulesInvalid

Speaker = Literal["customer", "staff", "either"]
Question = Literal["any", "unless_if", "weaker", "statement", "question"]
Phonetic = Literal["auto", "on", "off"]
Mode = Literal["off", "suggest", "auto"]

RULES_MAX: Final = 20_000
WORDS_MAX: Final = 2_000  # per list of one rule
WORD_LENGTH_MAX: Final = 40
NAME_LENGTH_MAX: Final = 30  # WeCom's bound for tag and tag group names
NOTE_LENGTH_MAX: Final = 500
GAP_MAX: Final = 8  # code points between two parts of a keyword with a gap
SCORE_MIN: Final = 0.5  # a tag is proposed from here on

CHOICES: Final[Mapping[str, Mapping[str, str]]] = {
    "speaker": {"customer": "客户说的才算", "staff": "员工说的才算", "either": "谁说的都算"},
    "question": {
        "any": "问句和陈述都算",
        "unless_if": "假设时减半",
        "weaker": "问句或假设时减半",
        "statement": "只算陈述",
        "question": "只算问句",
    },
    "phonetic": {"auto": "三个字以上认同音字", "on": "两个字也认（要有旁证）", "off": "不认同音字"},
    "mode": {"off": "停用", "suggest": "只建议", "auto": "自动打上"},
}
FIELD_NAMES: Final[Mapping[str, str]] = {
    "id": "编号",
    "class": "分类",
    "group": "标签组",
    "tag": "标签",
    "keywords": "关键词",
    "context_any": "附近要有",
    "context_sound": "同音旁证",
    "forbidden": "排除词",
    "speaker": "谁说的",
    "negation": "识别否定",
    "about_self": "只算说自己",
    "question": "问句",
    "phonetic": "同音字",
    "weight": "分量",
    "mode": "方式",
    "note": "说明",
    "owner": "负责人",
}
_ID = re.compile(r"[a-z0-9][a-z0-9-]{1,63}")
_GAP = re.compile(r"…+|\.{3,}")


@dataclass(frozen=True, slots=True)
class TagRule:
    """One way to earn one tag. Several rules may name the same tag; their evidence adds up."""

    rule_id: str
    class_name: str
    group: str
    tag: str
    keywords: tuple[str, ...]
    context_any: tuple[str, ...] = ()  # one of these must stand near every hit
    context_sound: tuple[str, ...] = ()  # one of these must stand near when only the sound is right
    forbidden: tuple[str, ...] = ()
    speaker: Speaker = "customer"
    negation: bool = True  # a negated hit does not count
    about_self: bool = False  # a hit about somebody else does not count
    question: Question = "any"
    phonetic: Phonetic = "auto"
    weight: float = 0.8  # (0, 1]: how sure one hit makes us
    mode: Mode = "suggest"
    note: str = ""
    owner: str = ""


def parse_rules(data: object) -> tuple[TagRule, ...]:
    """Read ``{"rules": [...]}`` or a bare list. Raises RulesInvalid naming every rule and field that is wrong."""
    rows = data.get("rules") if isinstance(data, Mapping) else data
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        raise RulesInvalid((Problem("", "rules", "应当是一个规则列表"),))
    if len(rows) > RULES_MAX:
        raise RulesInvalid((Problem("", "rules", f"最多 {RULES_MAX} 条规则"),))
    rules: list[TagRule] = []
    problems: list[Problem] = []
    seen: set[str] = set()
    for number, row in enumerate(rows, start=1):
        try:
            rule = parse_rule(row, name=f"第 {number} 条")
        except RulesInvalid as error:
            problems += error.problems
            continue
        if rule.rule_id in seen:
            problems.append(Problem(rule.rule_id, "编号", "和前面一条规则重复"))
        seen.add(rule.rule_id)
        rules.append(rule)
    if problems:
        raise RulesInvalid(tuple(problems))
    return tuple(rules)


def parse_rule(row: object, *, name: str = "") -> TagRule:
    """Read one rule. Raises RulesInvalid with one problem for each wrong field."""
    if not isinstance(row, Mapping):
        raise RulesInvalid((Problem(name, "rules", "每条规则应当是「字段: 值」的形式"),))
    name = str(row.get("id") or name)
    reader = _Reader(row, name)
    for key in row:
        if key not in FIELD_NAMES:
            reader.problem(str(key), "没有这个字段")
    rule = TagRule(
        rule_id=reader.rule_id(),
        class_name=reader.text("class", length_max=NAME_LENGTH_MAX, required=True),
        group=reader.text("group", length_max=NAME_LENGTH_MAX, required=True),
        tag=reader.text("tag", length_max=NAME_LENGTH_MAX, required=True),
        keywords=reader.words("keywords", required=True),
        context_any=reader.words("context_any"),
        context_sound=reader.words("context_sound"),
        forbidden=reader.words("forbidden"),
        speaker=cast(Speaker, reader.choice("speaker", "customer")),
        negation=reader.switch("negation", default=True),
        about_self=reader.switch("about_self", default=False),
        question=cast(Question, reader.choice("question", "any")),
        phonetic=cast(Phonetic, reader.choice("phonetic", "auto")),
        weight=reader.weight(),
        mode=cast(Mode, reader.choice("mode", "suggest")),
        note=reader.text("note", length_max=NOTE_LENGTH_MAX),
        owner=reader.text("owner", length_max=NAME_LENGTH_MAX),
    )
    if reader.problems:
        raise RulesInvalid(tuple(reader.problems))
    return rule


def format_rule(rule: TagRule) -> dict[str, object]:
    """The rule as JSON-ready data that ``parse_rule`` reads back to an equal rule."""
    renamed = {"rule_id": "id", "class_name": "class"}
    data: dict[str, object] = {}
    for field in fields(rule):
        value = getattr(rule, field.name)
        data[renamed.get(field.name, field.name)] = list(value) if isinstance(value, tuple) else value
    return data


def parts_of(keyword: str) -> tuple[str, ...]:
    """The folded parts of a keyword: one, or several when it has gaps."""
    return tuple(part for part in (fold(p.strip()).text for p in _GAP.split(keyword)) if part)


class _Reader:
    """Reads fields of one row and gathers what is wrong with them."""

    def __init__(self, row: Mapping[object, object], name: str) -> None:
        self.row, self.name = row, name
        self.problems: list[Problem] = []

    def problem(self, field: str, message: str) -> None:
        self.problems.append(Problem(self.name, FIELD_NAMES.get(field, field), message))

    def rule_id(self) -> str:
        value = str(self.row.get("id") or "")
        if not _ID.fullmatch(value):
            self.problem("id", "请用 2–64 个小写字母、数字或短横线，例如 skin-dry")
        return value

    def text(self, field: str, *, length_max: int, required: bool = False) -> str:
        value = self.row.get(field)
        if value is not None and not isinstance(value, str | int | float):
            self.problem(field, "应当是一段文字")
            return ""
        text = "" if value is None else str(value).strip()
        if required and not text:
            self.problem(field, "不能为空")
        if len(text) > length_max:
            self.problem(field, f"最多 {length_max} 个字，现在有 {len(text)} 个")
        return text

    def words(self, field: str, *, required: bool = False) -> tuple[str, ...]:
        value = self.row.get(field) or ()
        if isinstance(value, str) or not isinstance(value, Sequence):
            self.problem(field, "应当是一个词的列表")
            return ()
        words: dict[str, None] = {}
        for item in value:
            word = str(item).strip()
            if len(word) > WORD_LENGTH_MAX:
                self.problem(field, f"「{word[:10]}…」太长，一个词最多 {WORD_LENGTH_MAX} 个字")
            elif word and not parts_of(word):
                self.problem(field, f"「{word}」里没有看得见的字")
            elif word:
                self._check_parts(field, word)
                words[word] = None
        if required and not words:
            self.problem(field, "至少写一个词")
        if len(words) > WORDS_MAX:
            self.problem(field, f"最多 {WORDS_MAX} 个词")
        return tuple(words)

    def _check_parts(self, field: str, word: str) -> None:
        if field == "keywords":
            if sum(map(len, parts_of(word))) < 2:
                self.problem(field, f"「{word}」只有一个字，太容易误判；请写成更长的词")
        elif len(parts_of(word)) > 1:
            self.problem(field, f"「{word}」：只有关键词能用省略号")

    def choice(self, field: str, default: str) -> str:
        value = self.row.get(field)
        if value is False:
            value = "off"  # YAML 1.1 reads a bare off as false, and on as true
        if value is True:
            value = "on"
        if value is None or value == "":
            return default
        if str(value) not in CHOICES[field]:
            self.problem(field, f"「{value}」不行，请用 {' / '.join(CHOICES[field])}")
            return default
        return str(value)

    def switch(self, field: str, *, default: bool) -> bool:
        value = self.row.get(field)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.problem(field, "请写 true 或 false")
            return default
        return value

    def weight(self) -> float:
        value = self.row.get("weight")
        if value is None or value == "":
            return 0.8
        try:
            weight = float(str(value))
        except ValueError:
            weight = -1.0
        if not 0 < weight <= 1:
            self.problem("weight", f"「{value}」不行，请写 0 到 1 之间的数，例如 0.8")
            return 0.8
        return weight
