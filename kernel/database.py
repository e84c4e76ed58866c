"""One database, SQLite or PostgreSQL, behind two verbs: ``read`` and ``write``.

SQLite gets WAL with ``synchronous=FULL`` (a committed callback survives power loss), foreign keys,
and ``BEGIN IMMEDIATE`` for writers, so that two writers queue instead of failing half-way.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    Connection,
    CursorResult,
    DateTime,
    Delete,
    Dialect,
    Integer,
    Update,
    event,
    inspect,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator

BUSY_TIMEOUT_MS = 30_000
READERS_MAX = 8
_WAKE = "wake"

BigId = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up only in INTEGER PRIMARY KEY


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment in UTC. Naive values are refused; SQLite stores them without the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone: pass an aware datetime")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


class Database:
    """Sessions over one URL, for example ``sqlite+aiosqlite:///xiaoer.sqlite3``."""

    def __init__(self, url: str) -> None:
        self.after_commit: Callable[[frozenset[str]], None] | None = None  # told the names given to ``wake``
        self.is_sqlite = url.startswith("sqlite")
        self._writer = _make_engine(url, begin="BEGIN IMMEDIATE", connections=1 if self.is_sqlite else READERS_MAX)
        if self.is_sqlite:
            self._reader = _make_engine(url, begin="BEGIN", connections=READERS_MAX)
        else:  # the same pool; one snapshot for all queries of a reading block, as SQLite gives by itself
            self._reader = self._writer.execution_options(isolation_level="REPEATABLE READ")

    @property
    def engine(self) -> AsyncEngine:
        """The writing engine, for migrations and schema tests."""
        return self._writer

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """One transaction: committed when the block ends, rolled back when it raises. No network inside."""
        async with AsyncSession(self._writer, expire_on_commit=False) as session:
            async with session.begin():
                yield session
            woken = frozenset(session.info.get(_WAKE, ()))
        if woken and self.after_commit is not None:
            self.after_commit(woken)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """One consistent view; what the block changes is thrown away."""
        async with AsyncSession(self._reader, expire_on_commit=False) as session:
            yield session

    async def close(self) -> None:
        await self._writer.dispose()
        if self.is_sqlite:
            await self._reader.dispose()


def wake(db: AsyncSession, name: str) -> None:
    """Have ``Database.after_commit`` told a name once this transaction is committed: somebody waits for it."""
    db.info.setdefault(_WAKE, set()).add(name)


async def insert_once(
    db: AsyncSession, table: type[DeclarativeBase], values: Mapping[str, object], *, unique: tuple[str, ...]
) -> bool:
    """Insert a row unless one with the same ``unique`` columns is there. True when it was inserted."""
    return bool(await insert_many_once(db, table, [values], unique=unique))


async def insert_many_once(
    db: AsyncSession,
    table: type[DeclarativeBase],
    rows: Sequence[Mapping[str, object]],
    *,
    unique: tuple[str, ...],
) -> set[tuple[object, ...]]:
    """Insert rows of equal columns, leaving out those already there. Returns the ``unique`` values inserted."""
    if not rows:
        return set()
    make_insert: Any = sqlite.insert if db.get_bind().dialect.name == "sqlite" else postgresql.insert
    core = inspect(table).local_table
    statement = make_insert(core).on_conflict_do_nothing(index_elements=unique)
    # One cached statement for any number of rows: SQLAlchemy batches the values itself.
    result = await db.execute(statement.returning(*(core.c[name] for name in unique)), [dict(row) for row in rows])
    return {tuple(row) for row in result}


async def count_changed(db: AsyncSession, statement: Update | Delete) -> int:
    """Run an UPDATE or DELETE and say how many rows it touched: the answer of a compare-and-set."""
    return int(cast("CursorResult[Any]", await db.execute(statement)).rowcount)


def _make_engine(url: str, *, begin: str, connections: int) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=60,
        hide_parameters=True,  # an error must not carry what a customer wrote into a log
    )
    if not url.startswith("sqlite"):
        return engine

    @event.listens_for(engine.sync_engine, "connect")
    def set_up(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # SQLAlchemy says BEGIN, not the driver
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"busy_timeout={BUSY_TIMEOUT_MS}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
