"""The lexicon: what the reviewed text files say, parsed with line-numbered errors. Pure.

The format is documented for operators at the head of each file under ``lexicons/``. One entry per
line, five fields: ``word | severity | role | options | reason``; ``~ word | reason`` allows a word.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from compliance.categories import CATEGORY_OF, CUSTOMER, EITHER, STAFF, Role, Severity
from compliance.errors import LexiconError
from kernel.text import HAN_FIRST, HAN_LAST, fold

LEXICON_FOLDER = Path(__file__).parent / "lexicons"
WORD_LENGTH_MAX = 400
PHONETIC_LENGTH_MIN = 3  # Han characters from which homophones are on unless the entry says 不同音

SEVERITY_WORDS: Mapping[str, Severity] = {"高": "high", "中": "medium", "低": "low"}
ROLE_WORDS: Mapping[str, frozenset[Role]] = {"客服": STAFF, "客户": CUSTOMER, "双方": EITHER}

_SWITCHES = frozenset({"同音", "不同音", "拼音", "首字母", "拆字", "分词", "整句"})
_LISTS = frozenset({"写法", "附近", "除非", "前无", "后无"})
_LISTED = re.compile(r"\(([^()]*)\)")
_TEMPLATE_SIGNS = frozenset("*…()/")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a lexicon. ``word`` is kept as the operator wrote it; matching folds it."""

    category: str
    word: str
    severity: Severity
    roles: frozenset[Role]
    reason: str
    line: int = 0
    phonetic: bool = False  # homophones count
    pinyin: bool = False  # the word written out in pinyin counts
    initials: bool = False  # its pinyin initials count
    split: bool = False  # its characters taken apart count (力口 for 加)
    segmented: bool = False  # only where segmentation puts word borders on both sides
    whole: bool = False  # only when it is all the message says
    spellings: tuple[str, ...] = ()
    near: tuple[str, ...] = ()  # one of these must stand near
    unless: tuple[str, ...] = ()  # none of these may stand near
    not_after: tuple[str, ...] = ()  # none of these may stand just before
    not_before: tuple[str, ...] = ()  # none of these may stand just after

    @property
    def id(self) -> str:
        return f"{self.category}/{self.word}"

    @property
    def is_template(self) -> bool:
        """True for words with ``*``, ``…`` or ``(a/b)``: several parts with room between them."""
        return not _TEMPLATE_SIGNS.isdisjoint(self.word)


@dataclass(frozen=True, slots=True)
class Allowed:
    """A harmless word: a hit inside it does not count."""

    category: str
    word: str
    reason: str
    line: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Lexicon:
    """Entries and allowed words of one version. Compared by identity, so compiled forms can be cached."""

    entries: tuple[Entry, ...]
    allowed: tuple[Allowed, ...] = ()
    recognisers: bool = True  # numbers: mobile, identity card, bank card, accounts, verification codes
    version: str = field(default="")


def parse(sources: Mapping[str, str], *, recognisers: bool = True) -> Lexicon:
    """Read lexicon texts by category id. Raises LexiconError with the category's file name and the line."""
    entries: list[Entry] = []
    allowed: list[Allowed] = []
    for category, text in sources.items():
        source = f"{category}.txt"
        if category not in CATEGORY_OF:
            raise LexiconError(source, 0, f"没有「{category}」这个分类")
        seen: dict[str, int] = {}
        for line, content in _lines(text):
            for item in _parse_line(category, line, content, source):
                if item.word in seen:
                    raise LexiconError(source, line, f"「{item.word}」已经在第 {seen[item.word]} 行写过")
                seen[item.word] = line
                if isinstance(item, Entry):
                    entries.append(item)
                else:
                    allowed.append(item)
    digest = hashlib.sha256("\0".join(f"{c}\0{t}" for c, t in sorted(sources.items())).encode())
    return Lexicon(tuple(entries), tuple(allowed), recognisers, digest.hexdigest()[:12])


def parse_folder(folder: Path) -> Lexicon:
    """Read every ``<category>.txt`` of a folder."""
    return parse({path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.txt"))})


@cache
def shipped_lexicon() -> Lexicon:
    """The reviewed retail lexicon that comes with the product."""
    return parse_folder(LEXICON_FOLDER)


def has_default_phonetic(word: str) -> bool:
    """True when ``word`` is plain Han, long enough that a homophone is hardly an accident."""
    folded = fold(word).text
    return len(folded) >= PHONETIC_LENGTH_MIN and all(HAN_FIRST <= ord(c) <= HAN_LAST for c in folded)


def _lines(text: str) -> Iterable[tuple[int, str]]:
    for number, raw in enumerate(text.lstrip("\ufeff").split("\n"), start=1):
        content = raw.strip()
        if content and not content.startswith("#"):
            yield number, content


def _parse_line(category: str, line: int, content: str, source: str) -> Iterator[Entry | Allowed]:
    """One entry, or one for each word when the first field is nothing but a list (甲/乙/丙)."""
    fields = [part.strip() for part in re.split(r"[|｜]", content)]
    if listed := _LISTED.fullmatch(fields[0]):
        for word in listed.group(1).split("/"):
            yield _parse_fields(category, line, [word.strip(), *fields[1:]], source)
    else:
        yield _parse_fields(category, line, fields, source)


def _parse_fields(category: str, line: int, fields: list[str], source: str) -> Entry | Allowed:
    word = fields[0].removeprefix("~").strip()
    if not word:
        raise LexiconError(source, line, "第一格的词是空的")
    if len(word) > WORD_LENGTH_MAX:
        raise LexiconError(source, line, f"词太长：最多 {WORD_LENGTH_MAX} 个字")
    if fields[0].startswith("~"):
        if len(fields) != 2 or not fields[1]:
            raise LexiconError(source, line, "放行的词写成「~ 词 | 理由」")
        return Allowed(category, word, fields[1], line)
    if len(fields) != 5:
        raise LexiconError(source, line, f"应有五格「词 | 程度 | 对谁 | 选项 | 理由」，这里有 {len(fields)} 格")
    _, severity, role, options, reason = fields
    if severity not in SEVERITY_WORDS:
        raise LexiconError(source, line, f"程度只能是 高、中、低，不认识「{severity}」")
    if role not in ROLE_WORDS:
        raise LexiconError(source, line, f"对谁只能是 客服、客户、双方，不认识「{role}」")
    if not reason:
        raise LexiconError(source, line, "缺少理由：被标记的人有权知道为什么")
    return _make_entry(category, line, (word, severity, role, options, reason), source)


def _make_entry(category: str, line: int, fields: tuple[str, str, str, str, str], source: str) -> Entry:
    word, severity, role, options, reason = fields
    switches, lists = _parse_options(options, source, line)
    entry = Entry(
        category=category,
        word=word,
        severity=SEVERITY_WORDS[severity],
        roles=ROLE_WORDS[role],
        reason=reason,
        line=line,
        phonetic="同音" in switches or (has_default_phonetic(word) and "不同音" not in switches),
        pinyin="拼音" in switches,
        initials="首字母" in switches,
        split="拆字" in switches,
        segmented="分词" in switches,
        whole="整句" in switches,
        spellings=lists.get("写法", ()),
        near=lists.get("附近", ()),
        unless=lists.get("除非", ()),
        not_after=lists.get("前无", ()),
        not_before=lists.get("后无", ()),
    )
    if entry.is_template:
        try:
            template_parts(word)
        except ValueError as error:
            raise LexiconError(source, line, str(error)) from error
        if switches & {"拼音", "首字母", "拆字", "整句"} or entry.spellings:
            raise LexiconError(source, line, "带 * … ( ) 的词不能用 拼音、首字母、拆字、整句、写法")
    return entry


def _parse_options(options: str, source: str, line: int) -> tuple[frozenset[str], dict[str, tuple[str, ...]]]:
    switches: set[str] = set()
    lists: dict[str, tuple[str, ...]] = {}
    for option in filter(None, (part.strip() for part in re.split(r"[;；]", options))):
        name, equals, value = option.partition("=")
        if not equals and name in _SWITCHES:
            switches.add(name)
        elif equals and name in _LISTS:
            lists[name] = tuple(filter(None, (word.strip() for word in re.split(r"[,，]", value))))
            if not lists[name]:
                raise LexiconError(source, line, f"「{name}=」后面没有词")
        else:
            raise LexiconError(source, line, f"不认识选项「{option}」")
    if {"同音", "不同音"} <= switches:
        raise LexiconError(source, line, "「同音」和「不同音」只能写一个")
    return frozenset(switches), lists


@dataclass(frozen=True, slots=True)
class Part:
    """Alternatives that stand at one place of a template, and how much may stand before them."""

    words: tuple[str, ...]
    room: str  # "" directly after the part before, "*" a few characters, "…" a clause


_PIECE = re.compile(r"\(([^()]*)\)|([*…])|([^()*…]+)")


def template_parts(word: str) -> tuple[Part, ...]:
    """Take ``(好评/晒图)…返现`` apart. Raises ValueError, in Chinese, when it is not well formed."""
    parts: list[Part] = []
    room = ""
    at = 0
    for piece in _PIECE.finditer(word):
        if piece.start() != at:
            break
        at = piece.end()
        group, sign, plain = piece.groups()
        if sign:
            room = sign
            continue
        if plain and "/" in plain:
            raise ValueError("「/」只能写在括号里，例如 (好评/晒图)返现")
        words = tuple(w.strip() for w in group.split("/")) if plain is None else (plain,)
        if not all(fold(w).text.isalnum() for w in words):
            raise ValueError(f"「{piece.group()}」里有空的或不是字的部分")
        parts.append(Part(words, room))
        room = ""
    if at != len(word) or room or not parts or parts[0].room:
        raise ValueError("括号要成对，* 和 … 不能在开头或结尾")
    return tuple(parts)
