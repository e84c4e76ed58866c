"""Why the system did what it did: one row for each automatic decision, in words a person reads.

Rooms keep evidence of their own (tag receipts, flags); here stand the decisions that the bot makes
across rooms: which welcome, what became of an order number, why a packet went out or did not.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, Index, String, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from bot.tables import Base
from kernel.database import BigId, UtcDateTime, insert_once


class DecisionKind(StrEnum):
    WELCOME = "welcome"
    ORDER = "order"
    RED_PACKET = "red_packet"
    ANSWER = "answer"


class Decision(Base):
    __tablename__ = "decision"
    __table_args__ = (Index("decision_of_contact", "external_userid", "at"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(200), unique=True)
    kind: Mapped[str] = mapped_column(String(16))
    external_userid: Mapped[str] = mapped_column(String(64))
    outcome: Mapped[str] = mapped_column(String(200))  # one line, Chinese, as the console shows it
    because: Mapped[list[str]] = mapped_column(JSON)  # the reasons, in order, Chinese
    at: Mapped[datetime] = mapped_column(UtcDateTime)


async def add(
    db: AsyncSession,
    kind: DecisionKind,
    *,
    key: str,
    external_userid: str,
    outcome: str,
    because: Sequence[str],
    now: datetime,
) -> None:
    """Record a decision once; a repeat under the same key changes nothing."""
    values = {
        "key": key,
        "kind": kind,
        "external_userid": external_userid,
        "outcome": outcome,
        "because": list(because),
        "at": now,
    }
    await insert_once(db, Decision, values, unique=("key",))


async def list_of_contact(db: AsyncSession, external_userid: str, *, limit: int = 100) -> Sequence[Decision]:
    """Newest first."""
    query = select(Decision).where(Decision.external_userid == external_userid)
    return (await db.scalars(query.order_by(Decision.at.desc(), Decision.id.desc()).limit(limit))).all()
