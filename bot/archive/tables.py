"""Envelopes as fetched (stored before they are opened), the archive's cursor, known gaps, and files."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bot.tables import Base
from kernel.database import BigId, UtcDateTime

__all__ = ["ArchiveCursor", "ArchiveGap", "ArchiveMedia", "Base", "Envelope"]


class Envelope(Base):
    """One archive record. ``state``: waiting | opened | duplicate | quarantined (with the reason)."""

    __tablename__ = "archive_envelope"
    __table_args__ = (Index("archive_envelope_state", "state", "seq"),)

    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    msgid: Mapped[str] = mapped_column(String(128), index=True)
    publickey_ver: Mapped[int] = mapped_column(Integer)
    encrypt_random_key: Mapped[str] = mapped_column(Text)
    encrypt_chat_msg: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str] = mapped_column(String(200), default="")
    fetched_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ArchiveCursor(Base):
    """One row: the last ``seq`` that is stored, and when we last heard."""

    __tablename__ = "archive_cursor"

    id: Mapped[int] = mapped_column(primary_key=True)  # always 1
    seq: Mapped[int] = mapped_column(BigInteger, default=0)
    pulled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # the last pull that was answered
    caught_up_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # the last one that found nothing more
    silent_since: Mapped[datetime | None] = mapped_column(UtcDateTime)  # an outage whose loss is not yet known


class ArchiveGap(Base):
    """Numbers that did not come: ``after_seq`` and ``next_seq`` did. ``reason``: expired | jump."""

    __tablename__ = "archive_gap"
    __table_args__ = (UniqueConstraint("after_seq"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    after_seq: Mapped[int] = mapped_column(BigInteger)
    next_seq: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str] = mapped_column(String(12))
    silent_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    noticed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ArchiveMedia(Base):
    """A file of a message. ``state``: waiting | done | gone (past its five days) | failed (with the reason)."""

    __tablename__ = "archive_media"
    __table_args__ = (
        UniqueConstraint("key"),
        Index("archive_media_next", "state", "due_at"),
        Index("archive_media_message", "message_key"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(64))  # SHA-256 of the sdkfileid; also the file's name
    message_key: Mapped[str] = mapped_column(String(128))  # the first message that carried it
    sdkfileid: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(String(32))
    name: Mapped[str] = mapped_column(String(255), default="")
    md5: Mapped[str] = mapped_column(String(32), default="")  # may be empty
    state: Mapped[str] = mapped_column(String(8))
    reason: Mapped[str] = mapped_column(String(200), default="")
    next_index: Mapped[str] = mapped_column(Text, default="")  # asks for the piece after ``size_bytes``
    size_bytes: Mapped[int] = mapped_column(BigInteger, default=0)  # on disk so far
    attempts: Mapped[int] = mapped_column(default=0)  # also the fence against a worker that came back late
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
