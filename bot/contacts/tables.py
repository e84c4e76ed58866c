"""Tables of staff, contacts, the follows between them, and corp tags."""

from datetime import datetime

from sqlalchemy import Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bot.tables import Base
from kernel.database import BigId, UtcDateTime

__all__ = ["Base", "Contact", "CorpTag", "Follow", "Staff"]


class Staff(Base):
    __tablename__ = "contact_staff"

    userid: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), default="")
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Contact(Base):
    """A customer: one row for each external_userid, from whichever channel it was heard of first."""

    __tablename__ = "contact"

    external_userid: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(128), default="")
    unionid: Mapped[str | None] = mapped_column(String(64))
    first_seen_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    synced_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Follow(Base):
    """One staff member × one contact: channel and state belong to the pair."""

    __tablename__ = "contact_follow"
    __table_args__ = (
        UniqueConstraint("external_userid", "userid"),
        Index("contact_follow_userid", "userid"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    external_userid: Mapped[str] = mapped_column(String(64))
    userid: Mapped[str] = mapped_column(String(64))
    channel_state: Mapped[str] = mapped_column(String(64), default="")
    remark: Mapped[str] = mapped_column(String(64), default="")
    state: Mapped[str] = mapped_column(String(12))  # active | half_added | lost | removed
    added_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class CorpTag(Base):
    """A tag as WeCom knows it: mark_tag wants its id."""

    __tablename__ = "contact_corp_tag"
    __table_args__ = (UniqueConstraint("group_name", "name"),)

    tag_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    group_name: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(64))
