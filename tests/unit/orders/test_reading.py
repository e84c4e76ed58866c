"""Reading order numbers: the case table grouped by rule, and what holds for any text."""

import re
import unicodedata
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.orders.candidates import ORDERS_MAX
from bot.orders.reading import TEXT_MAX, Reading, extract
from bot.orders.shapes import parse_shapes, shipped_shapes

CASES_MIN = 240


def _cases() -> list[tuple[str, str, str]]:
    rule, cases = "", []
    for line in Path(__file__).with_name("reading_cases.txt").read_text(encoding="utf-8").split("\n"):
        if line.startswith("## "):
            rule = line[3:]
        elif line and not line.startswith("# "):
            text, _, expected = line.rpartition(" =>")
            cases.append((rule, text.replace("\\n", "\n"), expected.strip()))
    return cases


def _told(reading: Reading, expected: str) -> str:
    """The reading in the table's words; the platform only where the table names one."""
    named = dict(word.split("@") for word in expected.split() if "@" in word)
    told = []
    for one in reading.orders:
        word = f"{one.confidence}:{one.number}"
        told.append((one.span, f"{word}@{one.platforms[0]}" if word in named else word))
    told += [(one.span, f"!{one.kind}") for one in reading.refused]
    return " ".join(word for _, word in sorted(told))


@pytest.mark.parametrize(("rule", "text", "expected"), _cases())
def test_the_table_of_cases(rule: str, text: str, expected: str) -> None:
    assert _told(extract(text), expected) == expected, rule


def test_the_table_is_as_large_as_promised() -> None:
    assert len(_cases()) >= CASES_MIN


@given(st.text(max_size=400))
def test_any_text_is_read_without_an_error(text: str) -> None:
    extract(text)


digits_and_noise = st.text(alphabet=st.sampled_from("0123456789 -—:：号订单运快递PE¥.元\n\u200bOol一二"), max_size=80)


@given(digits_and_noise)
def test_spans_quote_the_number_and_never_a_part_of_a_longer_run(text: str) -> None:
    for one in extract(text).orders:
        start, end = one.span
        assert 0 <= start < end <= len(text)
        if one.confidence != "C":
            quoted = re.sub(r"[^0-9A-Z]", "", unicodedata.normalize("NFKC", text[start:end]).upper())
            assert quoted.endswith(one.number) or one.number in quoted.replace("一", "")
        assert not text[start - 1 : start].isdigit()
        assert not text[end : end + 1].isdigit()


order_numbers = st.one_of(
    st.from_regex(r"2[1-9][0-9]{16}[1-9]", fullmatch=True),
    st.from_regex(r"3[1-2][0-9]{9}[1-9]", fullmatch=True),
    st.from_regex(r"2[0-4]0[1-9]1[0-9][0-9]{15}", fullmatch=True),
)


@given(order_numbers)
def test_every_way_of_writing_gives_the_same_key(number: str) -> None:
    """Uniqueness in the database rests on this: two spellings must never become two orders."""
    plain = [one.keys for one in extract(f"订单号：{number}").orders]
    wide = number.translate({ord(digit): ord(digit) + 0xFEE0 for digit in "0123456789"})
    spread = " ".join(number[at : at + 4] for at in range(0, len(number), 4))
    hidden = "\u200b".join(number)
    for written in (wide, spread, hidden, f"{number}复制", f"\ufeff{number}\u00a0"):
        assert [one.keys for one in extract(f"订单号：{written}").orders] == plain


@given(digits_and_noise)
def test_a_staff_member_never_claims(text: str) -> None:
    staff, customer = extract(text, role="staff"), extract(text)
    assert staff.orders == ()
    assert len(staff.refused) >= len(customer.orders)


@given(digits_and_noise)
def test_refusals_carry_no_digits_and_always_say_why(text: str) -> None:
    """Identity and card numbers end up here; the page must be able to show the reason without them."""
    for one in extract(text).refused:
        assert one.why
        assert one.hint
        assert not re.search(r"\d{6}", one.why + one.hint)


def test_a_number_staff_have_sent_is_no_claim_of_the_customer() -> None:
    reading = extract("是 312345678902 吗", staff_numbers=frozenset({"312345678902"}))
    assert [one.kind for one in reading.refused] == ["example"]


def test_a_date_in_the_future_is_no_order() -> None:
    assert not extract("250601-123456789012345", today=date(2025, 5, 31)).orders
    assert extract("250601-123456789012345", today=date(2025, 6, 1)).orders


def test_a_correction_is_noticed() -> None:
    assert extract("上面少了一位 2226688164543500001").is_correction
    assert not extract("2226688164543500001").is_correction


def test_an_endless_message_is_read_to_its_limit_and_no_number_is_cut_in_two() -> None:
    text = "好" * (TEXT_MAX - 12) + "2226688164543500001"
    assert extract(text).orders == ()


def test_a_message_claims_at_most_five_orders() -> None:
    text = "\n".join(f"订单号 3012345678{n:02d}" for n in range(10, 30))
    assert len(extract(text).orders) == ORDERS_MAX


def test_a_shop_may_bring_its_own_shapes() -> None:
    book = parse_shapes("names: {own: [自营]}\nshapes:\n  - {platform: own, prefix: ZY, digits: [8, 8], alone: A}\n")
    assert [one.keys for one in extract("ZY20250001 帮我查", shapes=book).orders] == [("own:ZY20250001",)]


def test_a_shape_book_with_a_mistake_names_the_entry() -> None:
    with pytest.raises(ValueError, match=r"shape 1 \(own\)"):
        parse_shapes("names: {}\nshapes:\n  - {platform: own, digits: [9, 8], alone: A}\n")


def test_the_shipped_shapes_name_every_platform_in_chinese() -> None:
    book = shipped_shapes()
    assert {shape.platform for shape in book.shapes} == {platform for _, platform in book.names}
