"""Numbers: the right ones are recognised in any writing, order numbers are not."""

import pytest

from compliance import Role, parse, scan
from compliance.recognisers import is_identity_number, passes_luhn

NUMBERS_ONLY = parse({"abuse": ""})

CASES: list[tuple[Role, str, str | None]] = [
    ("staff", "我的手机号13800138000", "手机号"),
    ("staff", "打我电话 138-0013-8000", "手机号"),
    ("staff", "加我１３８００１３８０００", "手机号"),
    ("staff", "我电话一三八零零一三八零零零", "手机号"),
    ("staff", "13800138000", "手机号"),
    ("customer", "我的手机号13800138000", None),
    ("staff", "您的手机号13800138000对吗", None),
    ("staff", "订单13800138000123已发货", None),
    ("staff", "我微信号是abc_12345", "微信号"),
    ("staff", "加V xiaoli888", "微信号"),
    ("staff", "v:xiaomei520", "微信号"),
    ("staff", "加vip会员更划算", None),
    ("staff", "微信公众号abcdef123", None),
    ("staff", "wxpay接口", None),
    ("staff", "QQ：123456789", "QQ号"),
    ("staff", "扣扣 1 2 3 4 5 6 7", "QQ号"),
    ("customer", "11010519491231002X", "身份证号"),
    ("customer", "110105194912310021", None),
    ("customer", "卡号6222021234567890128", "银行卡号"),
    ("customer", "订单6222021234567890128", None),
    ("customer", "4111111111111111", None),
    ("customer", "银行卡 4111 1111 1111 1112", None),
    ("customer", "验证码是384756", "验证码"),
    ("customer", "验证码收不到，订单384756", None),
]


@pytest.mark.parametrize(("role", "text", "word"), CASES)
def test_numbers_are_recognised_by_digits_and_context(role: Role, text: str, word: str | None) -> None:
    hits = scan(text, NUMBERS_ONLY, role=role)
    assert [hit.word for hit in hits] == ([word] if word else [])
    assert all(hit.matched == text[hit.start : hit.end] for hit in hits)


def test_chinese_digits_are_said_to_have_been_undone() -> None:
    [hit] = scan("我电话一三八零零一三八零零零", NUMBERS_ONLY, role="staff")
    assert hit.how == ("digits",)


@pytest.mark.parametrize(
    ("number", "valid"),
    [("11010519491231002X", True), ("11010519491231002x", True), ("110105194913310021", False), ("1101051949", False)],
)
def test_the_check_character_of_an_identity_card(number: str, valid: bool) -> None:
    assert is_identity_number(number) is valid


@pytest.mark.parametrize(("number", "valid"), [("79927398713", True), ("79927398710", False), ("0", True)])
def test_the_luhn_check(number: str, valid: bool) -> None:
    assert passes_luhn(number) is valid
