"""Yuan at the edges, fen between, never a float."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.money import FEN_MAX, NotAnAmount, format_yuan, parse_yuan


@pytest.mark.parametrize(
    ("text", "fen"),
    [
        ("12.30", 1230),
        ("12.3", 1230),
        ("12", 1200),
        ("0.01", 1),
        ("0.29", 29),
        ("1,204.00", 120400),
        ("¥ 8.8", 880),
        ("８元", 800),
        ("￥１，２０４．５", 120450),
        ("1.100", 110),
        ("5.", 500),
    ],
)
def test_yuan_as_people_write_them(text: str, fen: int) -> None:
    assert parse_yuan(text) == fen


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "元",
        "-1",
        "+1",
        "1e3",
        "1.234",
        "12,34",
        "1,2345",
        "1.2.3",
        "一百",
        "NaN",
        "１２a",
        "100000000.01",
        "٣",
    ],
)
def test_what_is_no_amount_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(NotAnAmount) as refused:
        parse_yuan(text)
    assert refused.value.why


@given(st.integers(0, FEN_MAX))
def test_every_sum_survives_the_way_out_and_back(fen: int) -> None:
    assert parse_yuan(format_yuan(fen)) == fen


def test_a_debt_shows_its_sign() -> None:
    assert format_yuan(-5) == "-0.05"
