"""The rule form: from a posted form to a rule, and from a rule to what the form shows. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tagger.errors import RulesInvalid
from tagger.rules import CHOICES, FIELD_NAMES, TagRule, format_rule, parse_rule

WORD_LISTS: Final = ("keywords", "context_any", "context_sound", "forbidden")  # one word per line
SWITCHES: Final = ("negation", "about_self")
TEXTS: Final = ("id", "class", "group", "tag", "weight", "note", "owner")
_KEYS: Final = {label: key for key, label in FIELD_NAMES.items()}


@dataclass(frozen=True, slots=True)
class RuleForm:
    """Field name → what stands in it: text, or True and False for switches."""

    values: Mapping[str, str | bool]

    def to_data(self) -> dict[str, object]:
        """The data ``rules.parse_rule`` reads."""
        data: dict[str, object] = dict(self.values)
        for name in WORD_LISTS:
            data[name] = [line.strip() for line in str(self.values[name]).splitlines() if line.strip()]
        return data


def new_form() -> RuleForm:
    """An empty form with the usual choices made."""
    values: dict[str, str | bool] = dict.fromkeys((*TEXTS, *WORD_LISTS), "")
    values |= {"weight": "0.8", "speaker": "customer", "question": "any", "phonetic": "auto", "mode": "suggest"}
    return RuleForm(values | {"negation": True, "about_self": False})


def form_of(rule: TagRule) -> RuleForm:
    values: dict[str, str | bool] = {}
    for name, value in format_rule(rule).items():
        if isinstance(value, list):
            values[name] = "\n".join(value)
        elif isinstance(value, float):
            values[name] = f"{value:g}"
        else:
            values[name] = value if isinstance(value, bool) else str(value)
    return RuleForm(values)


def read_form(posted: Mapping[str, object], *, rule_id: str = "") -> RuleForm:
    """Read a posted form; ``rule_id`` wins over a posted one when the rule exists already."""
    values: dict[str, str | bool] = {
        name: str(posted.get(name, "")).strip() for name in (*TEXTS, *WORD_LISTS, *CHOICES)
    }
    values |= {name: bool(posted.get(name)) for name in SWITCHES}
    if rule_id:
        values["id"] = rule_id
    return RuleForm(values)


def check_form(form: RuleForm) -> tuple[TagRule | None, dict[str, str]]:
    """The rule, or None and a sentence for each wrong field."""
    try:
        return parse_rule(form.to_data()), {}
    except RulesInvalid as error:
        errors: dict[str, str] = {}
        for problem in error.problems:
            errors.setdefault(_KEYS.get(problem.field, problem.field), f"{problem.field}：{problem.message}")
        return None, errors
