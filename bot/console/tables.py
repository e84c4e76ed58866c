"""Tables of the console's own people: accounts, signed-in browsers, one-time links, failed attempts."""

from datetime import datetime

from sqlalchemy import JSON, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from bot.tables import Base
from kernel.database import BigId, UtcDateTime


class ConsoleAccount(Base):
    """A person who may sign in. Accounts are disabled, never deleted: decisions keep naming them."""

    __tablename__ = "console_account"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    password: Mapped[str | None]  # scrypt with its parameters and salt (passwords.py); None: only one-time links
    roles: Mapped[list[str]] = mapped_column(JSON)
    disabled: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    signed_in_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ConsoleLogin(Base):
    """A signed-in browser. Its cookie holds a token; here lies only the hash."""

    __tablename__ = "console_login"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[int] = mapped_column(BigId, index=True)
    csrf_token: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ConsoleOneTime(Base):
    """A link that signs in once."""

    __tablename__ = "console_one_time"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[int] = mapped_column(BigId, index=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ConsoleAttempt(Base):
    """A try to sign in that has not succeeded. The name is kept as a hash: people type passwords there."""

    __tablename__ = "console_attempt"
    __table_args__ = (
        Index("ix_console_attempt_name_hash_at", "name_hash", "at"),
        Index("ix_console_attempt_address_at", "address", "at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    name_hash: Mapped[str] = mapped_column(String(64))
    address: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
