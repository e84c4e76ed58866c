"""Placeholders: what is put in, what is refused, and that none is ever left."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts_library.defaults import DEFAULTS
from scripts_library.errors import BrokenPlaceholder, TextTooLong, UnknownPlaceholder
from scripts_library.kinds import KINDS, PLACEHOLDERS
from scripts_library.render import byte_size, check, placeholders_in, render

VALUES = {"客户昵称": "小鱼", "员工姓名": "陈晨", "店铺名": "青禾"}


@pytest.mark.parametrize(
    ("body", "values", "text", "fallbacks"),
    [
        ("{客户昵称}，我是{员工姓名}", VALUES, "小鱼，我是陈晨", ()),
        ("{客户昵称|亲}您好", {}, "亲您好", ("客户昵称",)),
        ("{客户昵称|亲}您好", {"客户昵称": "  "}, "亲您好", ("客户昵称",)),
        ("{客户昵称|}您好", {}, "您好", ("客户昵称",)),
        ("{客户昵称}您好", {}, "亲您好", ("客户昵称",)),
        ("{ 客户昵称 }您好", VALUES, "小鱼您好", ()),
        ("没有变量", VALUES, "没有变量", ()),
        ("{客户昵称}{客户昵称}", VALUES, "小鱼小鱼", ()),
        ("写 {{客户昵称}} 就行", VALUES, "写 ｛客户昵称｝ 就行", ()),
        ("{客户昵称}", {"客户昵称": "{店铺名}"}, "｛店铺名｝", ()),
        ("{客户昵称}", {"客户昵称": "第一行\n第二行"}, "第一行 第二行", ()),
        ("{客户昵称}", {"客户昵称": "长" * 100}, "长" * 40, ()),
    ],
)
def test_values_and_fallbacks(body: str, values: dict[str, str], text: str, fallbacks: tuple[str, ...]) -> None:
    rendered = render(body, values, kind="welcome")
    assert (rendered.text, rendered.fallbacks, rendered.size) == (text, fallbacks, byte_size(text))


def test_an_unknown_placeholder_is_refused_and_the_known_ones_are_named() -> None:
    with pytest.raises(UnknownPlaceholder, match=r"没有「\{客户名字\}」.*\{客户昵称\}"):
        check("{客户名字}您好", kind="welcome")


def test_a_placeholder_of_another_kind_is_unknown_here() -> None:
    check("尾号 {订单尾号}", kind="kf_bound")
    with pytest.raises(UnknownPlaceholder):
        check("尾号 {订单尾号}", kind="welcome")


@pytest.mark.parametrize("body", ["{客户昵称", "客户昵称}", "{}", "{客户昵称|亲", "{客户\n昵称}"])
def test_braces_without_a_partner_are_refused(body: str) -> None:
    with pytest.raises(BrokenPlaceholder):
        check(body, kind="welcome")


def test_wecoms_limits_count_bytes() -> None:
    check("a" * 4000, kind="welcome")
    check("好" * 682, kind="kf_bound")
    with pytest.raises(TextTooLong) as refusal:
        check("好" * 683, kind="kf_bound")
    assert (refusal.value.size, refusal.value.size_max) == (2049, 2048)
    with pytest.raises(TextTooLong):
        render("好" * 680 + "{客户昵称}", {"客户昵称": "很长的昵称"}, kind="kf_bound")


@given(st.text(max_size=200), st.dictionaries(st.sampled_from(sorted(PLACEHOLDERS)), st.text(max_size=60)))
def test_what_is_rendered_holds_no_placeholder(body: str, values: dict[str, str]) -> None:
    try:
        rendered = render(body, values, kind="kf_bound")
    except (BrokenPlaceholder, UnknownPlaceholder, TextTooLong):
        return
    assert placeholders_in(rendered.text) == ()
    assert not re.search(r"[{}]", rendered.text)


@given(
    st.lists(
        st.one_of(st.sampled_from(["{客户昵称}", "{店铺名|小店}", "{员工姓名|}"]), st.text("好呀ab\n", max_size=5))
    )
)
def test_every_known_placeholder_is_replaced(parts: list[str]) -> None:
    assert "{" not in render("".join(parts), VALUES, kind="welcome").text


@pytest.mark.parametrize("script", DEFAULTS, ids=lambda script: script.code)
def test_the_shipped_scripts_are_in_order(script: object) -> None:
    from scripts_library.choose import Script  # noqa: PLC0415  # for the type only

    assert isinstance(script, Script)
    check(script.body, kind=script.kind)
    samples = {name: one.sample for name, one in PLACEHOLDERS.items()}
    for values in (samples, {}):
        assert render(script.body, values, kind=script.kind).text
    assert not re.search("好评|五星|晒图|返现|刷单", script.body + script.title)


def test_every_kind_has_a_shipped_script_and_the_welcome_asks_for_the_order_number() -> None:
    assert {script.kind for script in DEFAULTS} == set(KINDS)
    assert all("订单编号" in script.body for script in DEFAULTS if script.kind == "welcome")
