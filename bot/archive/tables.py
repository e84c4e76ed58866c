"""Envelopes as fetched (stored before they are opened) and the archive's cursor."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from bot.tables import Base
from kernel.database import UtcDateTime

__all__ = ["ArchiveCursor", "Base", "Envelope"]


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
    """One row: the last ``seq`` that is stored."""

    __tablename__ = "archive_cursor"

    id: Mapped[int] = mapped_column(primary_key=True)  # always 1
    seq: Mapped[int] = mapped_column(BigInteger, default=0)
    pulled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
