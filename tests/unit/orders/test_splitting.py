"""Order numbers sent in two messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.orders.splitting import join_split


@pytest.mark.parametrize(
    ("first", "second", "number"),
    [
        ("2226688164", "543500001", "2226688164543500001"),
        ("订单号 2226688164", "543500001", "2226688164543500001"),
        ("订单号：22266881", "64543500001 复制", "2226688164543500001"),
        ("２２２６６８８１６４", "５４３５００００１", "2226688164543500001"),
        ("2226 6881 64", "5435 0000 1", "2226688164543500001"),
        ("250601-", "123456789012345", "250601123456789012345"),
        ("订单号 312345", "678902", "312345678902"),
    ],
)
def test_two_halves_become_one_number_to_be_confirmed(first: str, second: str, number: str) -> None:
    reading = join_split(first, second)
    assert reading is not None
    assert [(one.number, one.confidence) for one in reading.orders] == [(number, "C")]
    start, end = reading.orders[0].span
    assert second[start:end].strip()


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        ("312345678902", "5435001", "the first is a number in its own right"),
        ("2226688", "2226688164543500001", "the second is"),
        ("13812345678", "54350001", "a mobile is no half"),
        ("312345", "678902", "two codes of six digits, no label"),
        ("好的 2226688164", "543500001", "something else was said"),
        ("订单号 2226688164", "我再看看 543500001", "something else was said"),
        ("2226688164", "54350", "no platform has fifteen digits without a label"),
        ("", "543500001", "nothing before"),
        ("1111111111", "111111111", "made up"),
    ],
)
def test_what_does_not_belong_together_stays_apart(first: str, second: str, why: str) -> None:
    assert join_split(first, second) is None, why


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_two_texts_are_read_without_an_error(first: str, second: str) -> None:
    join_split(first, second)
