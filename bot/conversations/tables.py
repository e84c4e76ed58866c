"""The message table. Content lives here and nowhere else once a message is handled."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from bot.tables import Base
from kernel.database import BigId, UtcDateTime

__all__ = ["Base", "KfCursor", "Message"]


class Message(Base):
    """``key`` is ``kf:<msgid>`` or ``archive:<msgid>``; ``partner`` is the staff userid or the open_kfid."""

    __tablename__ = "message"
    __table_args__ = (Index("message_of_contact", "external_userid", "partner", "sent_at", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(128), unique=True)
    origin: Mapped[str] = mapped_column(String(8))  # kf | archive
    external_userid: Mapped[str] = mapped_column(String(64))
    partner: Mapped[str] = mapped_column(String(64))
    chat_id: Mapped[str] = mapped_column(String(64), default="")
    role: Mapped[str] = mapped_column(String(8))  # customer | staff | bot | system
    msgtype: Mapped[str] = mapped_column(String(32))
    text: Mapped[str] = mapped_column(Text, default="")
    body: Mapped[dict[str, Any]] = mapped_column(JSON)  # what has no text form, as received
    recalled: Mapped[bool] = mapped_column(default=False)
    sent_at: Mapped[datetime] = mapped_column(UtcDateTime)


class KfCursor(Base):
    """How far each 微信客服 account was read."""

    __tablename__ = "message_kf_cursor"

    open_kfid: Mapped[str] = mapped_column(String(64), primary_key=True)
    cursor: Mapped[str] = mapped_column(String(128), default="")
    pulled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
