"""The world's own rules that need no socket: seeds, faults, limits, field checks, pages."""

import random
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.simulator.archive import make_key_pair
from bot.simulator.config import make_config
from bot.simulator.context import TurnableClock
from bot.simulator.faults import Fault, FaultKind, Faults
from bot.simulator.limits import CallCounter
from bot.simulator.replies import Fields, JsonObject, PlatformError, page
from bot.simulator.world import World

_PRIVATE, PUBLIC_PEM = make_key_pair()


def _day(seed: int) -> World:
    rng = random.Random(seed)
    config = make_config("http://127.0.0.1:1/", rng=rng, archive_public_keys={1: PUBLIC_PEM})
    world = World(config, clock=TurnableClock(), rng=rng)
    world.add_staff("lisi", "李四")
    world.kf_account("wk1", "客服")
    li = world.add_contact("李", staff="lisi", channel_state="box")
    world.kf_write(li, "你好", open_kfid="wk1")
    world.archive_write(li, ["lisi"], "在吗")
    return world


def test_equal_seeds_give_equal_days() -> None:
    """A failing story is repeated from its printed seed."""
    first, second, other = _day(1), _day(1), _day(2)
    assert [push.xml for push in first.callbacks.sent] == [push.xml for push in second.callbacks.sent]
    assert [push.xml for push in first.callbacks.sent] != [push.xml for push in other.callbacks.sent]
    assert first.config == second.config


def test_secrets_have_the_platforms_shapes() -> None:
    """Platform reference 0.4 and 1.1."""
    config = _day(3).config
    assert (config.corpid[:2], len(config.corpid)) == ("ww", 18)
    assert (len(config.token), len(config.encoding_aes_key), len(config.api_key)) == (32, 43, 32)


def test_an_armed_fault_strikes_its_path_as_often_as_armed() -> None:
    faults = Faults(random.Random(1))
    cut = Fault(FaultKind.CUT, effect=True)
    faults.arm("kf/send_msg", cut, times=2)
    assert [faults.take("kf/send_msg"), faults.take("kf/sync_msg"), faults.take("kf/send_msg")] == [cut, None, cut]
    assert faults.take("kf/send_msg") is None
    assert faults.struck[FaultKind.CUT] == 2


def test_a_chance_strikes_by_seed() -> None:
    def strikes(seed: int) -> list[bool]:
        faults = Faults(random.Random(seed))
        faults.sometimes("kf/", Fault(FaultKind.BUSY), 0.5)
        return [faults.take("kf/send_msg") is not None for _ in range(50)]

    assert strikes(1) == strikes(1)
    assert 10 < sum(strikes(1)) < 40


@given(per_minute=st.integers(1, 20), gaps_s=st.lists(st.integers(0, 50), max_size=60))
def test_a_counter_never_lets_more_through_than_the_limit(per_minute: int, gaps_s: list[int]) -> None:
    """Platform reference 2.4, in every calendar minute."""
    clock = TurnableClock()
    counter = CallCounter(clock)
    passed: dict[int, int] = {}
    for gap_s in gaps_s:
        clock.advance(timedelta(seconds=gap_s))
        if counter.take("path", per_minute):
            minute = int(clock().timestamp()) // 60
            passed[minute] = passed.get(minute, 0) + 1
    assert all(count <= per_minute for count in passed.values())


@given(count=st.integers(0, 30), limit=st.integers(1, 10))
def test_pages_show_every_row_once(count: int, limit: int) -> None:
    """Platform reference 0.3: the empty cursor is the end."""
    rows: list[JsonObject] = [{"n": n} for n in range(count)]
    seen: list[JsonObject] = []
    cursor = ""
    while True:
        shown, cursor = page(rows, cursor=cursor, limit=limit)
        seen += shown
        if not cursor:
            break
    assert seen == rows


@pytest.mark.parametrize("cursor", ["x", "CUR_", "CUR_zz", "CUR_ffffff", "CUR_-1"])
def test_a_cursor_nobody_issued_is_refused(cursor: str) -> None:
    with pytest.raises(PlatformError) as refused:
        page([{"n": 1}], cursor=cursor, limit=1)
    assert refused.value.errcode == 50100


@pytest.mark.parametrize(
    ("values", "errcode"),
    [
        ({}, 44004),
        ({"content": ""}, 44004),
        ({"content": 5}, 40058),
        ({"content": "好好"}, 45002),
        ({"content": "好"}, None),
    ],
)
def test_a_text_is_checked_for_presence_type_and_bytes(values: dict[str, object], errcode: int | None) -> None:
    """Platform reference 0.3: lengths are bytes, a Chinese character counts three."""
    assert _code_of(lambda: Fields(values).text("content", missing=44004, bytes_max=5)) == errcode


@given(value=st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers())))
def test_an_integer_is_in_range_or_refused(value: object) -> None:
    fields = Fields({"limit": value})
    if _code_of(lambda: fields.integer("limit", 50, low=1, high=100)) is None:
        assert 1 <= fields.integer("limit", 50, low=1, high=100) <= 100
    else:
        assert not isinstance(value, int) or isinstance(value, bool) or value not in range(1, 101)


def _code_of(read: Callable[[], object]) -> int | None:
    """The errcode a reader refuses with, or None."""
    try:
        read()
    except PlatformError as error:
        return error.errcode
    return None


def test_verbs_that_make_no_sense_are_refused_to_the_story() -> None:
    """A story's mistake is told at once, not found at the end of the day."""
    world = _day(1)
    (li,) = world.contacts.people
    with pytest.raises(ValueError, match="already follows"):
        world.add_contact("李", staff="lisi", external_userid=li)
    with pytest.raises(ValueError, match="add_person or add_contact"):
        world.kf_write("wm_nobody", "你好", open_kfid="wk1")
    with pytest.raises(ValueError, match="exactly one receiver"):
        world.archive_write(li, ["lisi", "wang"], "你好")
    with pytest.raises(PlatformError):
        world.add_contact("王", staff="nobody")
