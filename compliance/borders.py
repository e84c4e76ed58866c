"""Does a candidate stand alone? What is beside it and between its characters decides. Pure.

Chinese has no spaces to border a word, and evaded words have too many of them: a sign between two
characters is evasion, a comma usually the end of a clause.
"""

from compliance.matcher import is_pinyin
from compliance.streams import Stream, folded_of

GAP_LENGTH_MAX = 4  # signs between two characters of one word
SENTENCE_SIGNS = frozenset("，。！？；,!?;…\n\r")
PARTICLES = frozenset("啊呀呢哦吧嘛了的亲噢哈呗额嗯您你")


def borders_fit(stream: Stream, a: int, b: int, text: str) -> bool:
    """Latin words and numbers must not be cut out of longer ones: der in ORDERID, 12315 in 9123156."""
    start, end = stream.span(a, b)
    before = folded_of(text[start - 1])[-1:] if start else ""
    after = folded_of(text[end])[:1] if end < len(text) else ""
    return not _runs_on(before, stream.text[a]) and not _runs_on(stream.text[b - 1], after)


def is_pinyin_around(text: str, a: int, b: int) -> bool:
    """The Latin letters that run on at either side of a word in pinyin are pinyin too: shan xi|ye."""
    left, right = a, b
    while left > 0 and text[left - 1].isascii() and text[left - 1].isalpha():
        left -= 1
    while right < len(text) and text[right].isascii() and text[right].isalpha():
        right += 1
    return is_pinyin(text[left:a]) and is_pinyin(text[b:right])


def _runs_on(left: str, right: str) -> bool:
    if not left or not right or not (left + right).isascii():
        return False
    if left.isdigit() and right.isdigit():
        return True
    return (left.isalpha() or left == "_") and (right.isalpha() or right == "_")


def gaps_are_evasion(stream: Stream, a: int, b: int, text: str, *, latin: bool = False) -> bool:
    """True unless what stands between the characters shows that they are no word.

    A comma between two characters usually ends a clause; only a word spaced out all through with
    commas is evasion. Latin words and numbers have no gaps at all, unless ``latin`` stands for Han (wei xin).
    """
    starts = stream.starts
    if starts[b - 1] - starts[a] == b - a - 1:
        return True
    gaps = [text[starts[i] + 1 : starts[i + 1]] for i in range(a, b - 1)]
    seen = [gap for gap in gaps if folded_of(gap)]
    if seen and not latin and stream.text[a:b].isascii():
        return False
    if any(sum(map(bool, map(folded_of, gap))) > GAP_LENGTH_MAX for gap in seen):
        return False
    return all(SENTENCE_SIGNS.isdisjoint(gap) for gap in seen) or len(seen) == b - a - 1


def is_all(stream: Stream, a: int, b: int) -> bool:
    """The word is the whole message but for particles."""
    return PARTICLES.issuperset(stream.text[:a]) and PARTICLES.issuperset(stream.text[b:])
