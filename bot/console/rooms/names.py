"""Who somebody is, as a page names them: contacts, staff, and the speakers of a conversation."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from bot.contacts import store as contacts
from bot.conversations import store as conversations
from bot.conversations.tables import Message
from compliance.flags import Line

NAMELESS = "（还没有昵称）"
BOT = "小二"


async def people_names(db: AsyncSession, ids: Collection[str]) -> Mapping[str, str]:
    """Names by id, of contacts and staff alike; who has none stays out."""
    return {**await contacts.staff_names(db, ids), **await contacts.contact_names(db, ids)}


async def context_lines(db: AsyncSession, message_key: str) -> Sequence[Line]:
    """Up to ten lines around a message, for the reviewer."""
    messages = await conversations.lines_around(db, message_key)
    names = await speakers(db, messages)
    return [
        Line(one.key, one.sent_at, names[one.id], "customer" if one.role == "customer" else "staff", one.text)
        for one in messages
    ]


async def speakers(db: AsyncSession, messages: Sequence[Message]) -> dict[int, str]:
    """Who said it, by message id."""
    people = await people_names(db, {one.partner for one in messages} | {one.external_userid for one in messages})
    names = {}
    for one in messages:
        if one.role == "customer":
            names[one.id] = people.get(one.external_userid, "客户")
        elif one.role == "bot":
            names[one.id] = BOT
        else:
            names[one.id] = people.get(one.partner, one.partner or "员工")
    return names
