"""The room's tables: what was flagged and judged, and the log of verdicts that nobody edits unnoticed.

Message text is not here: a flag keeps positions and a message key, the archive keeps the words.
``matched`` is therefore not stored either; the page cuts it from the message when it is shown.
"""

from datetime import datetime

from sqlalchemy import JSON, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from kernel.database import BigId, UtcDateTime

KEY_LENGTH_MAX = 191
WORD_LENGTH_MAX = 400


class Base(DeclarativeBase):
    pass


class Flag(Base):
    """One hit of the scanner in one message, and what a reviewer decided about it."""

    __tablename__ = "compliance_flag"
    __table_args__ = (
        UniqueConstraint("message_key", "category", "word", "matched_start", name="uq_compliance_flag_hit"),
        Index("ix_compliance_flag_queue", "state", "severity_rank", "id"),
        Index("ix_compliance_flag_contact", "external_userid"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    message_key: Mapped[str] = mapped_column(String(KEY_LENGTH_MAX))
    category: Mapped[str] = mapped_column(String(32))
    severity: Mapped[str] = mapped_column(String(8))  # low | medium | high
    severity_rank: Mapped[int]  # 1..3, so that the queue can be ordered
    word: Mapped[str] = mapped_column(String(WORD_LENGTH_MAX))  # the entry, as its file has it
    matched_start: Mapped[int]  # half-open code points of the message
    matched_end: Mapped[int]
    how: Mapped[list[str]] = mapped_column(JSON)  # folds needed
    reason: Mapped[str] = mapped_column(Text)
    entry: Mapped[str] = mapped_column(String(WORD_LENGTH_MAX + 40))
    external_userid: Mapped[str] = mapped_column(String(KEY_LENGTH_MAX))
    userid: Mapped[str] = mapped_column(String(KEY_LENGTH_MAX))
    role: Mapped[str] = mapped_column(String(8))  # customer | staff: who wrote the message
    lexicon_version: Mapped[str] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(8), default="open")  # open | judged
    verdict: Mapped[str | None] = mapped_column(String(16))  # violation | not_violation | unclear
    note: Mapped[str] = mapped_column(Text, default="")
    judged_by: Mapped[str | None] = mapped_column(String(KEY_LENGTH_MAX))
    judged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Audit(Base):
    """One step of the verdict log. Rows are only ever added; ``hash`` covers the row and ``prev_hash``."""

    __tablename__ = "compliance_audit"

    seq: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)  # 1, 2, 3 … without gaps
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    who: Mapped[str] = mapped_column(String(KEY_LENGTH_MAX))
    what: Mapped[dict[str, object]] = mapped_column(JSON)
    prev_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64), unique=True)
