"""Small queries the parts share: counts, and one page of a list."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, SQLColumnExpression, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from kernel.pages import TableQuery

Row = TypeVar("Row")
Columns = Mapping[str, SQLColumnExpression[Any]]


def count(table: type[object], *conditions: ColumnElement[bool]) -> Select[int]:
    return select(func.count()).select_from(table).where(*conditions)


def count_people(column: SQLColumnExpression[str], *conditions: ColumnElement[bool]) -> Select[int]:
    return select(func.count(column.distinct())).where(*conditions)


async def number(db: AsyncSession, query: Select[Any]) -> int:
    """The one number a query answers; none counts as 0."""
    return int(await db.scalar(query) or 0)


async def page(
    db: AsyncSession,
    rows: Select[Row],
    query: TableQuery,
    columns: Columns,
    last: SQLColumnExpression[Any],
) -> tuple[Sequence[Row], int]:
    """The rows of one page in the order asked for, and how many all pages hold; ``last`` settles ties."""
    total = await number(db, select(func.count()).select_from(rows.subquery()))
    column = columns.get(query.sort, last)
    ordered = rows.order_by(column.desc() if query.descending else column.asc(), last.desc())
    return (await db.scalars(ordered.offset(query.offset).limit(query.limit))).all(), total
