"""小二's auto-tagger: tags for customers from what they write, each with its receipt. Usable alone.

``suggest`` and what it needs are pure. Other rooms and ``bot`` import from here, and pages from ``tagger.web``.
"""

from tagger.engine import TEXT_MAX, Library, compile_library, explain_near_misses, suggest
from tagger.errors import Problem, RuleChanged, RulesInvalid, SuggestionMissing, TaggerError, TextTooLong
from tagger.evidence import Evidence, NearMiss, Suggestion
from tagger.rules import TagRule, format_rule, parse_rule, parse_rules
from tagger.shipped import shipped_library, shipped_rules
from tagger.store import (
    LibraryCache,
    add_rules,
    count_suggestions,
    delete_rule,
    get_rule,
    library_version,
    list_rules,
    load_library,
    save_rule,
    seed_shipped_rules,
)
from tagger.suggestions import (
    ContactTag,
    Decision,
    Marking,
    Recording,
    accept,
    latest_of_rule,
    record,
    record_many,
    reject,
    tags_of,
)
from tagger.tables import Base

__all__ = [
    "TEXT_MAX",
    "Base",
    "ContactTag",
    "Decision",
    "Evidence",
    "Library",
    "LibraryCache",
    "Marking",
    "NearMiss",
    "Problem",
    "Recording",
    "RuleChanged",
    "RulesInvalid",
    "Suggestion",
    "SuggestionMissing",
    "TagRule",
    "TaggerError",
    "TextTooLong",
    "accept",
    "add_rules",
    "compile_library",
    "count_suggestions",
    "delete_rule",
    "explain_near_misses",
    "format_rule",
    "get_rule",
    "latest_of_rule",
    "library_version",
    "list_rules",
    "load_library",
    "parse_rule",
    "parse_rules",
    "record",
    "record_many",
    "reject",
    "save_rule",
    "seed_shipped_rules",
    "shipped_library",
    "shipped_rules",
    "suggest",
    "tags_of",
]
