"""What can go wrong in the tagger, named after what the caller should do next."""

from dataclasses import dataclass


class TaggerError(Exception):
    """Base of the room's errors."""


class TextTooLong(TaggerError):
    """Cut the text at the caller: the engine refuses rather than judge half a message."""

    def __init__(self, *, length: int, length_max: int) -> None:
        super().__init__(f"文本有 {length} 个字，最多 {length_max} 个")
        self.length, self.length_max = length, length_max


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing a person must correct: which rule, which field, and how (Chinese, shown beside the field)."""

    rule: str
    field: str
    message: str


class RulesInvalid(TaggerError):
    """Show ``problems`` to the person who wrote the rules; nothing was taken over."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("；".join(f"规则「{p.rule}」的「{p.field}」：{p.message}" for p in problems))
        self.problems = problems


class SuggestionMissing(TaggerError):
    """The suggestion is not there (any more): reload the page."""


class RuleChanged(TaggerError):
    """Somebody else saved the rule in between: show both and let the person decide."""

    def __init__(self, rule_id: str, *, saved_by: str) -> None:
        super().__init__(f"规则 {rule_id} 刚刚被「{saved_by}」改过")
        self.rule_id, self.saved_by = rule_id, saved_by
