"""Read the archive: fetch by ``seq``, keep every envelope before opening it, quarantine what will not open.

The cursor moves in the transaction that stores the page, so nothing is skipped; the envelope's
``seq`` is its key, so nothing is stored twice. A jump between two pages is written down with its reason.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot import mailbox
from bot.archive import media, messages
from bot.archive.errors import Gone
from bot.archive.ledger import CURSOR_ID, Progress, get_progress, judge_jump, silence
from bot.archive.source import ArchiveSource, KeyRing, Opened, Postponed, Sealed, Undecryptable, open_many
from bot.archive.tables import ArchiveCursor, ArchiveGap, Envelope
from bot.kinds import InboxKind
from bot.mailbox import Lane, Letter, Priority
from kernel.database import Database, count_changed, insert_many_once, insert_once, wake

PAGE_LIMIT = 1000  # the interface's maximum
OPEN_LIMIT = 200
STORED = "archive"  # woken when envelopes wait to be opened

_log = structlog.get_logger()


class ArchiveReader:
    def __init__(
        self, database: Database, source: ArchiveSource, keys: KeyRing, *, clock: Callable[[], datetime]
    ) -> None:
        self._database, self._source, self._keys, self._clock = database, source, keys, clock

    async def pull(self) -> int:
        """Fetch and store one page; returns how many records came. 0 means the head of the stream."""
        async with self._database.read() as db:
            progress = await get_progress(db)
        page = await self._fetch(progress.seq)
        now = self._clock()
        async with self._database.write() as db:
            await insert_once(db, ArchiveCursor, {"id": CURSOR_ID, "seq": 0}, unique=("id",))
            if not await _move(db, progress, page, now=now):
                return len(page)  # another worker has stored this page
            if not page:
                return 0
            await insert_many_once(db, Envelope, [_row(one, now) for one in page], unique=("seq",))
            await _note_gap(db, progress, page[0].seq, now=now)
            wake(db, STORED)
        _log.info("archive.stored", first=page[0].seq, last=page[-1].seq, count=len(page))
        return len(page)

    async def _fetch(self, seq: int) -> list[Sealed]:
        """What comes after ``seq``; when WeCom refuses so old a number, what is still there."""
        after = seq
        try:
            page = await self._source.fetch(seq, limit=PAGE_LIMIT)
        except Gone:
            if seq == 0:
                raise
            _log.error("archive.cursor_expired", seq=seq)
            after = 0
            page = await self._source.fetch(0, limit=PAGE_LIMIT)
        while page and page[-1].seq <= seq:
            if page[-1].seq <= after:
                return []  # an answer we have had: nothing new, and asking again would never end
            after = page[-1].seq
            page = await self._source.fetch(after, limit=PAGE_LIMIT)
        return [one for one in page if one.seq > seq]

    async def open_waiting(self) -> int:
        """Open a batch of stored envelopes into the inbox; returns how many were settled."""
        async with self._database.read() as db:
            query = select(Envelope).where(Envelope.state == "waiting").order_by(Envelope.seq).limit(OPEN_LIMIT)
            rows = (await db.scalars(query)).all()
        if not rows:
            return 0
        opened = await open_many([_sealed(row) for row in rows], self._keys, self._source)
        settled = [one for one in opened if not isinstance(one[1], Postponed)]
        if settled:
            async with self._database.write() as db:
                await self._deliver(db, settled, now=self._clock())
        return len(settled)

    async def _deliver(self, db: AsyncSession, opened: Sequence[tuple[Sealed, Opened]], *, now: datetime) -> None:
        letters: dict[int, Letter] = {}
        for sealed, result in opened:
            try:
                message = _read(result)
            except (Undecryptable, messages.BadMessage) as reason:
                await _set_state(db, [sealed.seq], "quarantined", reason=str(reason))
                _log.warning("archive.quarantined", seq=sealed.seq)
                continue
            key = messages.message_key(message["msgid"])
            subject = messages.subject_of(message)
            letters[sealed.seq] = Letter(InboxKind.ARCHIVED_MESSAGE, message, key, subject, Priority.BULK)
        new = await mailbox.put_many(db, Lane.MESSAGES, list(letters.values()), now=now)
        seen: set[str] = set()
        fresh: list[int] = []
        repeated: list[int] = []
        for seq, letter in letters.items():
            (fresh if letter.key in new and letter.key not in seen else repeated).append(seq)
            seen.add(letter.key)
        await media.wish(db, [letters[seq].payload for seq in fresh], now=now)
        await _set_state(db, fresh, "opened")
        await _set_state(db, repeated, "duplicate")
        _log.info("archive.opened", count=len(fresh), last=opened[-1][0].seq)


async def try_again(db: AsyncSession) -> int:
    """Put all quarantined envelopes back, for example after a missing key has been added."""
    return await count_changed(
        db, update(Envelope).where(Envelope.state == "quarantined").values(state="waiting", reason="")
    )


async def counts(db: AsyncSession) -> dict[str, int]:
    """How many envelopes are in each state."""
    rows = await db.execute(select(Envelope.state, func.count()).group_by(Envelope.state))
    return {state: int(count) for state, count in rows}


async def _move(db: AsyncSession, progress: Progress, page: Sequence[Sealed], *, now: datetime) -> bool:
    """Move the cursor, or only note that we asked. False when another worker has moved it since."""
    moved = update(ArchiveCursor).where(ArchiveCursor.id == CURSOR_ID, ArchiveCursor.seq == progress.seq)
    if page:
        # A page settles what the silence hid; only an empty one shows that we are at the head.
        moved = moved.values(seq=page[-1].seq, pulled_at=now, silent_since=None)
    else:
        moved = moved.values(pulled_at=now, caught_up_at=now, silent_since=silence(progress, now=now))
    return bool(await count_changed(db, moved))


async def _note_gap(db: AsyncSession, progress: Progress, first_seq: int, *, now: datetime) -> None:
    hole = judge_jump(progress, first_seq, now=now)
    if hole is None:
        return
    row = {
        "after_seq": hole.after_seq,
        "next_seq": hole.next_seq,
        "reason": hole.reason,
        "silent_since": hole.silent_since,
        "noticed_at": now,
    }
    await insert_once(db, ArchiveGap, row, unique=("after_seq",))
    _log.warning("archive.gap", after=hole.after_seq, next=hole.next_seq, reason=hole.reason)


def _read(opened: Opened) -> dict[str, Any]:
    """The message. Raises Undecryptable, BadMessage."""
    if isinstance(opened, Undecryptable):
        raise opened
    assert isinstance(opened, bytes), "what is postponed is not delivered"
    return messages.parse(opened)


async def _set_state(db: AsyncSession, seqs: Sequence[int], state: str, *, reason: str = "") -> None:
    if seqs:
        query = update(Envelope).where(Envelope.seq.in_(seqs), Envelope.state == "waiting")
        await db.execute(query.values(state=state, reason=reason[:200]))


def _row(sealed: Sealed, now: datetime) -> dict[str, object]:
    return {
        "seq": sealed.seq,
        "msgid": sealed.msgid[:128],
        "publickey_ver": sealed.publickey_ver,
        "encrypt_random_key": sealed.encrypt_random_key,
        "encrypt_chat_msg": sealed.encrypt_chat_msg,
        "state": "waiting",
        "reason": "",
        "fetched_at": now,
    }


def _sealed(row: Envelope) -> Sealed:
    return Sealed(row.seq, row.msgid, row.publickey_ver, row.encrypt_random_key, row.encrypt_chat_msg)
