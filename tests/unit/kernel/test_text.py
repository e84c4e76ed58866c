"""Folding: one table of what becomes what, and what holds for every text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.text import fold, syllable_code, to_syllables

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)

FOLDS = [
    ("full width", "ＡＢｃ１２３", "abc123"),
    ("enclosed digits", "①②③", "123"),
    ("squared unit", "㎏", "kg"),
    ("Roman numeral", "Ⅷ", "viii"),
    ("traditional", "請轉賬給我", "请转账给我"),
    ("zero width", "微\u200b信\ufeff", "微信"),
    ("variation selector", "❤\ufe0f", "❤"),
    ("bidi marks", "\u202e微信\u202c", "微信"),
    ("white space is kept", "微 信\n", "微 信\n"),
    ("emoji are kept", "加😀V", "加😀v"),
    ("sharp s", "ß", "ss"),
    ("empty", "", ""),
]


@pytest.mark.parametrize(("text", "folded"), [c[1:] for c in FOLDS], ids=[c[0] for c in FOLDS])
def test_one_way_of_writing_is_left(text: str, folded: str) -> None:
    assert fold(text).text == folded


@given(text=TEXTS)
def test_folding_twice_changes_nothing(text: str) -> None:
    once = fold(text).text
    assert fold(once).text == once


@given(text=TEXTS)
def test_every_character_knows_where_it_came_from(text: str) -> None:
    folded = fold(text)
    assert len(folded.text) == len(folded.starts) == len(folded.ends)
    for at, char in enumerate(folded.text):
        start, end = folded.span(at, at + 1)
        assert 0 <= start < end <= len(text)
        assert char in fold(text[start:end]).text


@given(text=TEXTS)
def test_positions_never_run_backwards(text: str) -> None:
    folded = fold(text)
    assert list(folded.starts) == sorted(folded.starts)
    assert list(folded.ends) == sorted(folded.ends)


@given(left=TEXTS, right=TEXTS)
def test_folding_goes_character_by_character(left: str, right: str) -> None:
    """Rooms rely on it: a table of single characters folds a whole text."""
    assert fold(left + right).text == fold(left).text + fold(right).text


@given(text=TEXTS)
def test_syllables_keep_every_position(text: str) -> None:
    folded = fold(text).text
    assert len(to_syllables(folded)) == len(folded)


@pytest.mark.parametrize(("one", "other"), [("加微信", "家薇信"), ("返现", "反线"), ("绿", "率"), ("女", "钕")])
def test_homophones_share_their_syllables(one: str, other: str) -> None:
    assert to_syllables(one) == to_syllables(other)


def test_what_has_no_reading_stays() -> None:
    assert to_syllables("a1，😀") == "a1，😀"


def test_a_syllable_can_be_asked_for_by_name() -> None:
    assert to_syllables("干") == syllable_code("gan")
    assert syllable_code("nosuch") is None
