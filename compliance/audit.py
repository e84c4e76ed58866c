"""The verdict log as a hash chain: each row covers the one before, so a change in the past breaks the rest.

What it cannot show: rows cut off at the very end. ``head`` is the value to note down elsewhere for that.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from compliance.tables import Audit

GENESIS = "0" * 64  # prev_hash of the first row
READ_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class AuditReport:
    """``broken_at`` is the first row that does not fit, ``head`` the hash of the last row that does."""

    rows: int
    broken_at: int | None
    head: str

    @property
    def is_intact(self) -> bool:
        return self.broken_at is None


async def append(db: AsyncSession, *, who: str, what: dict[str, object], now: datetime) -> int:
    """Add a row and return its number.

    Two writers that read the same head collide on the primary key: the second transaction fails whole
    and can be repeated. SQLite has one writer anyway.
    """
    last = (
        await db.execute(select(Audit.seq, Audit.hash).order_by(Audit.seq.desc()).limit(1).with_for_update())
    ).first()
    seq, prev_hash = (last.seq + 1, last.hash) if last else (1, GENESIS)
    digest = row_hash(seq=seq, at=now, who=who, what=what, prev_hash=prev_hash)
    await db.execute(insert(Audit).values(seq=seq, at=now, who=who, what=what, prev_hash=prev_hash, hash=digest))
    return seq


async def list_audit(db: AsyncSession, *, limit: int = 50, offset: int = 0) -> list[Audit]:
    """Rows of the log, newest first."""
    return list((await db.scalars(select(Audit).order_by(Audit.seq.desc()).limit(limit).offset(offset))).all())


async def count_audit(db: AsyncSession) -> int:
    return int(await db.scalar(select(func.count()).select_from(Audit)) or 0)


async def verify_audit(db: AsyncSession) -> AuditReport:
    """Walk the whole log: numbers without gaps, every hash right, every row fitting the one before."""
    head, expected, broken_at = GENESIS, 1, None
    while broken_at is None:
        rows = (
            await db.execute(
                select(Audit.seq, Audit.at, Audit.who, Audit.what, Audit.prev_hash, Audit.hash)
                .where(Audit.seq >= expected)
                .order_by(Audit.seq)
                .limit(READ_AT_ONCE)
            )
        ).all()
        if not rows:
            break
        for row in rows:
            digest = row_hash(seq=row.seq, at=row.at, who=row.who, what=row.what, prev_hash=row.prev_hash)
            if row.seq != expected or row.prev_hash != head or row.hash != digest:
                broken_at = expected
                break
            head, expected = row.hash, expected + 1
    return AuditReport(rows=expected - 1, broken_at=broken_at, head=head)


def row_hash(*, seq: int, at: datetime, who: str, what: dict[str, object], prev_hash: str) -> str:
    """SHA-256 over the row's canonical JSON; ``at`` to the microsecond in UTC, as both databases keep it."""
    content = {"seq": seq, "at": at.astimezone(UTC).isoformat(), "who": who, "what": what, "prev": prev_hash}
    canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8", "backslashreplace")).hexdigest()
