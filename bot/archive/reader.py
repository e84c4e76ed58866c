"""Read the archive: fetch by ``seq``, keep every envelope before opening it, quarantine what will not open.

The cursor moves in the transaction that stores the page, so nothing is skipped; the envelope's
``seq`` is its key, so nothing is stored twice.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot import mailbox
from bot.archive import messages
from bot.archive.source import ArchiveSource, KeyRing, Sealed, Undecryptable, open_many
from bot.archive.tables import ArchiveCursor, Envelope
from bot.kinds import InboxKind
from bot.mailbox import Lane, Letter, Priority
from kernel.database import Database, count_changed, insert_many_once, insert_once

PAGE_LIMIT = 1000  # the interface's maximum
OPEN_LIMIT = 200
CURSOR_ID = 1

_log = structlog.get_logger()


class ArchiveReader:
    def __init__(
        self, database: Database, source: ArchiveSource, keys: KeyRing, *, clock: Callable[[], datetime]
    ) -> None:
        self._database, self._source, self._keys, self._clock = database, source, keys, clock

    async def pull(self) -> int:
        """Fetch and store one page; returns how many records came. 0 means the head of the stream."""
        async with self._database.read() as db:
            seq = await db.scalar(select(ArchiveCursor.seq).where(ArchiveCursor.id == CURSOR_ID)) or 0
        page = [one for one in await self._source.fetch(seq, limit=PAGE_LIMIT) if one.seq > seq]
        if not page:
            return 0
        now = self._clock()
        async with self._database.write() as db:
            await insert_once(db, ArchiveCursor, {"id": CURSOR_ID, "seq": 0}, unique=("id",))
            moved = update(ArchiveCursor).where(ArchiveCursor.id == CURSOR_ID, ArchiveCursor.seq == seq)
            if not await count_changed(db, moved.values(seq=page[-1].seq, pulled_at=now)):
                return len(page)  # another worker has stored this page
            await insert_many_once(db, Envelope, [_row(one, now) for one in page], unique=("seq",))
        _log.info("archive.stored", first=page[0].seq, last=page[-1].seq, count=len(page))
        return len(page)

    async def open_waiting(self) -> int:
        """Open a batch of stored envelopes into the inbox; returns how many were looked at."""
        async with self._database.read() as db:
            query = select(Envelope).where(Envelope.state == "waiting").order_by(Envelope.seq).limit(OPEN_LIMIT)
            rows = (await db.scalars(query)).all()
        if not rows:
            return 0
        opened = await open_many([_sealed(row) for row in rows], self._keys, self._source)
        async with self._database.write() as db:
            await self._deliver(db, opened, now=self._clock())
        return len(rows)

    async def _deliver(
        self, db: AsyncSession, opened: Sequence[tuple[Sealed, bytes | Undecryptable]], *, now: datetime
    ) -> None:
        letters: dict[int, Letter] = {}
        for sealed, result in opened:
            try:
                if isinstance(result, Undecryptable):
                    raise result
                message = messages.parse(result)
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
