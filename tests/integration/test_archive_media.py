"""Files of archived messages: whole or not there, resumed where they stopped, given up with a reason."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from native import stand_in
from native.stand_in import Script, text_message
from sqlalchemy import select, update

from bot.archive import media
from bot.archive.errors import Again
from bot.archive.finance_sdk import Account, Piece
from bot.archive.ledger import RETENTION
from bot.archive.media import LEASE, fetch_media_once, path_of, wish
from bot.archive.sdk_source import FinanceSdkSource
from bot.archive.tables import ArchiveMedia
from kernel.database import Database

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
CONTENT = bytes(range(256)) * 10 + b"\0end"
PIECE = 1000
pytestmark = pytest.mark.skipif(stand_in.ABSENT is not None, reason=stand_in.ABSENT or "")


@pytest.fixture
def script(tmp_path: Path) -> Script:
    return Script(tmp_path / "script")


@pytest.fixture
async def source(script: Script) -> AsyncIterator[FinanceSdkSource]:
    async with FinanceSdkSource(stand_in.library(), Account(script.corpid, "secret")) as source:
        yield source


class Shop:
    """The worker, its folder and a clock that only these tests turn."""

    def __init__(self, database: Database, source: media.MediaSource, folder: Path) -> None:
        self.database, self.source, self.folder, self.now = database, source, folder, NOW

    async def want(self, sdkfileid: str = "pic", *, md5: str = "") -> None:
        body = {"sdkfileid": sdkfileid, "md5sum": md5, "filesize": 1}
        async with self.database.write() as db:
            await wish(db, [text_message("m", "") | {"msgtype": "image", "image": body}], now=self.now)

    async def work(self) -> int:
        return await fetch_media_once(self.database, self.source, self.folder, clock=lambda: self.now)

    async def row(self) -> ArchiveMedia:
        async with self.database.read() as db:
            return (await db.scalars(select(ArchiveMedia))).one()

    async def wait_until_due(self) -> None:
        self.now = (await self.row()).due_at

    async def change(self, **values: object) -> None:
        async with self.database.write() as db:
            await db.execute(update(ArchiveMedia).values(**values))

    async def content(self) -> bytes | None:
        final = path_of(self.folder, (await self.row()).key)
        return final.read_bytes() if final.exists() else None

    def files(self) -> list[Path]:
        return [one for one in self.folder.rglob("*") if one.is_file()]


class Faked:
    """Every piece is what a function says."""

    def __init__(self, answer: Callable[[], Awaitable[Piece]]) -> None:
        self._answer = answer

    async def fetch_piece(self, sdkfileid: str, index: str) -> Piece:  # noqa: ARG002  # the protocol's
        return await self._answer()


@pytest.fixture
def shop(database: Database, source: FinanceSdkSource, tmp_path: Path) -> Shop:
    return Shop(database, source, tmp_path / "media")


def md5_of(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


@pytest.mark.parametrize("md5", ["", md5_of(CONTENT)])
async def test_a_file_arrives_whole(shop: Shop, script: Script, md5: str) -> None:
    script.media("pic", CONTENT, piece_bytes=PIECE)
    await shop.want(md5=md5)
    assert await shop.work() == 1
    assert await shop.content() == CONTENT
    row = await shop.row()
    assert (row.state, row.size_bytes) == ("done", len(CONTENT))
    assert len(shop.files()) == 1
    assert await shop.work() == 0


async def test_an_empty_file_is_a_file(shop: Shop, script: Script) -> None:
    script.media("pic", b"")
    await shop.want()
    await shop.work()
    assert await shop.content() == b""


async def test_an_interrupted_file_goes_on_where_it_stopped(shop: Shop, script: Script) -> None:
    """A repeat starts with the failed piece and the same index, not with the whole file."""
    script.media("pic", CONTENT, piece_bytes=PIECE)
    script.plan("GetMediaData 0", "GetMediaData 0", "GetMediaData 10001")
    await shop.want(md5=md5_of(CONTENT))
    await shop.work()
    row = await shop.row()
    assert (row.state, row.size_bytes, row.next_index) == ("waiting", 2000, "Range:bytes=2000-2999")
    assert "10001" in row.reason
    assert await shop.content() is None
    assert await shop.work() == 0  # not before its pause is over
    await shop.wait_until_due()
    await shop.work()
    assert await shop.content() == CONTENT
    assert [call for call in script.calls("GetMediaData") if call == "pic []"] == ["pic []"]


async def test_a_piece_written_before_a_crash_is_not_doubled(shop: Shop, script: Script) -> None:
    script.media("pic", CONTENT, piece_bytes=PIECE)
    script.plan("GetMediaData 0", "GetMediaData 10001")
    await shop.want(md5=md5_of(CONTENT))
    await shop.work()
    (part,) = shop.files()
    part.write_bytes(part.read_bytes() + b"written, but its place was never committed")
    await shop.wait_until_due()
    await shop.work()
    assert await shop.content() == CONTENT


async def test_lost_pieces_are_fetched_again(shop: Shop, script: Script) -> None:
    script.media("pic", CONTENT, piece_bytes=PIECE)
    script.plan("GetMediaData 0", "GetMediaData 10001")
    await shop.want()
    await shop.work()
    shop.files()[0].unlink()
    await shop.wait_until_due()
    await shop.work()
    assert await shop.content() == CONTENT


async def test_a_wrong_digest_starts_again_and_is_never_published(shop: Shop, script: Script) -> None:
    script.media("pic", b"damaged on the way", piece_bytes=PIECE)
    await shop.want(md5=md5_of(CONTENT))
    await shop.work()
    assert await shop.content() is None
    assert "MD5" in (await shop.row()).reason
    script.media("pic", CONTENT, piece_bytes=PIECE)
    await shop.wait_until_due()
    await shop.work()
    assert await shop.content() == CONTENT


async def test_a_file_past_its_five_days_is_given_up(shop: Shop) -> None:
    await shop.want("expired")
    await shop.work()
    row = await shop.row()
    assert (row.state, row.reason[:5]) == ("gone", "10010")
    assert shop.files() == []


async def test_a_file_that_crashes_the_library_twice_is_left_alone(shop: Shop, script: Script) -> None:
    script.plan("GetMediaData crash", "GetMediaData crash")
    await shop.want()
    await shop.want("fine")
    script.media("fine", b"fine")
    async with shop.database.write() as db:
        await db.execute(update(ArchiveMedia).where(ArchiveMedia.sdkfileid == "fine").values(state="held"))
    await shop.work()
    async with shop.database.read() as db:
        row = (await db.scalars(select(ArchiveMedia).where(ArchiveMedia.sdkfileid == "pic"))).one()
    assert row.state == "waiting"
    shop.now = row.due_at
    await shop.work()
    async with shop.database.write() as db:
        await db.execute(update(ArchiveMedia).where(ArchiveMedia.state == "held").values(state="waiting"))
    await shop.work()  # the next file is not held up
    async with shop.database.read() as db:
        states = {row.sdkfileid: row.state for row in await db.scalars(select(ArchiveMedia))}
    assert states == {"pic": "failed", "fine": "done"}


async def test_a_network_that_is_down_costs_a_file_nothing_for_five_days(shop: Shop) -> None:
    async def fail() -> Piece:
        raise Again("GetMediaData", 10001)

    shop.source = Faked(fail)
    await shop.want()
    while shop.now < NOW + RETENTION:
        assert (await shop.row()).state == "waiting"
        assert await shop.work() == 1
        shop.now += timedelta(hours=13)
    await shop.work()
    assert (await shop.row()).state == "failed"


async def test_a_digest_that_never_fits_is_not_fetched_for_ever(shop: Shop, script: Script) -> None:
    script.media("pic", b"damaged where it lies")
    await shop.want(md5=md5_of(CONTENT))
    for _ in range(media.DIGEST_ATTEMPTS_MAX):
        assert (await shop.row()).state == "waiting"
        assert await shop.work() == 1
        await shop.wait_until_due()
    assert (await shop.row()).state == "failed"
    assert await shop.content() is None


@pytest.mark.parametrize("piece", [Piece(b"", "more", finished=False), Piece(b"x", "", finished=False)])
async def test_a_file_without_an_end_is_given_up(shop: Shop, piece: Piece) -> None:
    async def go_on() -> Piece:
        return piece

    shop.source = Faked(go_on)
    await shop.want()
    await shop.work()
    assert (await shop.row()).state == "failed"


async def test_a_worker_that_came_back_late_changes_nothing(shop: Shop) -> None:
    """Its lease ran out, another worker took the file: two must not write one row."""

    async def be_overtaken() -> Piece:
        await shop.change(attempts=7, next_index="somebody else's", due_at=NOW + LEASE)
        return Piece(b"late", "next", finished=False)

    shop.source = Faked(be_overtaken)
    await shop.want()
    assert await shop.work() == 1
    row = await shop.row()
    assert (row.attempts, row.next_index, row.state) == (7, "somebody else's", "waiting")
