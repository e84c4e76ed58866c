"""The check digits and ranges of numbers that are no orders."""

import pytest

from bot.orders import lookalikes


@pytest.mark.parametrize(
    ("token", "is_card"),
    [
        ("11010519491231002X", True),
        ("11010519491231002x", True),
        ("110105194912310021", False),
        ("11010519491331002X", False),
    ],
)
def test_identity_cards_need_length_birthday_and_check_character(token: str, *, is_card: bool) -> None:
    assert lookalikes.is_id_card(token) is is_card


def test_a_bank_card_needs_its_range_or_the_words_beside_it() -> None:
    assert lookalikes.is_bank_card("6212260200012345670", context=False)
    assert not lookalikes.is_bank_card("6212260200012345671", context=False)
    assert lookalikes.is_bank_card("4111111111111111", context=True)
    assert not lookalikes.is_bank_card("4111111111111111", context=False)


@pytest.mark.parametrize(
    "token", ["SF1234567890123", "YT1234567890123", "JDVA12345678901", "RA123456789CN", "DPK123456789012"]
)
def test_carrier_letters_decide(token: str) -> None:
    assert lookalikes.is_letter_waybill(token)
    assert lookalikes.is_letter_waybill(token.lower())


def test_a_xiaohongshu_number_is_no_waybill() -> None:
    assert not lookalikes.is_letter_waybill("P712345678901234567")


def test_every_kind_of_refusal_has_a_reason_and_a_hint() -> None:
    from bot.orders.candidates import HINTS, WHY  # noqa: PLC0415  # only this test looks at the tables

    assert WHY.keys() == HINTS.keys()
