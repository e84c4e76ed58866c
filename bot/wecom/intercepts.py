"""Sensitive-word rules in WeCom's own client (敏感词): platform reference 3.15.

``semantics_list`` stands at the top in *add* and inside ``extra_rule`` in *get* and *update*: that is how the
platform has it, and this module is the only place that knows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from bot.wecom.call import Answer, Caller, given


class Semantics(IntEnum):
    PHONE_NUMBER = 1
    MAIL_ADDRESS = 2
    RED_PACKET = 3


class Action(IntEnum):
    STOP = 1  # warn, and do not send
    WARN = 2


@dataclass(frozen=True, slots=True)
class InterceptRule:
    name: str
    words: tuple[str, ...]
    action: Action
    userids: tuple[str, ...] = ()
    departments: tuple[int, ...] = ()
    semantics: tuple[Semantics, ...] = ()


class Intercepts:
    """An app can change only the rules it has made."""

    def __init__(self, call: Caller) -> None:
        self._call = call

    async def add(self, rule: InterceptRule) -> str:
        """Returns the rule_id."""
        body = {
            "rule_name": rule.name,
            "word_list": list(rule.words),
            "semantics_list": [int(one) for one in rule.semantics],
            "intercept_type": int(rule.action),
            "applicable_range": _range(rule.userids, rule.departments),
        }
        return str((await self._call.post("externalcontact/add_intercept_rule", body))["rule_id"])

    async def all_rules(self) -> list[Answer]:
        """rule_id, rule_name and create_time of every rule."""
        return list((await self._call.get("externalcontact/get_intercept_rule_list")).get("rule_list", []))

    async def get(self, rule_id: str) -> InterceptRule:
        rule = (await self._call.post("externalcontact/get_intercept_rule", {"rule_id": rule_id}))["rule"]
        reach = rule.get("applicable_range") or {}
        return InterceptRule(
            name=str(rule["rule_name"]),
            words=tuple(str(word) for word in rule.get("word_list", [])),
            action=Action(rule["intercept_type"]),
            userids=tuple(str(one) for one in reach.get("user_list", [])),
            departments=tuple(int(one) for one in reach.get("department_list", [])),
            semantics=tuple(Semantics(one) for one in (rule.get("extra_rule") or {}).get("semantics_list", [])),
        )

    async def replace(self, rule_id: str, rule: InterceptRule) -> None:
        """Make the platform's rule equal to ``rule``: reads it for the differences in range, then updates."""
        held = await self.get(rule_id)
        await self.update(
            rule_id,
            name=rule.name,
            words=rule.words,
            action=rule.action,
            semantics=rule.semantics,
            add_users=[one for one in rule.userids if one not in held.userids],
            remove_users=[one for one in held.userids if one not in rule.userids],
            add_departments=[one for one in rule.departments if one not in held.departments],
            remove_departments=[one for one in held.departments if one not in rule.departments],
        )

    async def update(
        self,
        rule_id: str,
        *,
        name: str | None = None,
        words: Sequence[str] | None = None,
        action: Action | None = None,
        semantics: Sequence[Semantics] | None = None,
        add_users: Sequence[str] = (),
        remove_users: Sequence[str] = (),
        add_departments: Sequence[int] = (),
        remove_departments: Sequence[int] = (),
    ) -> None:
        """Change only what is given; the range is changed by differences."""
        added, removed = add_users or add_departments, remove_users or remove_departments
        body = given(
            rule_name=name,
            word_list=None if words is None else [*words],
            extra_rule=None if semantics is None else {"semantics_list": [int(one) for one in semantics]},
            intercept_type=None if action is None else int(action),
            add_applicable_range=_range(add_users, add_departments) if added else None,
            remove_applicable_range=_range(remove_users, remove_departments) if removed else None,
        )
        await self._call.post("externalcontact/update_intercept_rule", {"rule_id": rule_id, **body})

    async def delete(self, rule_id: str) -> None:
        await self._call.post("externalcontact/del_intercept_rule", {"rule_id": rule_id})


def _range(userids: Sequence[str], departments: Sequence[int]) -> dict[str, object]:
    return {"user_list": [*userids], "department_list": [*departments]}
