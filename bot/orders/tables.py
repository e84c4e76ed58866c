"""The rows of orders: records from imports, the imports, customers' claims and the one binding an order can have."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bot.tables import Base
from kernel.database import BigId, UtcDateTime


class OrderRecord(Base):
    """One order as the latest trustworthy export tells it. Never deleted while a claim points at it."""

    __tablename__ = "order_record"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    key: Mapped[str] = mapped_column(String(80), unique=True)  # platform:number
    platform: Mapped[str] = mapped_column(String(20))
    shop: Mapped[str] = mapped_column(String(100), default="")
    number: Mapped[str] = mapped_column(String(40), index=True)
    sub_numbers: Mapped[list[str]] = mapped_column(JSON, default=list)
    status: Mapped[str] = mapped_column(String(10))  # paid | finished | unpaid | dead | unknown
    status_text: Mapped[str] = mapped_column(String(100), default="")  # the platform's own words
    paid_fen: Mapped[int | None] = mapped_column(BigInteger)  # None: missing or negative in the file
    refunded_fen: Mapped[int] = mapped_column(BigInteger, default=0)
    paid_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    products: Mapped[list[str]] = mapped_column(JSON, default=list)
    phone_tail: Mapped[str] = mapped_column(String(4), default="")
    receiver_hash: Mapped[str] = mapped_column(String(64), default="")
    waybill: Mapped[str] = mapped_column(String(64), default="", index=True)
    import_id: Mapped[int] = mapped_column(BigInteger)
    import_row: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class OrderAlias(Base):
    """A sub-order number, which customers may send as well, and the order it belongs to."""

    __tablename__ = "order_alias"

    key: Mapped[str] = mapped_column(String(80), primary_key=True)  # platform:sub number
    order_key: Mapped[str] = mapped_column(String(80), index=True)


class OrderImport(Base):
    """One file that was read: who, when, what came of it and which rows were refused."""

    __tablename__ = "order_import"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    file_name: Mapped[str] = mapped_column(String(200), default="")
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    platform: Mapped[str] = mapped_column(String(20))
    encoding: Mapped[str] = mapped_column(String(20))
    rows: Mapped[int] = mapped_column(default=0)
    added: Mapped[int] = mapped_column(default=0)
    updated: Mapped[int] = mapped_column(default=0)
    unchanged: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)
    refused_rows: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)  # [{"row": 2, "reason": "…"}]
    imported_by: Mapped[str] = mapped_column(String(64))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    is_complete: Mapped[bool] = mapped_column(default=False)  # False: broke off; importing again continues safely


class OrderClaim(Base):
    """A customer said: this order is mine. One row per customer and number, whatever was written how often."""

    __tablename__ = "order_claim"
    __table_args__ = (
        UniqueConstraint("external_userid", "number"),
        Index("order_claim_state", "state", "id"),
        Index("order_claim_contact", "external_userid", "created_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    external_userid: Mapped[str] = mapped_column(String(64))
    userid: Mapped[str | None] = mapped_column(String(64))  # the staff member spoken to; none on 微信客服
    origin: Mapped[str] = mapped_column(String(10))  # kf | archive
    number: Mapped[str] = mapped_column(String(40))
    keys: Mapped[list[str]] = mapped_column(JSON)  # the keys worth a look-up, best first
    message_key: Mapped[str] = mapped_column(String(200))  # the message that led to the present state
    span_start: Mapped[int]
    span_end: Mapped[int]
    confidence: Mapped[str] = mapped_column(String(1))
    reading: Mapped[list[str]] = mapped_column(JSON)  # why the number was read
    state: Mapped[str] = mapped_column(String(16))  # waiting | bound | taken | not_eligible | expired | rejected
    reason: Mapped[str] = mapped_column(String(32), default="")  # a code of claims.REASONS
    order_key: Mapped[str | None] = mapped_column(String(80), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class OrderBinding(Base):
    """An order belongs to one contact. The unique key is the lock: whoever inserts first, has it."""

    __tablename__ = "order_binding"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    order_key: Mapped[str] = mapped_column(String(80), unique=True)
    external_userid: Mapped[str] = mapped_column(String(64), index=True)
    claim_id: Mapped[int] = mapped_column(BigInteger)
    evidence: Mapped[dict[str, Any]] = mapped_column(JSON)  # message_key, span, number, confidence, import_id, row
    bound_at: Mapped[datetime] = mapped_column(UtcDateTime)
