"""Lists for the pages: orders, claims and imports, searched, filtered and paged in the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.orders.cleaning import clean
from bot.orders.shapes import order_key
from bot.orders.tables import OrderAlias, OrderBinding, OrderClaim, OrderImport, OrderRecord
from kernel.pages import TableQuery

STATUS_NAMES = {"paid": "已付款", "finished": "已完成", "unpaid": "未付款", "dead": "已关闭", "unknown": "状态不明"}
STATUS_TONES = {"paid": "info", "finished": "good", "unpaid": "warn", "dead": "neutral", "unknown": "warn"}
STATE_NAMES = {
    "waiting": "等待核对",
    "bound": "已登记",
    "taken": "他人已登记",
    "not_eligible": "暂不符合",
    "expired": "已过期",
    "rejected": "未受理",
}
STATE_TONES = {"waiting": "warn", "bound": "good", "taken": "bad", "not_eligible": "warn"}
PLATFORM_NAMES = {
    "taobao": "淘宝",
    "jd": "京东",
    "pdd": "拼多多",
    "douyin": "抖音",
    "xiaohongshu": "小红书",
    "weixin_shop": "微信小店",
    "youzan": "有赞",
    "kuaishou": "快手",
    "vip": "唯品会",
    "1688": "1688",
    "meituan": "美团",
    "eleme": "饿了么",
    "suning": "苏宁",
}
Chosen = TypeVar("Chosen", bound=Select[*tuple[Any, ...]])

ORDER_SORTS = ("paid_at", "paid_fen", "updated_at")
CLAIM_SORTS = ("created_at", "decided_at")


@dataclass(frozen=True, slots=True)
class OrderLine:
    record: OrderRecord
    external_userid: str | None  # whose it is, when bound


async def list_orders(db: AsyncSession, query: TableQuery) -> tuple[list[OrderLine], int]:
    """Orders with their owner. ``query.q`` begins an order or waybill number, or is a sub-order's; filters as named."""
    where: list[ColumnElement[bool]] = []
    if query.q:
        start = _plain(query.q) or "?"  # nothing a number could begin with finds nothing
        by_alias = select(OrderAlias.order_key).where(
            OrderAlias.key.in_([order_key(platform, start) for platform in PLATFORM_NAMES])
        )
        where.append(
            or_(_begins(OrderRecord.number, start), _begins(OrderRecord.waybill, start), OrderRecord.key.in_(by_alias))
        )
    where += [
        getattr(OrderRecord, name) == value for name in ("platform", "status") if (value := query.filters.get(name))
    ]
    chosen = select(OrderRecord, OrderBinding.external_userid).outerjoin(
        OrderBinding, OrderBinding.order_key == OrderRecord.key
    )
    column = getattr(OrderRecord, query.sort if query.sort in ORDER_SORTS else "updated_at")
    rows = await db.execute(_page(chosen.where(*where), query, column, OrderRecord.id))
    total = await db.scalar(select(func.count()).select_from(OrderRecord).where(*where)) or 0
    return [OrderLine(record, owner) for record, owner in rows], total


async def list_claims(db: AsyncSession, query: TableQuery) -> tuple[list[OrderClaim], int]:
    """Claims. ``query.q``: the beginning of a number or a contact's id; filters state, origin."""
    where: list[ColumnElement[bool]] = []
    if query.q:
        where.append(or_(_begins(OrderClaim.number, _plain(query.q)), _begins(OrderClaim.external_userid, query.q)))
    where += [getattr(OrderClaim, name) == value for name in ("state", "origin") if (value := query.filters.get(name))]
    column = getattr(OrderClaim, query.sort if query.sort in CLAIM_SORTS else "created_at")
    rows = await db.scalars(_page(select(OrderClaim).where(*where), query, column, OrderClaim.id))
    total = await db.scalar(select(func.count()).select_from(OrderClaim).where(*where)) or 0
    return list(rows), total


async def list_imports(db: AsyncSession, query: TableQuery) -> tuple[list[OrderImport], int]:
    """Imports, newest first."""
    rows = await db.scalars(select(OrderImport).order_by(OrderImport.id.desc()).offset(query.offset).limit(query.limit))
    return list(rows), await db.scalar(select(func.count()).select_from(OrderImport)) or 0


async def count_states(db: AsyncSession) -> dict[str, int]:
    """Number of claims in each state."""
    rows = await db.execute(select(OrderClaim.state, func.count()).group_by(OrderClaim.state))
    return {state: count for state, count in rows}  # noqa: C416  # dict() does not take rows


async def claims_on(db: AsyncSession, order_key: str) -> Sequence[OrderClaim]:
    """Everybody who said this order is theirs, the first at the top."""
    chosen = select(OrderClaim).where(OrderClaim.order_key == order_key).order_by(OrderClaim.created_at, OrderClaim.id)
    return (await db.scalars(chosen)).all()


async def binding_on(db: AsyncSession, order_key: str) -> OrderBinding | None:
    return await db.scalar(select(OrderBinding).where(OrderBinding.order_key == order_key))


def _plain(typed: str) -> str:
    """A number as it is stored: no hyphens, no blanks, capital letters."""
    return "".join(char for char in clean(typed).text.upper() if char.isalnum())


def _begins(column: Any, start: str) -> ColumnElement[bool]:  # noqa: ANN401 - any mapped text column
    return column.startswith(start, autoescape=True)  # type: ignore[no-any-return]  # the column is untyped here


def _page(chosen: Chosen, query: TableQuery, column: Any, tie: Any) -> Chosen:  # noqa: ANN401 - any mapped column
    is_descending = query.descending or not query.sort
    order = (column.desc().nulls_last(), tie.desc()) if is_descending else (column.asc().nulls_last(), tie.asc())
    return chosen.order_by(*order).offset(query.offset).limit(query.limit)
