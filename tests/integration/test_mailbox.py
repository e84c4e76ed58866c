"""The durable mailbox, on both databases: nothing lost, nothing doubled, in order, recoverable."""

from datetime import UTC, datetime, timedelta

import pytest

from bot import mailbox
from bot.mailbox import Item, Lane, LeaseLost, Mail, Priority, State
from kernel.database import Database

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)


async def put(database: Database, key: str, **more: object) -> bool:
    async with database.write() as db:
        return await mailbox.put(db, Lane.EVENTS, "kind", {"key": key}, key=key, now=NOW, **more)  # type: ignore[arg-type]  # keywords of put


async def claim(database: Database, *, now: datetime = NOW, worker: str = "w1", limit: int = 10) -> list[Item]:
    async with database.write() as db:
        return await mailbox.claim(db, Lane.EVENTS, now=now, worker=worker, limit=limit)


async def state_of(database: Database, item: Item) -> tuple[str, dict[str, object]]:
    async with database.read() as db:
        row = await db.get_one(Mail, item.id)
        return row.state, row.payload


async def test_a_repeat_under_the_same_key_changes_nothing(database: Database) -> None:
    assert await put(database, "a") is True
    assert await put(database, "a") is False
    assert [item.key for item in await claim(database)] == ["a"]


async def test_many_at_once_report_only_what_is_new(database: Database) -> None:
    await put(database, "a")
    letters = [mailbox.Letter("kind", {}, key) for key in ("a", "b", "c", "b")]
    async with database.write() as db:
        assert await mailbox.put_many(db, Lane.EVENTS, letters, now=NOW) == {"b", "c"}


async def test_what_is_urgent_comes_first_then_what_came_first(database: Database) -> None:
    await put(database, "bulk", priority=Priority.BULK)
    await put(database, "first")
    await put(database, "second")
    await put(database, "welcome", priority=Priority.URGENT)
    assert [item.key for item in await claim(database)] == ["welcome", "first", "second", "bulk"]


async def test_one_contacts_items_are_handed_out_strictly_in_order(database: Database) -> None:
    for key, subject in (("li-1", "li"), ("li-2", "li"), ("wang-1", "wang")):
        await put(database, key, subject=subject)
    first = await claim(database)
    assert [item.key for item in first] == ["li-1", "wang-1"]
    assert await claim(database) == []
    async with database.write() as db:
        await mailbox.done(db, first[0], now=NOW)
    assert [item.key for item in await claim(database)] == ["li-2"]


async def test_a_claimed_item_is_nobody_elses_until_its_lease_ends(database: Database) -> None:
    await put(database, "a")
    await claim(database)
    assert await claim(database, worker="w2") == []
    assert len(await claim(database, now=NOW + mailbox.LEASE, worker="w2")) == 1


async def test_a_worker_that_outlived_its_lease_cannot_finish(database: Database) -> None:
    """Its effects roll back with it: the late write is refused."""
    await put(database, "a")
    (stale,) = await claim(database)
    await claim(database, now=NOW + mailbox.LEASE, worker="w2")

    async def finish_late() -> None:
        async with database.write() as db:
            await mailbox.put(db, Lane.CALLS, "effect", {}, key="effect", now=NOW)
            await mailbox.done(db, stale, now=NOW)

    with pytest.raises(LeaseLost):
        await finish_late()
    async with database.read() as db:
        assert await mailbox.waiting_count(db, Lane.CALLS) == 0


async def test_what_a_dead_worker_held_is_given_back_at_once(database: Database) -> None:
    await put(database, "a")
    async with database.write() as db:
        await mailbox.beat(db, "w1", host="here", pid=111, now=NOW)
        await mailbox.beat(db, "w2", host="here", pid=222, now=NOW)
    await claim(database, worker="w1")
    async with database.write() as db:
        assert await mailbox.bury(db, host="here", lives=lambda pid: pid == 222, now=NOW) == ["w1"]
    assert len(await claim(database, worker="w2")) == 1


async def test_a_silent_worker_elsewhere_is_given_up_after_missed_beats(database: Database) -> None:
    await put(database, "a")
    async with database.write() as db:
        await mailbox.beat(db, "far", host="there", pid=1, now=NOW)
    await claim(database, worker="far")
    for waited, dead in ((timedelta(seconds=5), []), (timedelta(seconds=16), ["far"])):
        async with database.write() as db:
            assert await mailbox.bury(db, host="here", lives=lambda _pid: False, now=NOW + waited) == dead


async def test_retries_pause_longer_each_time_and_end_as_a_dead_letter(database: Database) -> None:
    await put(database, "a")
    now = NOW
    state = State.WAITING
    pauses = []
    for _ in range(mailbox.ATTEMPTS_MAX):
        (item,) = await claim(database, now=now)
        async with database.write() as db:
            state = await mailbox.retry_later(db, item, "WeCom is busy", now=now)
            due = await mailbox.next_due_at(db, Lane.EVENTS)
        if due is not None:
            pauses.append(due - now)
            now = due
    assert state is State.DEAD
    assert pauses == sorted(pauses)
    assert pauses[0] == mailbox.PAUSE_FIRST
    assert pauses[-1] <= mailbox.PAUSE_MAX


async def test_a_dead_letter_can_be_replayed_by_a_person(database: Database) -> None:
    await put(database, "a")
    (item,) = await claim(database)
    async with database.write() as db:
        await mailbox.give_up(db, item, "unreadable", now=NOW)
    assert await claim(database, now=NOW + timedelta(days=1)) == []
    async with database.write() as db:
        assert await mailbox.replay(db, item.id, now=NOW)
    (again,) = await claim(database)
    assert again.payload == {"key": "a"}


async def test_a_finished_message_leaves_no_content_behind(database: Database) -> None:
    await put(database, "a")
    (item,) = await claim(database)
    async with database.write() as db:
        await mailbox.done_many(db, [item], now=NOW, keep_payload=False)
    assert await state_of(database, item) == (State.DONE, {})
