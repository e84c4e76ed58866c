"""Supervise what is said: an evasion-proof scanner, a queue of flags, verdicts nobody can edit unnoticed."""

from compliance.categories import CATEGORIES, CATEGORY_OF, Category, Role, Severity
from compliance.errors import ComplianceError, LexiconError, NothingToUndo, UnknownFlag
from compliance.flags import Line
from compliance.lexicon import Lexicon, parse, shipped_lexicon
from compliance.scan import Hit, scan
from compliance.tables import Base

__all__ = [
    "CATEGORIES",
    "CATEGORY_OF",
    "Base",
    "Category",
    "ComplianceError",
    "Hit",
    "Lexicon",
    "LexiconError",
    "Line",
    "NothingToUndo",
    "Role",
    "Severity",
    "UnknownFlag",
    "parse",
    "scan",
    "shipped_lexicon",
]
