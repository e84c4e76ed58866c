"""The lexicon files: what operators may write, and what they are told when they err."""

import pytest

from compliance import CATEGORIES, LexiconError, parse, shipped_lexicon
from compliance.lexicon import LEXICON_FOLDER
from compliance.lint import lint

CATEGORY_IDS = {
    "superlative", "off_platform", "abuse", "guarantee", "medical_claim",
    "review_bribe", "contact_leak", "privacy", "complaint_risk", "service_attitude",
}  # fmt: skip


def test_every_category_ships_a_reviewed_file() -> None:
    assert {category.id for category in CATEGORIES} == CATEGORY_IDS
    assert {path.stem for path in LEXICON_FOLDER.glob("*.txt")} == CATEGORY_IDS


def test_every_shipped_entry_has_a_reason() -> None:
    assert all(entry.reason for entry in shipped_lexicon().entries)


def test_every_shipped_file_explains_its_format_at_its_head() -> None:
    for path in LEXICON_FOLDER.glob("*.txt"):
        assert "词 | 程度" in path.read_text(encoding="utf-8")[:400], path.name


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("加微信", "应有五格"),
        ("加微信 | 很高 | 客服 | | 理由", "程度只能是"),
        ("加微信 | 高 | 老板 | | 理由", "对谁只能是"),
        ("加微信 | 高 | 客服 | |", "缺少理由"),
        ("加微信 | 高 | 客服 | 模糊 | 理由", "不认识选项「模糊」"),
        ("加微信 | 高 | 客服 | 写法= | 理由", "后面没有词"),
        ("加微信 | 高 | 客服 | 同音;不同音 | 理由", "只能写一个"),
        (" | 高 | 客服 | | 理由", "词是空的"),
        ("加* | 高 | 客服 | | 理由", "不能在开头或结尾"),
        ("(加/扫微信 | 高 | 客服 | | 理由", "括号要成对"),
        ("加*微信 | 高 | 客服 | 拼音 | 理由", "不能用"),
        ("~ 大麻烦", "放行的词写成"),
        ("甲乙 | 高 | 客服 | | 理由\n甲乙 | 低 | 客服 | | 理由", "已经在第 2 行写过"),
    ],
)
def test_a_mistake_is_named_with_its_file_and_line(line: str, problem: str) -> None:
    with pytest.raises(LexiconError, match=problem) as caught:
        parse({"abuse": "# 说明\n" + line})
    assert (caught.value.source, caught.value.line) == ("abuse.txt", 2 + line.count("\n"))


def test_an_unknown_category_is_refused() -> None:
    with pytest.raises(LexiconError, match="没有「rudeness」"):
        parse({"rudeness": ""})


def test_a_list_is_as_many_entries() -> None:
    lexicon = parse({"abuse": "(甲甲/乙乙) | 高 | 双方 | | 理由"})
    assert [entry.word for entry in lexicon.entries] == ["甲甲", "乙乙"]


def test_the_version_follows_the_content() -> None:
    first, second = (parse({"abuse": f"甲乙 | 高 | 双方 | | {reason}"}) for reason in ("一", "二"))
    assert first.version != second.version
    assert first.version == parse({"abuse": "甲乙 | 高 | 双方 | | 一"}).version


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("÷女 | 高 | 双方 | | r", "shrinks"),
        ("滚 | 高 | 双方 | | r", "shrinks"),
        ("扣扣 | 高 | 双方 | | r", "doubles"),
        ("tm | 高 | 双方 | | r", "short_ascii"),
        ("威信 | 高 | 双方 | 同音 | r", "short_phonetic"),
        ("转账 | 高 | 双方 | 首字母 | r", "short_initials"),
        ("~ 大麻烦 | 词", "allowed_useless"),
    ],
)
def test_the_linter_names_the_known_traps(line: str, kind: str) -> None:
    assert [trap.kind for trap in lint(parse({"abuse": line}))] == [kind]


def test_a_quiet_lexicon_raises_no_warning() -> None:
    assert lint(parse({"abuse": "大麻 | 高 | 双方 | 分词 | r\n~ 大麻烦 | 词"})) == []


def test_a_word_that_shrinks_is_sought_only_as_written() -> None:
    """Folding ÷女 to 女 once flagged a quarter of all clean lines."""
    from compliance import scan  # noqa: PLC0415  # this test only

    lexicon = parse({"abuse": "÷女 | 高 | 双方 | | r"})
    assert scan("女装", lexicon, role="staff") == []
    assert [hit.matched for hit in scan("你个÷女", lexicon, role="staff")] == ["÷女"]
