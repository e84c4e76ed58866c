"""Decide near misses that an index proposed: the only module that imports rapidfuzz. Pure.

Edit distance is no guide in Chinese: 质量问题 and 数量问题 are one character apart, and a typo in a
two-character word leaves a ratio of 0.5. What helps is sound. The index proposes spans that *loosely*
sound like a keyword (zh = z, ang = an …); here rapidfuzz compares the two spellings in pinyin.
"""

from collections.abc import Mapping
from functools import cache
from typing import Final

from rapidfuzz import fuzz

from kernel.text import HAN_FIRST, HAN_LAST, syllable_code, to_syllables

SOUND_MIN: Final = 0.8  # rapidfuzz ratio of the two pinyin spellings
WRONG_SHARE_MAX: Final = 1 / 3  # of the characters; more needs context: 大又甜 is not a typo of 大油田
SOUND_WEIGHT: Final = 0.85  # a hit by sound is worth less than the word itself

_INITIALS: Final = "b p m f d t n l g k h j q x r z c s y w zh ch sh"
_FINALS: Final = (
    "a o e i u v ai ei ao ou an en ang eng er ia ie iao iu ian in iang ing iong ong "
    "ua uo uai ui uan un uang ueng ue ve van vn n ng m io"
)


@cache
def spellings() -> Mapping[str, str]:
    """The pinyin behind each code point of ``kernel.text.to_syllables``."""
    found = {}
    for initial in ("", *_INITIALS.split()):
        for final in _FINALS.split():
            code = syllable_code(initial + final)
            if code is not None:
                found[code] = initial + final
    return found


def spell(char: str) -> str:
    """The toneless pinyin of a Han character, or ``""``."""
    return spellings().get(to_syllables(char), "")


class _LooseSounds(dict[int, str]):
    """``str.translate`` table: Han → one code point for its sound, with common confusions joined."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        self[code] = _loose(char) if HAN_FIRST <= code <= HAN_LAST else char
        return self[code]


def _loose(char: str) -> str:
    pinyin = spell(char)
    for strict, loose in (("zh", "z"), ("ch", "c"), ("sh", "s")):
        if pinyin.startswith(strict):
            pinyin = loose + pinyin[2:]
    if pinyin.endswith(("ang", "eng", "ing")):
        pinyin = pinyin[:-1]
    return syllable_code(pinyin) or to_syllables(char)


_LOOSE = _LooseSounds()


def loose_sounds(folded_text: str) -> str:
    """Same length as the input; characters that sound alike, loosely, become equal."""
    return folded_text.translate(_LOOSE)


def judge_sound(keyword: str, written: str, *, has_context: bool) -> float | None:
    """How good ``written`` is as a misspelling of ``keyword``: (0, 1], or None when it is another word.

    Both are folded and of equal length. More than one wrong character in three needs context.
    """
    wrong = sum(a != b for a, b in zip(keyword, written, strict=True))
    if wrong > len(keyword) * WRONG_SHARE_MAX and not has_context:
        return None
    similarity = fuzz.ratio(" ".join(map(spell, keyword)), " ".join(map(spell, written))) / 100
    return similarity * SOUND_WEIGHT if similarity >= SOUND_MIN else None
