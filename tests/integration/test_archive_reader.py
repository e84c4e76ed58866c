"""The archive from pull to inbox: nothing skipped, nothing doubled, poison put aside, gaps written down."""

import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from native import stand_in
from native.stand_in import Script, sealed, text_message
from sqlalchemy import select

from bot.archive import reader
from bot.archive.decoder import Limits
from bot.archive.errors import Again, DecoderDied, Gone
from bot.archive.finance_sdk import Account
from bot.archive.ledger import EXPIRED, JUMP, Hole, Ledger, Range, get_ledger
from bot.archive.reader import ArchiveReader
from bot.archive.sdk_source import FinanceSdkSource
from bot.archive.source import KeyRing, Locked, Opened, Sealed
from bot.archive.tables import ArchiveMedia, Envelope
from bot.mailbox import Lane, Mail
from kernel.database import Database

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
needs_compiler = pytest.mark.skipif(stand_in.ABSENT is not None, reason=stand_in.ABSENT or "")


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


class Shelf:
    """A source of numbers alone: what WeCom still has."""

    def __init__(self, *seqs: int) -> None:
        self.seqs, self.refuses_below = list(seqs), 0

    async def fetch(self, seq: int, *, limit: int) -> list[Sealed]:
        if 0 < seq < self.refuses_below:
            raise Gone("getchatdata", 10010)
        return [Sealed(one, f"m{one}", 1, "", "") for one in self.seqs if one > seq][:limit]

    async def decrypt(self, locked: Sequence[Locked]) -> list[Opened]:
        assert not locked, "nothing here has a key"
        return []


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def script(tmp_path: Path) -> Script:
    return Script(tmp_path / "script")


@pytest.fixture
async def source(script: Script) -> AsyncIterator[FinanceSdkSource]:
    account = Account(script.corpid, "secret")
    async with FinanceSdkSource(stand_in.library(), account, limits=Limits(decrypt_s=0.5)) as source:
        yield source


def keys() -> KeyRing:
    key = stand_in.private_key()
    assert isinstance(key, rsa.RSAPrivateKey)
    return KeyRing({1: key})


async def drain(one: ArchiveReader) -> None:
    while await one.pull():
        pass
    while await one.open_waiting():
        pass


async def read_ledger(database: Database, clock: Clock) -> Ledger:
    async with database.read() as db:
        return await get_ledger(db, now=clock())


async def inbox(database: Database) -> list[str]:
    async with database.read() as db:
        rows = await db.scalars(select(Mail).where(Mail.lane == Lane.MESSAGES).order_by(Mail.id))
        return [row.payload["text"]["content"] for row in rows]


@needs_compiler
async def test_poison_is_put_aside_and_everything_else_arrives(
    database: Database, source: FinanceSdkSource, script: Script, clock: Clock
) -> None:
    """One message that crashes the vendor's library must not cost the others."""
    script.records(
        0,
        {
            1: sealed(text_message("a", "一")),
            2: "crash:",
            3: sealed(text_message("b", "二")),
            4: "hang:",
            5: "code:10006",
            6: f"ok:{stand_in.RANDOM_KEY}:{{not json",
            7: sealed(text_message("a", "一")),  # the platform repeats messages under a new seq
        },
    )
    script.records(7, {8: sealed(text_message("c", "三"))})
    archive = ArchiveReader(database, source, keys(), clock=clock)
    await drain(archive)
    assert await inbox(database) == ["一", "二", "三"]
    ledger = await read_ledger(database, clock)
    assert ledger.counts == {"opened": 3, "quarantined": 4, "duplicate": 1}
    assert ledger.quarantined == (6, 5, 4, 2)
    assert ledger.ranges == (Range(1, 8),)
    assert ledger.holes == ()
    assert ledger.lag == timedelta(0)
    async with database.read() as db:
        reasons = {row.seq: row.reason for row in await db.scalars(select(Envelope).where(Envelope.reason != ""))}
    assert "2 次" in reasons[2]
    assert "2 次" in reasons[4]
    assert "10006" in reasons[5]


@needs_compiler
async def test_quarantine_opens_later_when_the_key_has_come(
    database: Database, source: FinanceSdkSource, script: Script, clock: Clock
) -> None:
    script.records(0, {1: sealed(text_message("a", "一"))})
    await drain(ArchiveReader(database, source, KeyRing({}), clock=clock))
    assert (await read_ledger(database, clock)).counts == {"quarantined": 1}
    async with database.write() as db:
        assert await reader.try_again(db) == 1
    await drain(ArchiveReader(database, source, keys(), clock=clock))
    assert await inbox(database) == ["一"]


@needs_compiler
async def test_an_odd_record_does_not_stop_its_page(
    database: Database, source: FinanceSdkSource, script: Script, clock: Clock
) -> None:
    """What no column can hold would otherwise be fetched, and fail, for ever."""
    odd = {"seq": 1, "msgid": "\ud800\0" + "x" * 500, "publickey_ver": 2**40, "encrypt_random_key": 3}
    good = stand_in.record(2, sealed(text_message("a", "一") | {"roomid": "r" * 300}))
    script.page(0, json.dumps({"chatdata": [odd, good, {"seq": 2**64, "msgid": "beyond"}]}))
    await drain(ArchiveReader(database, source, keys(), clock=clock))
    assert (await read_ledger(database, clock)).counts == {"opened": 1, "quarantined": 1}
    assert await inbox(database) == ["一"]


@needs_compiler
async def test_faults_of_the_network_and_the_library_cost_nothing(
    database: Database, source: FinanceSdkSource, script: Script, clock: Clock
) -> None:
    script.records(0, {1: sealed(text_message("a", "一"))})
    script.plan("GetChatData 10001", "GetChatData crash")
    archive = ArchiveReader(database, source, keys(), clock=clock)
    for error in (Again, DecoderDied):
        with pytest.raises(error):
            await archive.pull()
    await drain(archive)
    assert await inbox(database) == ["一"]


@needs_compiler
async def test_messages_wait_while_the_decoder_rests(
    database: Database, script: Script, clock: Clock, tmp_path: Path
) -> None:
    script.records(0, {1: "crash:", 2: sealed(text_message("a", "一"))})
    now = 0.0
    account, limits = Account(script.corpid, "secret"), Limits(starts_max=1)
    async with FinanceSdkSource(stand_in.library(), account, limits=limits, monotonic=lambda: now) as source:
        archive = ArchiveReader(database, source, keys(), clock=clock)
        await archive.pull()
        assert await archive.open_waiting() == 0
        assert (await read_ledger(database, clock)).counts == {"waiting": 2}
        now = 61.0
        assert await archive.open_waiting() == 1  # the second death settles the first message
        now = 122.0
        await drain(archive)
    assert await inbox(database) == ["一"]


@needs_compiler
async def test_files_of_messages_are_written_down_once(
    database: Database, source: FinanceSdkSource, script: Script, clock: Clock
) -> None:
    picture = text_message("a", "") | {"msgtype": "image", "image": {"md5sum": "", "filesize": 3, "sdkfileid": "f"}}
    script.records(0, {1: sealed(picture), 2: sealed(picture | {"msgid": "b"})})
    await drain(ArchiveReader(database, source, keys(), clock=clock))
    async with database.read() as db:
        (wish,) = (await db.scalars(select(ArchiveMedia))).all()
    assert (wish.sdkfileid, wish.kind, wish.message_key, wish.state) == ("f", "image", "archive:a", "waiting")


async def test_a_silence_of_five_days_is_written_down_as_lost(database: Database, clock: Clock) -> None:
    """WeCom says nothing: the stream just goes on later. Only the numbers tell."""
    shelf = Shelf(1, 2, 3)
    archive = ArchiveReader(database, shelf, KeyRing({}), clock=clock)
    await drain(archive)
    clock.now += timedelta(days=6)
    assert (await read_ledger(database, clock)).alarm
    shelf.seqs = []
    await drain(archive)  # the first answer after the outage is empty: that proves nothing
    clock.now += timedelta(minutes=1)
    shelf.seqs = [9, 10]
    await drain(archive)
    ledger = await read_ledger(database, clock)
    assert ledger.lost == (Hole(3, 9, EXPIRED, NOW),)
    assert ledger.lost[0].missing == 5
    assert ledger.ranges == (Range(1, 3), Range(9, 10))
    assert ledger.progress.silent_since is None
    assert not ledger.alarm


async def test_a_jump_without_an_outage_is_only_noted(database: Database, clock: Clock) -> None:
    shelf = Shelf(1, 4)
    archive = ArchiveReader(database, shelf, KeyRing({}), clock=clock)
    await drain(archive)
    clock.now += timedelta(days=4)
    shelf.seqs += [8]
    await drain(archive)
    ledger = await read_ledger(database, clock)
    assert ledger.holes == (Hole(1, 4), Hole(4, 8, JUMP))
    assert ledger.lost == ()


async def test_a_refused_cursor_goes_on_with_what_is_left(database: Database, clock: Clock) -> None:
    shelf = Shelf(1, 2)
    archive = ArchiveReader(database, shelf, KeyRing({}), clock=clock)
    await drain(archive)
    clock.now += timedelta(days=30)
    shelf.seqs, shelf.refuses_below = [50, 51], 50
    await drain(archive)
    assert (await read_ledger(database, clock)).lost == (Hole(2, 50, EXPIRED, NOW),)


async def test_an_empty_archive_has_an_empty_ledger(database: Database, clock: Clock) -> None:
    ledger = await read_ledger(database, clock)
    assert (ledger.stored, ledger.ranges, ledger.lag, ledger.alarm) == (0, (), None, False)
