"""The tagger's tables. Message texts are not stored: a receipt quotes the matched words only."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from kernel.database import BigId, UtcDateTime


class Base(DeclarativeBase):
    pass


class RuleRow(Base):
    """A rule as it is now; every saved wording is kept in RuleVersionRow."""

    __tablename__ = "tagger_rule"

    rule_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    version: Mapped[int]
    content: Mapped[dict[str, Any]] = mapped_column(JSON)  # rules.format_rule
    mode: Mapped[str] = mapped_column(String(16))  # off | suggest | auto: the same as in content, for queries
    enabled: Mapped[bool]
    updated_by: Mapped[str] = mapped_column(String(64))
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class RuleVersionRow(Base):
    """What a rule said at one time, so that a decision can be explained later."""

    __tablename__ = "tagger_rule_version"

    rule_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[dict[str, Any]] = mapped_column(JSON)
    saved_by: Mapped[str] = mapped_column(String(64))
    saved_at: Mapped[datetime] = mapped_column(UtcDateTime)


class LibraryVersionRow(Base):
    """One row: a counter that grows with every saved rule, so that workers know when to compile again."""

    __tablename__ = "tagger_library_version"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int]


class SuggestionRow(Base):
    """A tag that one message earned, with its receipt; later what a person decided about it."""

    __tablename__ = "tagger_suggestion"
    __table_args__ = (
        UniqueConstraint("external_userid", "group", "tag", "message_key", name="tagger_suggestion_once"),
        Index("tagger_suggestion_rule", "rule_id", "created_at"),
        Index("tagger_suggestion_created", "created_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    external_userid: Mapped[str] = mapped_column(String(64))
    userid: Mapped[str | None] = mapped_column(String(64))
    class_name: Mapped[str] = mapped_column(String(64))
    group: Mapped[str] = mapped_column(String(64))
    tag: Mapped[str] = mapped_column(String(64))
    rule_id: Mapped[str] = mapped_column(String(64))  # of the heaviest evidence
    score: Mapped[float]
    mode: Mapped[str] = mapped_column(String(16))
    evidence: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    message_key: Mapped[str] = mapped_column(String(128))
    library_version: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))  # suggested | applied | rejected | removed
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    decided_by: Mapped[str | None] = mapped_column(String(64))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
