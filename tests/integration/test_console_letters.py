"""What a person does about stuck items and envelopes, on both back ends."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from bot import mailbox
from bot.archive.tables import Envelope
from bot.console import letters
from bot.mailbox import Lane, Mail, State
from kernel.database import Database

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


async def add_item(database: Database, state: State) -> int:
    async with database.write() as db:
        await mailbox.put(db, Lane.CALLS, "send_kf", {"text": "…"}, key="one", now=NOW)
        await db.execute(update(Mail).values(state=state, error="45009：太频繁", attempts=12, finished_at=NOW))
        return (await db.scalars(select(Mail.id))).one()


async def read_item(database: Database) -> Mail:
    async with database.read() as db:
        return (await db.scalars(select(Mail))).one()


@pytest.mark.parametrize("state", [State.DEAD, State.EXPIRED, State.IGNORED])
async def test_a_stuck_item_is_replayed_from_the_start_and_its_worker_is_woken(
    database: Database, state: State
) -> None:
    item_id = await add_item(database, state)
    woken: set[str] = set()
    database.after_commit = woken.update
    async with database.write() as db:
        assert await letters.replay(db, item_id, now=LATER)
    item = await read_item(database)
    assert (item.state, item.attempts, item.error, item.due_at) == (State.WAITING, 0, None, LATER)
    assert woken == {Lane.CALLS}


@pytest.mark.parametrize("state", [State.WAITING, State.DONE])
async def test_what_is_not_stuck_stays_as_it_is(database: Database, state: State) -> None:
    item_id = await add_item(database, state)
    async with database.write() as db:
        assert not await letters.replay(db, item_id, now=LATER)
        assert not await letters.drop(db, item_id, by="店长", now=LATER)
    assert (await read_item(database)).state == state


async def test_an_item_let_go_keeps_who_did_it_and_why_it_had_failed(database: Database) -> None:
    item_id = await add_item(database, State.DEAD)
    async with database.write() as db:
        assert await letters.drop(db, item_id, by="店长", now=LATER)
    item = await read_item(database)
    assert item.state == State.IGNORED
    assert item.error == "店长放弃了重试。原因：45009：太频繁"


async def test_quarantined_envelopes_wait_again(database: Database) -> None:
    async with database.write() as db:
        for seq, state in ((1, "quarantined"), (2, "opened"), (3, "quarantined")):
            db.add(
                Envelope(
                    seq=seq,
                    msgid=f"m{seq}",
                    publickey_ver=1,
                    encrypt_random_key="",
                    encrypt_chat_msg="",
                    state=state,
                    reason="没有第 1 版私钥",
                    fetched_at=NOW,
                )
            )
    async with database.write() as db:
        assert await letters.open_again(db) == 2
    async with database.read() as db:
        states = list(await db.scalars(select(Envelope.state).order_by(Envelope.seq)))
    assert states == ["waiting", "opened", "waiting"]
