"""How often, how many at once, and when to stop calling: bought with a clock that only the test turns."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.wecom.errors import Throttled, Unreachable
from bot.wecom.limits import (
    FAILURES_MAX,
    HALVED_FOR,
    MINUTE,
    OPEN_FOR,
    Breaker,
    Bucket,
    Budget,
    Budgets,
    Gate,
    Limits,
    parse_limits,
    shipped_limits,
)

START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = START
        self.slept: list[float] = []

    def __call__(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Time passes by sleeping, and only so."""
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)
        await asyncio.sleep(0)


@given(
    limit=st.integers(1, 400),
    steps=st.lists(st.tuples(st.floats(0, 30), st.integers(1, 60)), min_size=1, max_size=40),
)
def test_no_minute_ever_sees_more_calls_than_its_budget(limit: int, steps: list[tuple[float, int]]) -> None:
    """The platform counts natural minutes; ours holds for every window of 60 seconds."""
    bucket, now = Bucket(limit, MINUTE), START
    sent: list[datetime] = []
    for pause, wanted in steps:
        now += timedelta(seconds=pause)
        for _ in range(wanted):
            if not bucket.wait(now):
                bucket.take(now)
                sent.append(now)
    for at in sent:
        assert sum(at <= other < at + MINUTE for other in sent) <= limit


@given(limit=st.integers(1, 5000))
def test_who_waits_as_told_may_go(limit: int) -> None:
    bucket, now = Bucket(limit, MINUTE), START
    for _ in range(20):
        now += bucket.wait(now) + timedelta(microseconds=1)
        assert not bucket.wait(now)
        bucket.take(now)


async def test_a_short_wait_is_waited_and_a_long_one_is_refused_with_its_length() -> None:
    clock = Clock()
    budgets = Budgets(Limits(Budget(60, 10_000), {"slow": Budget(1, 100)}, 8), clock=clock, sleep=clock.sleep)
    for _ in range(8):
        await budgets.take("quick")
    assert len(clock.slept) == 2  # six at once, then a little patience each
    assert sum(clock.slept) < 5
    await budgets.take("slow")
    with pytest.raises(Throttled) as refusal:
        await budgets.take("slow")
    assert refusal.value.retry_after is not None
    assert refusal.value.retry_after > timedelta(seconds=50)


async def test_45009_closes_one_path_for_a_minute_and_no_other() -> None:
    clock = Clock()
    budgets = Budgets(shipped_limits(), clock=clock, sleep=clock.sleep)
    budgets.close("kf/sync_msg")
    clock.now += timedelta(seconds=20)
    with pytest.raises(Throttled) as refusal:
        await budgets.take("kf/sync_msg")
    assert refusal.value.retry_after == timedelta(seconds=40)
    await budgets.take("externalcontact/send_welcome_msg")
    clock.now += timedelta(seconds=40)
    await budgets.take("kf/sync_msg")


async def test_a_full_path_never_holds_up_another() -> None:
    """A bulk read must not make a welcome message wait."""
    gate = Gate(2, clock=Clock())
    most, inside = 0, 0
    done = asyncio.Event()

    async def call() -> None:
        nonlocal most, inside
        async with gate.enter("externalcontact/get"):
            inside += 1
            most = max(most, inside)
            await done.wait()
            inside -= 1

    calls = [asyncio.create_task(call()) for _ in range(6)]
    for _ in range(5):
        await asyncio.sleep(0)
    async with gate.enter("externalcontact/send_welcome_msg"):
        done.set()
    await asyncio.gather(*calls)
    assert most == 2


async def test_45033_halves_what_is_on_its_way_for_a_while() -> None:
    clock = Clock()
    gate = Gate(8, clock=clock)
    gate.halve("externalcontact/get")
    assert (gate.room("externalcontact/get"), gate.room("kf/sync_msg")) == (4, 8)
    clock.now += HALVED_FOR
    assert gate.room("externalcontact/get") == 8


async def test_a_cancelled_waiter_takes_no_place() -> None:
    gate = Gate(1, clock=Clock())
    async with gate.enter("p"):
        waiter = asyncio.create_task(gate.enter("p").__aenter__())
        await asyncio.sleep(0)
        waiter.cancel()
        await asyncio.gather(waiter, return_exceptions=True)
    async with gate.enter("p"):
        pass


def test_after_failures_in_a_row_calls_stop_and_one_probe_decides() -> None:
    clock = Clock()
    breaker = Breaker(clock=clock)
    for _ in range(FAILURES_MAX):
        breaker.check("p")
        breaker.failed()
    with pytest.raises(Unreachable) as refusal:
        breaker.check("p")
    assert refusal.value.retry_after == OPEN_FOR
    clock.now += OPEN_FOR
    breaker.check("p")  # the probe
    with pytest.raises(Unreachable):
        breaker.check("p")  # nobody beside it
    breaker.failed()
    with pytest.raises(Unreachable):
        breaker.check("p")
    clock.now += OPEN_FOR
    breaker.check("p")
    breaker.answered()
    breaker.check("p")


def test_an_answer_between_failures_keeps_calls_going() -> None:
    breaker = Breaker(clock=Clock())
    for _ in range(FAILURES_MAX * 2):
        breaker.failed()
        breaker.answered()
    assert not breaker.is_open


def test_the_shipped_limits_leave_room_and_know_the_scarce_paths() -> None:
    limits = shipped_limits()
    assert limits.budget("externalcontact/get") == Budget(8000, 120_000)
    assert limits.budget("ticket/get").per_hour < 100
    assert limits.at_once == 8


@pytest.mark.parametrize("text", ["", "default: {}", "share: 2\ndefault: {per_minute: 1, per_hour: 1}\nat_once: 1"])
def test_a_file_that_is_no_limits_file_is_refused(text: str) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        parse_limits(text)
