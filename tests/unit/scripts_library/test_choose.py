"""Which script a customer gets, and why."""

import random
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from scripts_library.choose import Script, choose

NOON = datetime(2025, 6, 1, 4, 0, tzinfo=UTC)  # 12:00 in Beijing
NIGHT = datetime(2025, 6, 1, 15, 30, tzinfo=UTC)  # 23:30


def script(code: str, **more: str | int | bool | None) -> Script:
    return Script(code, "welcome", f"标题 {code}", "您好", **more)  # type: ignore[arg-type]  # a test's shorthand


DEFAULT = script("default")
SPRING = script("spring", channel_state="spring")
AT_NIGHT = script("night", opens=22 * 60, closes=8 * 60)


def chosen(*scripts: Script, state: str | None = None, at: datetime | None = NOON) -> str | None:
    choice = choose(scripts, kind="welcome", channel_state=state, at=at)
    return choice.script.code if choice.script else None


def test_the_channels_own_script_goes_before_the_default() -> None:
    assert chosen(DEFAULT, SPRING, state="spring") == "spring"
    assert chosen(DEFAULT, SPRING, state="summer") == "default"
    assert chosen(DEFAULT, SPRING) == "default"
    assert chosen(DEFAULT, SPRING, state="") == "default"


def test_a_window_holds_in_beijing_time_and_may_cross_midnight() -> None:
    assert chosen(DEFAULT, AT_NIGHT, at=NIGHT) == "night"
    assert chosen(DEFAULT, AT_NIGHT, at=NOON) == "default"
    assert chosen(DEFAULT, AT_NIGHT, at=None) == "default"
    assert chosen(AT_NIGHT, at=NOON) is None


def test_the_channel_counts_more_than_the_window() -> None:
    assert chosen(AT_NIGHT, SPRING, state="spring", at=NIGHT) == "spring"


def test_a_script_switched_off_is_never_chosen() -> None:
    assert chosen(DEFAULT, script("spring", channel_state="spring", enabled=False), state="spring") == "default"


def test_another_kind_is_never_chosen() -> None:
    assert choose([DEFAULT], kind="kf_bound").script is None


def test_the_reason_names_the_rule_and_the_nearest_miss() -> None:
    choice = choose([DEFAULT, SPRING], kind="welcome", channel_state="spring", at=NOON)
    assert choice.why == (
        "渠道 spring 的专用话术，优先于默认话术",
        "最接近的另一条：「标题 default」（default）是默认话术，渠道专用的优先",
    )
    off = script("spring", channel_state="spring", enabled=False)
    assert choose([DEFAULT, off], kind="welcome", channel_state="spring", at=NOON).why == (
        "渠道 spring 没有可用的专用话术，使用默认话术",
        "最接近的另一条：「标题 spring」（spring）已停用",
    )
    assert "只在 22:00–08:00 使用" in choose([DEFAULT, AT_NIGHT], kind="welcome", at=NOON).why[1]
    assert choose([], kind="welcome").why == ("没有可用的「欢迎语」话术",)


scripts = st.lists(
    st.builds(
        Script,
        code=st.text("abc", min_size=1, max_size=3),
        kind=st.sampled_from(["welcome", "kf_bound"]),
        title=st.just("标题"),
        body=st.just("您好"),
        channel_state=st.sampled_from([None, "spring", "summer"]),
        opens=st.sampled_from([None, 0, 600, 1320]),
        closes=st.sampled_from([None, 480, 1439]),
        enabled=st.booleans(),
    ),
    unique_by=lambda one: one.code,
    max_size=8,
)


@given(scripts, st.sampled_from([None, "spring", "summer"]), st.sampled_from([None, NOON, NIGHT]), st.randoms())
def test_order_does_not_matter_and_the_choice_is_always_usable(
    listed: list[Script], state: str | None, at: datetime | None, dice: random.Random
) -> None:
    choice = choose(listed, kind="welcome", channel_state=state, at=at)
    mixed = list(listed)
    dice.shuffle(mixed)
    assert choose(mixed, kind="welcome", channel_state=state, at=at) == choice
    assert choice.why
    if choice.script is not None:
        assert choice.script.enabled
        assert choice.script.kind == "welcome"
        assert choice.script.channel_state in {None, state}
