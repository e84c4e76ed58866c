"""Rules are written by people: every mistake is named with its rule and field, in Chinese."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagger import RulesInvalid, format_rule, parse_rule, parse_rules, shipped_rules

GOOD = {"id": "skin-dry", "class": "肤质", "group": "肤质", "tag": "干皮", "keywords": ["干皮"]}


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"id": "干皮"}, "编号", "小写字母"),
        ({"tag": ""}, "标签", "不能为空"),
        ({"tag": "长" * 31}, "标签", "最多 30 个字"),
        ({"keywords": []}, "关键词", "至少写一个词"),
        ({"keywords": "干皮"}, "关键词", "列表"),
        ({"keywords": ["皮"]}, "关键词", "只有一个字"),
        ({"keywords": ["干" * 41]}, "关键词", "太长"),
        ({"keywords": ["\u200b\u200b"]}, "关键词", "看得见"),
        ({"forbidden": ["一…二"]}, "排除词", "省略号"),
        ({"speaker": "boss"}, "谁说的", "customer / staff / either"),
        ({"weight": "很高"}, "分量", "0 到 1"),
        ({"weight": 1.5}, "分量", "0 到 1"),
        ({"negation": "yes"}, "识别否定", "true 或 false"),
        ({"colour": "red"}, "colour", "没有这个字段"),
    ],
)
def test_a_wrong_field_is_named_with_its_rule(change: dict[str, object], field: str, words: str) -> None:
    with pytest.raises(RulesInvalid) as error:
        parse_rules([GOOD | change])
    assert any(p.field == field and words in p.message for p in error.value.problems), error.value


def test_all_mistakes_are_told_at_once_and_numbers_may_not_repeat() -> None:
    with pytest.raises(RulesInvalid) as error:
        parse_rules({"rules": [GOOD, GOOD, GOOD | {"id": "x-y", "tag": "", "keywords": []}]})
    assert len(error.value.problems) == 3


def test_yaml_reads_a_bare_off_as_false_and_it_still_means_off() -> None:
    assert parse_rule(GOOD | {"mode": False}).mode == "off"


@pytest.mark.parametrize("data", [None, "rules", 3, {"rules": "x"}, ["x"], [None]])
def test_data_of_another_shape_is_refused_with_a_sentence(data: object) -> None:
    with pytest.raises(RulesInvalid):
        parse_rules(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=True) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(row=st.dictionaries(st.sampled_from([*GOOD, "weight", "mode", "phonetic", "note"]), JSON))
def test_no_data_breaks_the_parser(row: dict[str, object]) -> None:
    with contextlib.suppress(RulesInvalid):
        parse_rules([row])


def test_a_rule_survives_the_way_to_json_and_back() -> None:
    for rule in shipped_rules():
        assert parse_rule(format_rule(rule)) == rule
