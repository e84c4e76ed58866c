"""Sensitive-word rules of the client (敏感词): platform reference 3.15.

``semantics_list`` stands at the top in *add* and inside ``extra_rule`` in *get* and *update*.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from bot.simulator.contacts import Contacts
from bot.simulator.context import Context
from bot.simulator.replies import Fields, JsonObject, PlatformError

RULES_MAX = 100
WORDS_MAX = 300
WORD_CHARS_MAX = 32
NAME_CHARS_MAX = 20
PEOPLE_MAX = 1000


@dataclass(frozen=True, slots=True)
class Rule:
    rule_id: str
    name: str
    words: tuple[str, ...]
    semantics: tuple[int, ...]
    action: int
    userids: tuple[str, ...]
    departments: tuple[int, ...]
    created_at: datetime
    by: int  # the agentid that made it


class Intercepts:
    def __init__(self, context: Context, contacts: Contacts) -> None:
        self._context, self._contacts = context, contacts
        self.rules: dict[str, Rule] = {}
        self._deleted: set[str] = set()

    def add(self, fields: Fields, agentid: int) -> JsonObject:
        if len(self.rules) >= RULES_MAX:
            raise PlatformError(41069)
        reach = fields.table("applicable_range")
        if reach is None:
            raise PlatformError(41076)
        userids, departments = self._range(reach)
        if not userids and not departments:
            raise PlatformError(41076)
        rule = Rule(
            self._context.new_id("rule", 24),
            name=self._name(fields),
            words=_words(fields),
            semantics=_semantics(fields),
            action=fields.integer("intercept_type", low=1, high=2),
            userids=tuple(userids),
            departments=tuple(departments),
            created_at=self._context.clock(),
            by=agentid,
        )
        self.rules[rule.rule_id] = rule
        return {"rule_id": rule.rule_id}

    def list_all(self, _fields: Fields) -> JsonObject:
        return {
            "rule_list": [
                {"rule_id": rule.rule_id, "rule_name": rule.name, "create_time": int(rule.created_at.timestamp())}
                for rule in self.rules.values()
            ]
        }

    def get(self, fields: Fields) -> JsonObject:
        rule = self._rule(fields)
        return {
            "rule": {
                "rule_id": rule.rule_id,
                "rule_name": rule.name,
                "word_list": list(rule.words),
                "extra_rule": {"semantics_list": list(rule.semantics)},
                "intercept_type": rule.action,
                "applicable_range": {"user_list": list(rule.userids), "department_list": list(rule.departments)},
            }
        }

    def update(self, fields: Fields, agentid: int) -> JsonObject:
        rule = self._own(fields, agentid)
        extra = fields.table("extra_rule")
        add, remove = fields.table("add_applicable_range"), fields.table("remove_applicable_range")
        new_users, new_departments = self._range(add) if add else ([], [])
        old_users, old_departments = self._range(remove, known=False) if remove else ([], [])
        userids = [one for one in dict.fromkeys((*rule.userids, *new_users)) if one not in old_users]
        departments = [
            one for one in dict.fromkeys((*rule.departments, *new_departments)) if one not in old_departments
        ]
        if (not userids and not departments) or len(userids) > PEOPLE_MAX or len(departments) > PEOPLE_MAX:
            raise PlatformError(41076)
        self.rules[rule.rule_id] = replace(
            rule,
            name=self._name(fields, rule) if "rule_name" in fields else rule.name,
            words=_words(fields) if "word_list" in fields else rule.words,
            semantics=_semantics(extra) if extra else rule.semantics,
            action=fields.integer("intercept_type", rule.action, low=1, high=2),
            userids=tuple(userids),
            departments=tuple(departments),
        )
        return {}

    def delete(self, fields: Fields, agentid: int) -> JsonObject:
        rule = self._own(fields, agentid)
        del self.rules[rule.rule_id]
        self._deleted.add(rule.rule_id)
        return {}

    def _rule(self, fields: Fields) -> Rule:
        rule_id = fields.text("rule_id", missing=41070)
        if rule_id in self._deleted:
            raise PlatformError(41071)
        if rule_id not in self.rules:
            raise PlatformError(41070)
        return self.rules[rule_id]

    def _own(self, fields: Fields, agentid: int) -> Rule:
        """An app can change only rules it has made."""
        rule = self._rule(fields)
        if rule.by != agentid:
            raise PlatformError(41070)
        return rule

    def _name(self, fields: Fields, held: Rule | None = None) -> str:
        name = fields.text("rule_name", chars_max=NAME_CHARS_MAX)
        if any(rule.name == name for rule in self.rules.values() if rule is not held):
            raise PlatformError(41077)
        return name

    def _range(self, reach: Fields, *, known: bool = True) -> tuple[list[str], list[int]]:
        userids = reach.texts("user_list", count_max=PEOPLE_MAX, too_many=41076)
        if known:
            userids = [self._contacts.staff_member(userid).userid for userid in userids]
        return userids, reach.numbers("department_list", count_max=PEOPLE_MAX, too_many=41076)


def _words(fields: Fields) -> tuple[str, ...]:
    words = fields.texts("word_list", count_max=WORDS_MAX, too_many=41068)
    if not words:
        raise PlatformError(41068)
    if not all(1 <= len(word) <= WORD_CHARS_MAX for word in words):
        raise PlatformError(41083)
    return tuple(words)


def _semantics(fields: Fields) -> tuple[int, ...]:
    kinds = fields.numbers("semantics_list", count_max=3)
    if not set(kinds) <= {1, 2, 3}:
        raise PlatformError(41084)
    return tuple(kinds)
