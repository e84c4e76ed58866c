"""Finding scripts by characters, pinyin and initials."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts_library.choose import Script
from scripts_library.defaults import DEFAULTS
from scripts_library.search import search


def codes(query: str) -> list[str]:
    return [result.script.code for result in search(DEFAULTS, query)]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("退换货", "quick-return"),
        ("发票", "quick-invoice"),
        ("fapiao", "quick-invoice"),
        ("fap", "quick-invoice"),
        ("kfp", "quick-invoice"),
        ("thh", "quick-return"),
        ("tuihuan", "quick-return"),
        ("發票", "quick-invoice"),
        ("夜间", "welcome-night"),
        ("破损 补发", "quick-damaged"),
        ("补发 破损", "quick-damaged"),
        ("posun bufa", "quick-damaged"),
        ("welcome-default", "welcome-default"),
    ],
)
def test_the_script_meant_comes_first(query: str, first: str) -> None:
    assert codes(query)[0] == first


def test_a_word_found_nowhere_finds_nothing() -> None:
    assert codes("发票 宇宙飞船") == []
    assert codes("xyzq") == []


def test_characters_count_more_than_sound_and_a_title_more_than_the_text() -> None:
    listed = [
        Script("a", "quick_reply", "别的", "正文里有发货"),
        Script("b", "quick_reply", "法伙", "同音"),
        Script("c", "quick_reply", "发货", "标题里有"),
    ]
    assert [result.script.code for result in search(listed, "发货")] == ["c", "a"]
    assert [result.script.code for result in search(listed, "fahuo")] == ["b", "c", "a"]


def test_each_result_says_where_it_was_found() -> None:
    assert search(DEFAULTS, "开发票")[0].why == ("标题含「开发票」",)
    assert search(DEFAULTS, "kaifapiao")[0].why == ("标题的拼音是「kaifapiao」",)
    assert search(DEFAULTS, "kfp")[0].why == ("标题的拼音首字母是「kfp」",)


def test_an_empty_query_lists_everything() -> None:
    assert len(codes("  ")) == len(DEFAULTS)


@given(st.text(max_size=80))
def test_any_query_is_answered_with_scripts_of_the_list_in_order_of_score(query: str) -> None:
    results = search(DEFAULTS, query)
    assert [one.score for one in results] == sorted((one.score for one in results), reverse=True)
    assert len({one.script.code for one in results}) == len(results)
