"""The scanner: what must be found, what must not, and what holds for every text."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from compliance import Hit, Lexicon, Role, parse, scan, shipped_lexicon

HERE = Path(__file__).parent
HEAD = "高 | 双方"


def lexicon_of(*lines: str, category: str = "abuse") -> Lexicon:
    return parse({category: "\n".join(lines)}, recognisers=False)


def rows(name: str) -> list[str]:
    lines = (HERE / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def found(text: str, *lines: str, role: Role = "staff") -> list[tuple[str, str, tuple[str, ...]]]:
    return [(hit.word, hit.matched, hit.how) for hit in scan(text, lexicon_of(*lines), role=role)]


@pytest.mark.parametrize("row", rows("flagged_lines.tsv"))
def test_the_shipped_lexicon_flags(row: str) -> None:
    role, category, text = row.split("\t")
    hits = scan(text, shipped_lexicon(), role="staff" if role == "staff" else "customer")
    assert category in {hit.category for hit in hits}


@pytest.mark.parametrize("role", ["staff", "customer"])
@pytest.mark.parametrize("text", rows("clean_lines.txt"))
def test_the_shipped_lexicon_leaves_alone(text: str, role: Role) -> None:
    assert scan(text, shipped_lexicon(), role=role) == []


# name, entry, text, what is matched, folds needed
EVASIONS = [
    ("plain", f"加微信 | {HEAD} | | r", "您加微信吧", "加微信", ()),
    ("traditional", f"转账 | {HEAD} | | r", "請轉賬給我", "轉賬", ("traditional",)),
    ("full width", f"加VX | {HEAD} | | r", "加ＶＸ聊", "加ＶＸ", ("width",)),
    ("case", f"加vx | {HEAD} | | r", "加VX聊", "加VX", ("case",)),
    ("zero width", f"加微信 | {HEAD} | | r", "加\u200b微\u200b信", "加\u200b微\u200b信", ("invisible",)),
    ("spaces", f"加微信 | {HEAD} | | r", "加 微 信", "加 微 信", ("symbols",)),
    ("emoji", f"加微信 | {HEAD} | | r", "加😀微😀信", "加😀微😀信", ("symbols",)),
    ("commas all through", f"加微信 | {HEAD} | | r", "加，微，信", "加，微，信", ("symbols",)),
    ("repeats", f"加微信 | {HEAD} | | r", "加加微微信信吧", "加加微微信", ("repeats",)),
    ("repeats of a doubled word", f"加扣扣号 | {HEAD} | | r", "加加扣扣号号", "加加扣扣号", ("repeats",)),
    ("homophone", f"加微信 | {HEAD} | | r", "家薇信", "家薇信", ("homophone",)),
    ("pinyin", f"加微信 | {HEAD} | 拼音 | r", "jia wei xin", "jia wei xin", ("pinyin", "symbols")),
    ("half pinyin", f"加微信 | {HEAD} | 拼音 | r", "加weixin吧", "加weixin", ("pinyin",)),
    ("pinyin glued to pinyin", f"加微信 | {HEAD} | 拼音 | r", "jiawei xinba", "jiawei xin", ("pinyin", "symbols")),
    ("initials", f"好评返现 | {HEAD} | 首字母 | r", "亲hpfx哦", "hpfx", ("initials",)),
    ("split", f"加微信 | {HEAD} | 拆字 | r", "力口微信", "力口微信", ("split",)),
    ("spelling", f"微信 | {HEAD} | 写法=薇X | r", "薇x号", "薇x", ("spelling",)),
    ("sign in the word", f"加微信 | {HEAD} | 写法=+微信 | r", "您+微信", "+微信", ("spelling",)),
]


@pytest.mark.parametrize(("entry", "text", "matched", "how"), [c[1:] for c in EVASIONS], ids=[c[0] for c in EVASIONS])
def test_an_evaded_word_is_found_and_the_folds_are_named(
    entry: str, text: str, matched: str, how: tuple[str, ...]
) -> None:
    [hit] = found(text, entry)
    assert hit[1] == matched
    assert set(how) <= set(hit[2])


# name, entries, text: nothing may be found
REFUSALS = [
    ("homophones are off for two characters", [f"微信 | {HEAD} | | r"], "很有威信"),
    ("homophones switched off", [f"加微信 | {HEAD} | 不同音 | r"], "家薇信"),
    ("pinyin is off unless declared", [f"加微信 | {HEAD} | | r"], "jiaweixin"),
    ("pinyin inside an English word", [f"马桶 | {HEAD} | 拼音 | r"], "matongs"),
    ("initials are off unless declared", [f"加微信 | {HEAD} | | r"], "jwx"),
    ("a comma ends a clause", [f"加微信 | {HEAD} | | r"], "增加，微信可以付"),
    ("a Latin word inside another", [f"sm | {HEAD} | | r"], "Smoking"),
    ("a Latin word inside a placeholder", [f"der | {HEAD} | | r"], "[ORDERID_10005960]"),
    ("a Latin word across a space", [f"tm | {HEAD} | | r"], "at mall"),
    ("a number inside a longer one", [f"12315 | {HEAD} | | r"], "订单9123156"),
    ("not a word of its own", [f"大麻 | {HEAD} | 分词 | r"], "这是大麻烦"),
    ("inside an allowed word", [f"女装 | {HEAD} | | r", "~ 女装尺码 | 商品"], "女装尺码"),
    ("an allowed homophone", [f"加微信 | {HEAD} | | r", "~ 家威信 | 人名"], "家威信"),
    ("no helping word near", [f"微信 | {HEAD} | 附近=加,扫 | r"], "微信支付"),
    ("an excusing word near", [f"加微信 | {HEAD} | 除非=请勿 | r"], "请勿加微信"),
    ("just after an excusing word", [f"保证 | {HEAD} | 前无=不能 | r"], "不能保证"),
    ("just before an excusing word", [f"第一 | {HEAD} | 后无=时间 | r"], "第一时间"),
    ("not the whole message", [f"不知道 | {HEAD} | 整句 | r"], "我不知道快递到哪了"),
    ("too much between the parts", [f"加*微信 | {HEAD} | | r"], "加上一些别的东西再微信"),
    ("a doubled word is no evasion of its half", [f"妈的 | {HEAD} | 分词 | r"], "送妈妈的礼物"),
    ("a doubled character written once", [f"加扣扣号 | {HEAD} | | r"], "哈哈加扣号"),
    ("a clause ends between the parts", [f"加*微信 | {HEAD} | | r"], "要加，微信付"),
]


@pytest.mark.parametrize(("entries", "text"), [c[1:] for c in REFUSALS], ids=[c[0] for c in REFUSALS])
def test_an_innocent_text_is_left_alone(entries: list[str], text: str) -> None:
    assert found(text, *entries) == []


@pytest.mark.parametrize(
    ("entry", "text", "word", "matched"),
    [
        ("加*微信", "您加一下我微信", "加*微信", "加一下我微信"),
        ("(好评/晒图)…返现", "晒图以后，截图给我，返现五元", "晒图…返现", "晒图以后，截图给我，返现"),
        ("(好评/晒图)…(给/发)*元", "好评发图，发你5元", "好评…发*元", "好评发图，发你5元"),
        ("(加/加下)(我/我的)微信", "加下我 微 信", "加下我微信", "加下我 微 信"),
    ],
)
def test_a_template_bridges_what_stands_between_its_parts(entry: str, text: str, word: str, matched: str) -> None:
    assert [hit[:2] for hit in found(text, f"{entry} | {HEAD} | | r")] == [(word, matched)]


def test_a_segmented_word_is_found_where_it_is_a_word() -> None:
    assert found("他卖大麻", f"大麻 | {HEAD} | 分词 | r")


def test_the_longest_of_nested_words_is_reported() -> None:
    assert [hit[0] for hit in found("加我微信", f"微信 | {HEAD} | | r", f"加我微信 | {HEAD} | | r")] == ["加我微信"]


def test_the_role_decides_what_applies() -> None:
    assert {hit.category for hit in scan("我要投诉你们", shipped_lexicon(), role="customer")} == {"complaint_risk"}
    assert scan("我要投诉你们", shipped_lexicon(), role="staff") == []
    assert {hit.category for hit in scan("爱买不买", shipped_lexicon(), role="staff")} == {"service_attitude"}
    assert scan("爱买不买", shipped_lexicon(), role="customer") == []


def test_a_hit_says_why_in_words_of_the_lexicon() -> None:
    [hit] = scan("您加微信吧", lexicon_of(f"加微信 | {HEAD} | | 引到私人账号"), role="staff")
    assert hit == Hit("abuse", "high", "加微信", "加微信", 1, 4, (), "引到私人账号", "abuse/加微信")


WORDS = ("加微信", "转账", "大麻", "返现红包", "扣扣", "vx")
PIECES = st.sampled_from([*"加微信转账轉賬大麻烦返现红包扣家薇 ，.*😀\u200bvxVＸ1", "\ud800", "嗯"])


@given(text=st.lists(PIECES, max_size=30).map("".join) | st.text(max_size=60))
def test_any_text_is_answered_and_every_span_quotes_it(text: str) -> None:
    for lexicon in (shipped_lexicon(), lexicon_of(*(f"{word} | {HEAD} | 同音;拼音 | r" for word in WORDS))):
        for role in ("staff", "customer"):
            for hit in scan(text, lexicon, role=role):
                assert hit.matched == text[hit.start : hit.end] != ""


@given(
    before=st.text("好的呢，。 嗯", max_size=8),
    word=st.sampled_from(WORDS[:5]),
    after=st.text("好的呢，。 嗯", max_size=8),
)
def test_the_engine_finds_what_a_naive_search_finds(before: str, word: str, after: str) -> None:
    """The oracle is ``in``: a word written plainly between Chinese characters is never missed."""
    text = before + word + after
    lexicon = lexicon_of(*(f"{one} | {HEAD} | | r" for one in WORDS))
    naive = {(one, text.find(one)) for one in WORDS if one in text}
    assert naive <= {(hit.word, hit.start) for hit in scan(text, lexicon, role="staff")}


@given(text=st.lists(PIECES, max_size=24).map("".join))
@example(text="vx\ud800v")  # half a surrogate pair ends a word, folded or not
def test_folding_first_finds_no_less(text: str) -> None:
    """What is found in a text is still found when somebody else has already simplified and lowered it."""
    from compliance.streams import folded_of  # noqa: PLC0415  # used by this property only

    lexicon = lexicon_of(*(f"{word} | {HEAD} | | r" for word in WORDS))
    words = {hit.word for hit in scan(text, lexicon, role="staff")}
    assert words <= {hit.word for hit in scan(folded_of(text), lexicon, role="staff")}


@given(
    lines=st.permutations([f"{word} | {HEAD} | | r" for word in WORDS]), text=st.lists(PIECES, max_size=20).map("".join)
)
def test_the_order_of_entries_is_irrelevant(lines: list[str], text: str) -> None:
    plain = [f"{word} | {HEAD} | | r" for word in WORDS]
    assert scan(text, lexicon_of(*lines), role="staff") == scan(text, lexicon_of(*plain), role="staff")
