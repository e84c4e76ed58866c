"""Find scripts the way staff type: a few characters, pinyin or its initials, in any order. Pure.

Every word of the query has to be found somewhere; a title counts more than keywords, these more than
the text, and characters more than pinyin. Each result says where the words were found.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import pypinyin

from kernel.text import fold
from scripts_library.choose import Script

QUERY_MAX = 60  # code points of a query that are used
WORDS_MAX = 6
_FIELDS = (
    ("title", "标题", 100),
    ("keywords", "关键词", 70),
    ("category", "分类", 50),
    ("code", "编码", 45),
    ("body", "正文", 30),
)
_PINYIN_SHARE, _INITIALS_SHARE = 0.6, 0.4
_PINYIN_MIN = 2  # one letter would find everything


@dataclass(frozen=True, slots=True)
class Result:
    script: Script
    score: float
    why: tuple[str, ...]  # one sentence for each word of the query


def search(scripts: Iterable[Script], query: str) -> list[Result]:
    """Scripts that hold every word of ``query``, best first; all of them, by code, for an empty query."""
    words = fold(query[:QUERY_MAX]).text.split()[:WORDS_MAX]
    if not words:
        return [Result(script, 0.0, ()) for script in sorted(scripts, key=lambda script: script.code)]
    results = []
    for script in scripts:
        found = [_find(script, word) for word in words]
        if all(found):
            score = sum(one[0] for one in found if one)
            results.append(Result(script, score, tuple(one[1] for one in found if one)))
    return sorted(results, key=lambda result: (-result.score, result.script.code))


def _find(script: Script, word: str) -> tuple[float, str] | None:
    """The best place of a word: (score, why)."""
    best: tuple[float, str] | None = None
    found: tuple[float, str]
    for name, label, weight in _FIELDS:
        text, syllables = _prepared(getattr(script, name))
        at = text.find(word)
        if at >= 0:
            found = (weight + (5 if at == 0 else 0), f"{label}含「{word}」")
        elif len(word) >= _PINYIN_MIN and word.isascii() and word.isalpha() and (share := _sounds(word, syllables)):
            how = "拼音" if share == _PINYIN_SHARE else "拼音首字母"
            found = (weight * share, f"{label}的{how}是「{word}」")
        else:
            continue
        if best is None or found[0] > best[0]:
            best = found
    return best


@lru_cache(maxsize=4096)
def _prepared(text: str) -> tuple[str, tuple[str, ...]]:
    """Folded text and, for each character, its syllable ("" where it has none)."""
    folded = fold(text).text
    return folded, tuple(_syllable(char) for char in folded)


@lru_cache(maxsize=8192)
def _syllable(char: str) -> str:
    if char.isascii():
        return char if char.isalnum() else ""
    reading = pypinyin.lazy_pinyin(char, errors="ignore")
    return reading[0] if reading else ""


def _sounds(word: str, syllables: tuple[str, ...]) -> float:
    """The share of the score a word earns by sound: whole syllables, or one letter of each; 0 when it fits nowhere."""
    best = 0.0
    for start in range(len(syllables)):
        if _spells(word, syllables, start):
            return _PINYIN_SHARE
        if "".join(syllable[:1] for syllable in syllables[start : start + len(word)]) == word:
            best = _INITIALS_SHARE
    return best


def _spells(word: str, syllables: tuple[str, ...], start: int) -> bool:
    """True when syllables from ``start`` on spell the word; the last one may be half typed."""
    at = 0
    for syllable in syllables[start:]:
        if not syllable:
            return False
        rest = word[at:]
        if len(rest) <= len(syllable):
            return syllable.startswith(rest) and (at > 0 or len(rest) > 1)
        if not rest.startswith(syllable):
            return False
        at += len(syllable)
    return False
