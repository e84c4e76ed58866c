"""The shipped library on lines of chat as customers write them: no change of a rule may make it worse unnoticed.

The library was tuned on these lines, so the figures are a floor for regressions, not a claim about new text.
"""

from pathlib import Path

from tagger import shipped_library, suggest

CASES = Path(__file__).parent / "chat_cases.txt"
REQUIRED = {
    "高意向",
    "观望",
    "比价砍价",
    "敏感肌",
    "油皮",
    "干皮",
    "混合皮",
    "美白",
    "祛痘",
    "抗老",
    "补水",
    "防晒",
    "宝妈",
    "孕妇",
    "学生",
    "送礼",
    "大码",
    "小个子",
    "退换货",
    "催物流",
    "质量问题",
}
PRECISION_MIN = 0.97
RECALL_MIN = 0.97


def test_precision_and_recall_on_known_lines_stay_where_they_are() -> None:
    right = extra = missing = 0
    wrong: list[str] = []
    for line in CASES.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        text, _, tags = line.partition("|")
        expected = set(tags.split())
        found = {s.tag for s in suggest(text, shipped_library(), speaker="customer")} & REQUIRED
        right += len(found & expected)
        extra += len(found - expected)
        missing += len(expected - found)
        if found != expected:
            wrong.append(f"{text}: expected {sorted(expected)}, found {sorted(found)}")
    assert right / (right + extra) >= PRECISION_MIN, wrong
    assert right / (right + missing) >= RECALL_MIN, wrong
