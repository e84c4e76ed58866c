"""Put values into a script's placeholders: {客户昵称}, or {客户昵称|亲} with a word for when it is unknown. Pure.

``{{`` and ``}}`` write a brace: a full-width one, so that nobody takes what comes out for a placeholder.
Whatever the values are, no placeholder is left.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scripts_library.errors import BrokenPlaceholder, TextTooLong, UnknownPlaceholder
from scripts_library.kinds import KINDS, PLACEHOLDERS

VALUE_MAX = 40  # code points of a value that are used; nicknames can be long
BODY_MAX = 4_000  # code points of a script

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}|\n]{1,20})(?:\|([^{}|\n]{0,40}))?\}|[{}]")
_BRACES = str.maketrans("{}", "｛｝")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")


@dataclass(frozen=True, slots=True)
class Rendered:
    text: str
    size: int  # UTF-8 bytes
    fallbacks: tuple[str, ...]  # placeholders whose value was unknown


def check(body: str, *, kind: str) -> None:
    """Raise the first thing that is wrong with a script of this kind: braces, names, length of the text as written."""
    _pieces(body, KINDS[kind].placeholders)
    size_max = KINDS[kind].bytes_max
    if (size := byte_size(body)) > size_max:
        raise TextTooLong(size, size_max)


def render(body: str, values: Mapping[str, str], *, kind: str) -> Rendered:
    """The text to send. A value that is missing or blank gives way to the fallback.

    Raises UnknownPlaceholder, BrokenPlaceholder, or TextTooLong when the values make it longer than WeCom accepts.
    """
    fallbacks = []
    out = []
    for literal, name, word in _pieces(body, KINDS[kind].placeholders):
        if name is None:
            out.append(literal)
            continue
        value = _plain(values.get(name, ""))
        if not value:
            fallbacks.append(name)
            value = word if word is not None else PLACEHOLDERS[name].fallback
        out.append(value)
    text = "".join(out)
    size_max = KINDS[kind].bytes_max
    if (size := byte_size(text)) > size_max:
        raise TextTooLong(size, size_max)
    return Rendered(text, size, tuple(dict.fromkeys(fallbacks)))


def byte_size(text: str) -> int:
    """UTF-8 bytes; a lone surrogate counts as the three it would take."""
    return len(text.encode("utf-8", errors="surrogatepass"))


def placeholders_in(body: str) -> tuple[str, ...]:
    """The names a script uses, known or not, in order of appearance."""
    return tuple(dict.fromkeys(found[1].strip() for found in _PIECE.finditer(body) if found[1]))


def _pieces(body: str, known: Sequence[str]) -> list[tuple[str, str | None, str | None]]:
    """(literal, None, None) or ("", name, fallback or None) from left to right."""
    pieces: list[tuple[str, str | None, str | None]] = []
    at = 0
    for found in _PIECE.finditer(body):
        pieces.append((body[at : found.start()], None, None))
        at = found.end()
        if found[0] in {"{{", "}}"}:
            pieces.append((found[0][0].translate(_BRACES), None, None))
        elif found[1] is None:
            raise BrokenPlaceholder(body[max(0, found.start() - 6) : found.end() + 6])
        elif (name := found[1].strip()) not in known:
            raise UnknownPlaceholder(name, tuple(known))
        else:
            pieces.append(("", name, found[2]))
    pieces.append((body[at:], None, None))
    return pieces


def _plain(value: str) -> str:
    """A value on one line, shortened, its braces made harmless."""
    return _CONTROL.sub(" ", value).strip()[:VALUE_MAX].translate(_BRACES)
