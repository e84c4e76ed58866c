"""The rows of the scripts library: scripts as they are now, and every version they ever had."""

from datetime import datetime

from sqlalchemy import Index, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from kernel.database import BigId, UtcDateTime


class Base(DeclarativeBase):
    pass


class ScriptRow(Base):
    """A script in use. ``version`` counts its saves."""

    __tablename__ = "script_item"
    __table_args__ = (Index("script_item_choice", "kind", "channel_state"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    code: Mapped[str] = mapped_column(String(60), unique=True)
    kind: Mapped[str] = mapped_column(String(20))
    title: Mapped[str] = mapped_column(String(60))
    body: Mapped[str] = mapped_column(Text)
    category: Mapped[str] = mapped_column(String(30), default="")
    keywords: Mapped[str] = mapped_column(String(200), default="")
    channel_state: Mapped[str | None] = mapped_column(String(64))
    opens: Mapped[int | None]  # minute of the Beijing day
    closes: Mapped[int | None]
    enabled: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_by: Mapped[str] = mapped_column(String(64))


class ScriptVersion(Base):
    """What a script said after one save. Never changed, never deleted."""

    __tablename__ = "script_version"
    __table_args__ = (UniqueConstraint("code", "version"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    code: Mapped[str] = mapped_column(String(60))
    version: Mapped[int]
    kind: Mapped[str] = mapped_column(String(20))
    title: Mapped[str] = mapped_column(String(60))
    body: Mapped[str] = mapped_column(Text)
    category: Mapped[str] = mapped_column(String(30), default="")
    keywords: Mapped[str] = mapped_column(String(200), default="")
    channel_state: Mapped[str | None] = mapped_column(String(64))
    opens: Mapped[int | None]
    closes: Mapped[int | None]
    enabled: Mapped[bool] = mapped_column(default=True)
    note: Mapped[str] = mapped_column(String(100), default="")  # 新建, 修改, 停用, 恢复到第 2 版 …
    saved_at: Mapped[datetime] = mapped_column(UtcDateTime)
    saved_by: Mapped[str] = mapped_column(String(64))
