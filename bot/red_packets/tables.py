"""The tables of campaigns, packets, attempts, ledger and switch. Attempts and ledger rows are only ever added."""

from datetime import datetime

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from bot.red_packets.engine import RELEASED
from bot.tables import Base
from kernel.database import BigId, UtcDateTime

_IS_LIVE = text("state NOT IN (" + ", ".join(f"'{state}'" for state in sorted(RELEASED)) + ")")


class RedPacketCampaign(Base):
    __tablename__ = "red_packet_campaign"
    __table_args__ = (
        CheckConstraint("remaining_fen >= 0 AND remaining_fen <= budget_fen", name="red_packet_campaign_budget"),
        CheckConstraint("amount_fen > 0", name="red_packet_campaign_amount"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    amount_fen: Mapped[int] = mapped_column(BigId)
    budget_fen: Mapped[int] = mapped_column(BigId)
    remaining_fen: Mapped[int] = mapped_column(BigId)
    min_paid_fen: Mapped[int] = mapped_column(BigId, default=0)
    platforms: Mapped[list[str]] = mapped_column(JSON, default=list)  # empty: every platform
    per_contact_max: Mapped[int] = mapped_column(default=1)
    requires_finished: Mapped[bool] = mapped_column(default=True)
    hold_days: Mapped[int] = mapped_column(default=0)
    starts_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
    enabled: Mapped[bool] = mapped_column(default=False)
    send_name: Mapped[str] = mapped_column(Text)
    wishing: Mapped[str] = mapped_column(Text)
    act_name: Mapped[str] = mapped_column(Text)
    remark: Mapped[str] = mapped_column(Text)
    scene_id: Mapped[str] = mapped_column(Text, default="PRODUCT_1")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_by: Mapped[str] = mapped_column(Text)


class RedPacket(Base):
    """One generation of one order's payout."""

    __tablename__ = "red_packet"
    __table_args__ = (
        UniqueConstraint("order_key", "generation"),
        Index("red_packet_live", "order_key", unique=True, sqlite_where=_IS_LIVE, postgresql_where=_IS_LIVE),
        Index("red_packet_due", "look_at"),
        Index("red_packet_contact", "external_userid"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    order_key: Mapped[str] = mapped_column(String(200))
    claim_id: Mapped[str] = mapped_column(String(64))
    generation: Mapped[int]
    campaign_id: Mapped[int] = mapped_column(ForeignKey("red_packet_campaign.id"), index=True)
    external_userid: Mapped[str] = mapped_column(String(64))
    openid: Mapped[str | None] = mapped_column(String(64))
    amount_fen: Mapped[int] = mapped_column(BigId)
    mch_billno: Mapped[str | None] = mapped_column(
        String(28), unique=True
    )  # None only inside the reserving transaction
    request: Mapped[dict[str, str | int] | None] = mapped_column(JSON)  # frozen with the first attempt
    request_sha256: Mapped[str | None] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(20), index=True)
    state_reason: Mapped[str] = mapped_column(Text)
    reason_detail: Mapped[str] = mapped_column(Text, default="")
    version: Mapped[int] = mapped_column(default=1)
    send_count: Mapped[int] = mapped_column(default=0)  # attempts begun
    last_answer: Mapped[str | None] = mapped_column(String(32))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    sending_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # the first attempt
    last_sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    look_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # next query, or net for a lost intent to send


class RedPacketAttempt(Base):
    """One call to WeChat Pay, or one thing a person or the machine did to a packet."""

    __tablename__ = "red_packet_attempt"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    packet_id: Mapped[int] = mapped_column(ForeignKey("red_packet.id"), index=True)
    kind: Mapped[str] = mapped_column(String(16))  # send | query | note
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    answer: Mapped[str] = mapped_column(String(32))
    err_code: Mapped[str] = mapped_column(String(64), default="")
    summary: Mapped[str] = mapped_column(Text, default="")  # masked
    state_before: Mapped[str] = mapped_column(String(20))
    state_after: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(Text)
    by: Mapped[str] = mapped_column(Text, default="")  # a person's name, "" for the machine
    applied: Mapped[bool] = mapped_column(default=True)  # False: a stale worker's answer, kept but without effect


class RedPacketLedger(Base):
    """Double entry: every row debits one account and credits another. Never changed, never deleted."""

    __tablename__ = "red_packet_ledger"
    __table_args__ = (
        CheckConstraint("amount_fen > 0", name="red_packet_ledger_amount"),
        CheckConstraint("debit <> credit", name="red_packet_ledger_accounts"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("red_packet_campaign.id"), index=True)
    packet_id: Mapped[int | None] = mapped_column(ForeignKey("red_packet.id"), index=True)
    debit: Mapped[str] = mapped_column(String(20))
    credit: Mapped[str] = mapped_column(String(20))
    amount_fen: Mapped[int] = mapped_column(BigId)


class RedPacketSwitch(Base):
    """The kill switch: one row; without it nothing is sent."""

    __tablename__ = "red_packet_switch"

    id: Mapped[int] = mapped_column(primary_key=True)
    open: Mapped[bool]
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_by: Mapped[str] = mapped_column(Text)
    why: Mapped[str] = mapped_column(Text, default="")
