"""Name the traps in a lexicon before they flag innocent lines. Pure.

Each trap was measured on real service chat: one-character leftovers flagged a quarter of all clean
lines, ASCII words without borders 7 %, two-character words by sound 8 in a thousand.
"""

from dataclasses import dataclass

from compliance.lexicon import Allowed, Entry, Lexicon, template_parts
from compliance.streams import collapse, folded_of, letters_of
from kernel.text import HAN_FIRST, HAN_LAST


@dataclass(frozen=True, slots=True)
class Trap:
    """One doubtful entry: where it stands and, in Chinese, what would go wrong."""

    category: str
    line: int
    word: str
    kind: str  # shrinks | doubles | short_ascii | short_phonetic | short_initials | allowed_useless
    advice: str


def lint(lexicon: Lexicon) -> list[Trap]:
    """Every doubtful entry in file order. An empty list means: no known trap."""
    found: list[Trap] = []
    for entry in lexicon.entries:
        found += [Trap(entry.category, entry.line, entry.word, kind, advice) for kind, advice in _traps(entry)]
    hit_words = [letters_of(e.word) for e in lexicon.entries if not e.is_template]
    for allowed in lexicon.allowed:
        if not _covers_any(allowed, hit_words, lexicon):
            advice = "这个放行词里不包含任何敏感词，写了也不起作用"
            found.append(Trap(allowed.category, allowed.line, allowed.word, "allowed_useless", advice))
    return found


def _traps(entry: Entry) -> list[tuple[str, str]]:
    traps = []
    spelled = [entry.word, *entry.spellings] if not entry.is_template else []
    for word in spelled:
        letters = letters_of(word)
        if letters != word and len(letters) < 2 and not entry.whole:
            traps.append(("shrinks", f"「{word}」去掉符号后只剩「{letters}」，只会按原样匹配"))
        elif len(letters) < 2 and not entry.whole:
            traps.append(("shrinks", f"「{word}」只有一个字，会命中很多无辜的话"))
        if len(letters) > 1 and len(collapse(letters)) < 2 and not entry.whole:
            traps.append(("doubles", f"「{word}」去掉叠字只剩一个字，所以只按原样匹配（扣扣不会变成扣）"))
        if letters == folded_of(word) and letters.isascii() and len(letters) <= 3 and not (entry.near or entry.whole):
            traps.append(("short_ascii", f"「{word}」是很短的字母，只在前后没有字母时命中；最好加上 附近="))
    han = sum(HAN_FIRST <= ord(c) <= HAN_LAST for c in letters_of(entry.word))
    if entry.phonetic and han <= 2 and not entry.near:
        traps.append(("short_phonetic", "两个字开同音会误伤（威信、包过、回扣、根治），请加上 附近= 或去掉 同音"))
    if entry.initials and han <= 2:
        traps.append(("short_initials", "两个字母的首字母会误伤，请写成 写法= 并加上 附近="))
    return traps


def _covers_any(allowed: Allowed, hit_words: list[str], lexicon: Lexicon) -> bool:
    letters = letters_of(allowed.word)
    if any(word and word in letters for word in hit_words):
        return True
    if any(e.phonetic and len(letters_of(e.word)) <= len(letters) for e in lexicon.entries if not e.is_template):
        return True  # it may shield against a homophone
    parts = [part for e in lexicon.entries if e.is_template for part in template_parts(e.word)]
    return any(letters_of(w) in letters for part in parts for w in part.words)
