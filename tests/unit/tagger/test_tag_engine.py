"""What the tagger promises about one message: tables of cases by kind, and properties."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.text import fold
from tagger import (
    TEXT_MAX,
    Library,
    TagRule,
    TextTooLong,
    compile_library,
    explain_near_misses,
    shipped_library,
    shipped_rules,
    suggest,
)

REQUIRED_TAGS = (
    "高意向 观望 比价砍价 敏感肌 油皮 干皮 混合皮 美白 祛痘 抗老 补水 防晒 "
    "宝妈 孕妇 学生 送礼 大码 小个子 退换货 催物流 质量问题"
)

PLAIN = [
    ("我是敏感肌，这个能用吗", {"敏感肌"}),
    ("有没有适合敏感肌的面霜", {"敏感肌"}),
    ("我是大油皮", {"油皮"}),
    ("脸上容易出油怎么办", {"油皮"}),
    ("我是混油皮", {"混合皮"}),
    ("有大码吗", {"大码"}),
    ("我170斤能穿吗", {"大码"}),
    ("我个子矮，身高155", {"小个子"}),
    ("孕妇可以用吗", {"孕妇"}),
    ("我怀孕三个月了", {"孕妇"}),
    ("宝宝八个月能用吗", {"宝妈"}),
    ("我是学生，没什么钱", {"学生"}),
    ("送女朋友的，包装好看点", {"送礼"}),
    ("怎么下单", {"高意向"}),
    ("发个链接给我吧", {"高意向"}),
    ("我再考虑一下", {"观望"}),
    ("能不能便宜点", {"比价砍价"}),
    ("这个有防晒效果吗", {"防晒"}),
    ("想要淡化痘印", {"祛痘"}),
    ("眼角有细纹", {"抗老"}),
    ("衣服掉色了", {"质量问题"}),
    ("什么时候发货啊", {"催物流"}),
    ("我要退货", {"退换货"}),
    ("可以开发票吗", {"要发票"}),
    ("亲，您好，麻烦您看下，我是敏感皮可以用吗", {"敏感肌"}),
]
NEGATION: list[tuple[str, set[str]]] = [
    ("我不是敏感肌", set()),
    ("不是油皮，是干皮", {"干皮"}),
    ("不是油皮是干皮", {"干皮"}),
    ("不是油皮、干皮", set()),
    ("没有过敏过，不容易过敏", set()),
    ("不用退货", set()),
    ("没说要退", set()),
    ("退货就不用了", set()),
    ("取消退货", set()),
    ("没有质量问题", set()),
    ("要不要退货", {"退换货"}),
    ("怎么还不给我退款", {"退换货"}),
    ("你们不是七天无理由退货吗", {"退换货"}),
    ("我又不是不想退货", {"退换货"}),
    ("没有收到货，我要退款", {"退换货"}),
]
FUZZY = [
    ("敏感机可以用么", {"敏感肌"}),
    ("我是明感肌", {"敏感肌"}),
    ("敏 感 肌", {"敏感肌"}),
    ("敏-感-肌能用吗", {"敏感肌"}),
    ("敏😀感😀肌", {"敏感肌"}),
    ("min gan ji 能用吗", {"敏感肌"}),
    ("我是敏gan肌", {"敏感肌"}),
    ("我是混合皮膚", {"混合皮"}),
    ("Ｓ３ＸＬ有没有，3xl", {"大码"}),
    ("质量文题", {"质量问题"}),
    ("什么时侯发货", {"催物流"}),
]
TRAPS: list[tuple[str, set[str]]] = [
    ("饼干皮很脆", set()),
    ("大码头那边", set()),
    ("这个完美白色好看", set()),
    ("豆干皮", set()),
    ("又脆又大又甜", set()),
    ("大妈也能用吗", set()),
    ("我快急坏了", set()),
    ("这个会掉色吗", set()),
    ("送货员派送人员电话", set()),
    ("贵公司地址", set()),
    ("给我妈买的，她怀孕了", set()),
    ("我老婆怀孕了", set()),
    ("我朋友是油皮", set()),
    ("我是油皮，我朋友是干皮", {"油皮"}),
    ("页面写着敏感肌慎用", set()),
    ("order3xla", set()),
    ("数量问题", set()),
    ("这边已经为您申请退货", set()),
]
SPEAKER: list[tuple[str, set[str]]] = [
    ("敏感肌也能用", set()),
    ("今天可以发货，支持七天无理由退货", set()),
    ("亲，油皮干皮都可以用", set()),
]


def tags(text: str, *, speaker: str = "customer") -> set[str]:
    return {s.tag for s in suggest(text, shipped_library(), speaker=speaker)}


def table(*kinds: list[tuple[str, set[str]]]) -> list[tuple[str, set[str]]]:
    return [case for kind in kinds for case in kind]


@pytest.mark.parametrize(("text", "expected"), table(PLAIN, NEGATION, FUZZY, TRAPS))
def test_a_customers_message_earns_exactly_the_tags_it_states(text: str, expected: set[str]) -> None:
    assert tags(text) - {"尺码咨询", "保价", "优惠券"} == expected


@pytest.mark.parametrize(("text", "expected"), SPEAKER)
def test_what_staff_say_tags_nobody(text: str, expected: set[str]) -> None:
    assert tags(text, speaker="staff") == expected


def test_every_required_tag_is_in_the_shipped_library() -> None:
    assert set(REQUIRED_TAGS.split()) <= {rule.tag for rule in shipped_rules()}


@pytest.mark.parametrize(
    ("text", "speaker", "reason"),
    [
        ("我不是敏感肌", "customer", "negated"),
        ("敏感肌也能用", "staff", "speaker"),
        ("饼干皮很脆", "customer", "excluded"),
        ("我朋友是油皮", "customer", "other_person"),
        ("这个会掉色吗", "customer", "low_score"),
        ("我是混油皮", "customer", "longer"),
        ("页面写着敏感肌慎用", "customer", "quoted"),
    ],
)
def test_a_near_miss_says_why_it_missed(text: str, speaker: str, reason: str) -> None:
    misses = explain_near_misses(text, shipped_library(), speaker)
    assert reason in {miss.reason for miss in misses}
    assert all(text[m.start : m.end] == m.matched and m.detail for m in misses)


def rule(rule_id: str, *keywords: str, **more: object) -> TagRule:
    fields: dict[str, object] = {"class_name": "类", "group": "组", "tag": rule_id} | more
    return TagRule(rule_id=rule_id, keywords=keywords, **fields)  # type: ignore[arg-type]  # the test's short hand


def library(*rules: TagRule) -> Library:
    return compile_library(rules)


def test_a_word_across_a_border_of_words_is_not_the_keyword() -> None:
    """华为 in 对华为难 would be jieba's own trouble; 大码 in 大码头 is a real one."""
    found = library(rule("big", "大码"))
    assert suggest("大码头", found, speaker="customer") == []
    assert [m.reason for m in explain_near_misses("大码头", found, "customer")] == ["border"]


def test_context_must_stand_near_the_keyword() -> None:
    found = library(rule("brand", "苹果", context_any=("手机",)))
    assert suggest("苹果手机", found, speaker="customer")
    assert not suggest("苹果好吃", found, speaker="customer")
    assert not suggest("苹果好吃" + "。" * 30 + "手机", found, speaker="customer")


def test_two_pieces_of_evidence_weigh_more_than_one() -> None:
    found = library(rule("a", "缺水", "紧绷", weight=0.6))
    (one,) = suggest("缺水", found, speaker="customer")
    (two,) = suggest("缺水，紧绷", found, speaker="customer")
    assert (one.score, two.score) == (0.6, 0.84)


def test_overlapping_keywords_are_one_observation() -> None:
    found = library(rule("a", "便宜点", "能不能便宜", weight=0.6))
    (only,) = suggest("能不能便宜点", found, speaker="customer")
    assert (only.score, len(only.evidence)) == (0.6, 1)


def test_a_tag_is_automatic_only_when_automatic_rules_suffice() -> None:
    weak = rule("a", "一二三", tag="t", weight=0.3, mode="auto")
    strong = rule("b", "四五六", tag="t", weight=0.9, mode="suggest")
    (mixed,) = suggest("一二三，四五六", library(weak, strong), speaker="customer")
    assert mixed.mode == "suggest"
    (alone,) = suggest("四五六", library(rule("c", "四五六", mode="auto")), speaker="customer")
    assert alone.mode == "auto"


def test_a_rule_switched_off_says_nothing() -> None:
    assert suggest("缺水", library(rule("a", "缺水", mode="off")), speaker="customer") == []


def test_a_gap_stays_inside_the_sentence_and_is_short() -> None:
    found = library(rule("late", "什么时候…发货"))
    assert suggest("什么时候能给我发货", found, speaker="customer")
    assert not suggest("什么时候。发货", found, speaker="customer")
    assert not suggest("什么时候" + "啊" * 9 + "发货", found, speaker="customer")


def test_an_overlong_text_is_refused_not_cut() -> None:
    suggest("字" * TEXT_MAX, shipped_library(), speaker="customer")
    with pytest.raises(TextTooLong):
        suggest("字" * (TEXT_MAX + 1), shipped_library(), speaker="customer")


FRAGMENTS = sorted({word.replace("…", "") for r in shipped_rules() for word in r.keywords[:6]})
GLUE = ["不是", "我", "，", "。", " ", "吗", "给我妈", "皮膚", "３ＸＬ", "\u200b", "min gan ji", "😀", "㎏"]
WORDS = st.sampled_from(FRAGMENTS + GLUE)
TEXTS = st.one_of(st.text(max_size=60), st.lists(WORDS, max_size=12).map("".join))
SPEAKERS = st.sampled_from(["customer", "staff"])


@given(text=TEXTS, speaker=SPEAKERS)
def test_any_text_is_answered_and_every_span_quotes_it(text: str, speaker: str) -> None:
    for suggestion in suggest(text, shipped_library(), speaker=speaker):
        assert 0 < suggestion.score <= 1
        assert suggestion.evidence
        for item in suggestion.evidence:
            assert text[item.start : item.end] == item.matched != ""
            assert 0 <= item.start < item.end <= len(text)
    for miss in explain_near_misses(text, shipped_library(), speaker):
        assert text[miss.start : miss.end] == miss.matched != ""


@given(text=TEXTS, seed=st.integers())
def test_the_order_of_rules_is_irrelevant(text: str, seed: int) -> None:
    rules = list(shipped_rules()[:8])
    random.Random(seed).shuffle(rules)
    shuffled, ordered = compile_library(rules), compile_library(shipped_rules()[:8])
    assert suggest(text, shuffled, speaker="customer") == suggest(text, ordered, speaker="customer")


@given(text=TEXTS)
def test_folding_first_changes_no_tag(text: str) -> None:
    folded = fold(text).text
    assert [(s.tag, s.score) for s in suggest(text, shipped_library(), speaker="customer")] == [
        (s.tag, s.score) for s in suggest(folded, shipped_library(), speaker="customer")
    ]
