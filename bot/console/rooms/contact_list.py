"""The list of contacts with what each room knows of them."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, String, cast, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.console.data import ContactRow, Listing
from bot.console.rooms.names import NAMELESS
from bot.console.rooms.queries import Columns, number
from bot.contacts import store as contacts
from bot.contacts.tables import Contact, Follow
from bot.orders.tables import OrderBinding
from bot.red_packets.tables import RedPacket
from kernel.pages import TableQuery
from tagger.tables import SuggestionRow


async def list_contacts(db: AsyncSession, query: TableQuery) -> Listing[ContactRow]:
    order_count = select(func.count()).where(OrderBinding.external_userid == Contact.external_userid).scalar_subquery()
    paid_fen = (
        select(func.coalesce(func.sum(RedPacket.amount_fen), 0))
        .where(RedPacket.external_userid == Contact.external_userid, RedPacket.state == "received")
        .scalar_subquery()
    )
    rows = select(Contact, order_count.label("orders"), paid_fen.label("paid_fen")).where(*_conditions(query))
    total = await number(db, select(func.count()).select_from(rows.subquery()))
    columns: Columns = {
        "name": cast(Contact.name, String),
        "added_at": Contact.first_seen_at,
        "orders": order_count,
        "paid_fen": paid_fen,
    }
    column = columns.get(query.sort, Contact.first_seen_at)
    ordered = rows.order_by(column.desc() if query.descending else column.asc(), Contact.external_userid)
    found = (await db.execute(ordered.offset(query.offset).limit(query.limit))).all()
    ids = [contact.external_userid for contact, _, _ in found]
    follows = await contacts.follows_of(db, ids)
    staff = await contacts.staff_names(db, [follow.userid for follow in follows])
    tags = await _tag_names(db, ids)
    listed = []
    for contact, count, paid in found:
        mine = [follow for follow in follows if follow.external_userid == contact.external_userid]
        listed.append(
            ContactRow(
                external_userid=contact.external_userid,
                name=contact.name or NAMELESS,
                staff=[staff.get(follow.userid, follow.userid) for follow in mine],
                tags=tags.get(contact.external_userid, []),
                orders=int(count),
                paid_fen=int(paid),
                added_at=contact.first_seen_at,
                channel=next((follow.channel_state for follow in mine if follow.channel_state), ""),
                lost=bool(mine) and all(follow.state == "lost" for follow in mine),
            )
        )
    return Listing(listed, total)


async def _tag_names(db: AsyncSession, external_userids: Sequence[str]) -> dict[str, list[str]]:
    rows = await db.execute(
        select(SuggestionRow.external_userid, SuggestionRow.tag)
        .where(SuggestionRow.external_userid.in_(external_userids), SuggestionRow.state == "applied")
        .distinct()
        .order_by(SuggestionRow.external_userid, SuggestionRow.tag)
    )
    names: dict[str, list[str]] = {}
    for external_userid, tag in rows:
        names.setdefault(external_userid, []).append(tag)
    return names


def _conditions(query: TableQuery) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if query.q:
        tagged = select(SuggestionRow.external_userid).where(SuggestionRow.tag.contains(query.q, autoescape=True))
        remarked = select(Follow.external_userid).where(Follow.remark.contains(query.q, autoescape=True))
        conditions.append(
            or_(
                Contact.name.contains(query.q, autoescape=True),
                Contact.external_userid == query.q,
                Contact.external_userid.in_(tagged),
                Contact.external_userid.in_(remarked),
            )
        )
    state = {"following": "active", "lost": "lost"}.get(query.filters.get("state", ""))
    if state:
        conditions.append(Contact.external_userid.in_(select(Follow.external_userid).where(Follow.state == state)))
    return conditions
