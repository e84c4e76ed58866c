"""The starter library that comes with the product."""

from functools import cache
from pathlib import Path

import yaml

from tagger.engine import Library, compile_library
from tagger.rules import TagRule, parse_rules

RETAIL = Path(__file__).parent / "library" / "retail.yaml"


@cache
def shipped_rules() -> tuple[TagRule, ...]:
    return parse_rules(yaml.safe_load(RETAIL.read_text(encoding="utf-8")))


@cache
def shipped_library() -> Library:
    """The compiled starter library, built once for each process."""
    return compile_library(shipped_rules())
