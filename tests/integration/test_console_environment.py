"""What templates write: amounts, moments in Beijing time, names of platforms, labels of cells."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from bot.console.environment import (
    STATIC,
    format_ago,
    format_bytes,
    format_moment,
    format_percent,
    format_yuan,
    label_cells,
    make_environment,
)

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)  # 10:00 in Beijing


@pytest.mark.parametrize(
    ("fen", "written"),
    [(0, "¥0.00"), (5, "¥0.05"), (123, "¥1.23"), (1234567, "¥12,345.67"), (-188, "-¥1.88"), (None, "—")],
)
def test_amounts_are_written_in_yuan_to_the_fen(fen: int | None, written: str) -> None:
    assert format_yuan(fen) == written


@pytest.mark.parametrize(
    ("at", "written"),
    [
        (NOW, "今天 10:00"),
        (datetime(2026, 11, 21, 16, 0, tzinfo=UTC), "今天 00:00"),  # yesterday in UTC, today in Beijing
        (datetime(2026, 11, 21, 15, 59, tzinfo=UTC), "昨天 23:59"),
        (datetime(2026, 11, 22, 16, 0, tzinfo=UTC), "明天 00:00"),
        (datetime(2026, 3, 8, 4, 0, tzinfo=UTC), "3月8日 12:00"),
        (datetime(2025, 12, 31, 15, 59, tzinfo=UTC), "2025年12月31日 23:59"),
        (None, "—"),
    ],
)
def test_moments_are_told_as_staff_in_beijing_say_them(at: datetime | None, written: str) -> None:
    assert format_moment(at, now=NOW) == written


@pytest.mark.parametrize(
    ("past_s", "written"), [(3, "刚刚"), (59, "刚刚"), (60, "1 分钟前"), (7200, "2 小时前"), (86400 * 3, "3 天前")]
)
def test_how_long_ago_is_rounded_down(past_s: int, written: str) -> None:
    assert format_ago(NOW - timedelta(seconds=past_s), now=NOW) == written


def test_small_numbers_keep_their_unit() -> None:
    assert (format_percent(0.456), format_percent(None)) == ("46%", "—")
    assert (format_bytes(812), format_bytes(20480), format_bytes(None)) == ("812 B", "20.0 KB", "—")


def test_each_cell_knows_its_column_and_hostile_labels_stay_text() -> None:
    cells = label_cells(Markup("<td>a</td><td class='number'>&lt;td&gt;</td>"), [{"label": "名"}, {"label": '"><b>'}])
    assert cells == ('<td data-label="名">a</td><td data-label="&#34;&gt;&lt;b&gt;" class=\'number\'>&lt;td&gt;</td>')


def test_a_forgotten_value_is_an_error_and_not_an_empty_spot() -> None:
    with pytest.raises(UndefinedError):
        make_environment().from_string("{{ nobody_set_this }}").render()


def test_text_is_escaped_in_highlights_too() -> None:
    template = make_environment().from_string(
        '{% import "kit/kit.html" as kit %}{{ kit.highlight("<script>敏感肌", [(8, 11)]) }}'
    )
    assert template.render() == "&lt;script&gt;<mark>敏感肌</mark>"


def test_every_vendored_file_is_the_one_the_list_names() -> None:
    """Hashes in VENDORED.md are what an auditor compares."""
    listed = (STATIC / "vendor" / "VENDORED.md").read_text("utf-8")
    for path in (STATIC / "vendor").glob("*.js"):
        assert f"{sha256(path.read_bytes()).hexdigest()}  {path.name}" in listed
