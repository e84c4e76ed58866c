"""Access tokens in the database, so that processes share one: table ``wecom_token``.

The value is a secret that lives two hours: whoever reads the table can call WeCom as this app until then.
It is stored as it is, because every process needs it and the key would stand beside it; keep the database
as safe as the secret itself.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from sqlalchemy import String, Text, or_, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, mapped_column

from bot.tables import Base
from bot.wecom.tokens import StoreUnavailable, Token
from kernel.database import Database, UtcDateTime, count_changed, insert_once

NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class WeComToken(Base):
    __tablename__ = "wecom_token"

    app: Mapped[str] = mapped_column(String(96), primary_key=True)
    value: Mapped[str] = mapped_column(Text)  # secret
    generation: Mapped[int]  # 0: a renewal has begun, there is no token yet
    renew_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    claimed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


class DatabaseTokenStore:
    """A ``TokenStore`` for any number of processes on one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, app: str) -> Token | None:
        async with _reachable(), self._database.read() as db:
            row = await db.get(WeComToken, app)
            if row is None or row.generation == 0:
                return None
            return Token(row.value, row.generation, row.renew_at, row.expires_at)

    async def claim(self, app: str, generation: int, *, now: datetime, until: datetime) -> bool:
        first = {"app": app, "value": "", "generation": 0, "renew_at": NEVER, "expires_at": NEVER}
        unclaimed = or_(WeComToken.claimed_until.is_(None), WeComToken.claimed_until <= now)
        take = update(WeComToken).where(WeComToken.app == app, WeComToken.generation == generation, unclaimed)
        async with _reachable(), self._database.write() as db:
            if generation == 0:
                await insert_once(db, WeComToken, first, unique=("app",))
            return await count_changed(db, take.values(claimed_until=until)) == 1

    async def release(self, app: str, generation: int) -> None:
        own = update(WeComToken).where(WeComToken.app == app, WeComToken.generation == generation)
        async with _reachable(), self._database.write() as db:
            await db.execute(own.values(claimed_until=None))

    async def put(self, app: str, token: Token) -> bool:
        replace = (
            update(WeComToken)
            .where(WeComToken.app == app, WeComToken.generation == token.generation - 1)
            .values(
                value=token.value,
                generation=token.generation,
                renew_at=token.renew_at,
                expires_at=token.expires_at,
                claimed_until=None,
            )
        )
        async with _reachable(), self._database.write() as db:
            return await count_changed(db, replace) == 1


@asynccontextmanager
async def _reachable() -> AsyncIterator[None]:
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        raise StoreUnavailable(type(error).__name__) from None
