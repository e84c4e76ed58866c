"""Read and write messages. Never commits."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import and_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.conversations.tables import Message
from kernel.database import insert_many_once

TEXT_CHARS_MAX = 20_000


@dataclass(frozen=True, slots=True)
class Said:
    """One message as the handlers see it, whatever channel it came by."""

    key: str
    origin: str  # kf | archive
    external_userid: str  # "" when no customer takes part
    partner: str  # staff userid, or the open_kfid
    role: str  # customer | staff | bot | system
    msgtype: str
    text: str
    sent_at: datetime
    chat_id: str = ""
    body: dict[str, Any] = field(default_factory=dict)


async def add_message(db: AsyncSession, said: Said) -> bool:
    """Keep a message once. True when it is new."""
    return bool(await add_messages(db, [said]))


async def add_messages(db: AsyncSession, saids: Sequence[Said]) -> list[Said]:
    """Keep messages once; returns the new ones, in the given order."""
    rows = [
        {
            "key": said.key,
            "origin": said.origin,
            "external_userid": said.external_userid,
            "partner": said.partner,
            "chat_id": said.chat_id,
            "role": said.role,
            "msgtype": said.msgtype,
            "text": said.text[:TEXT_CHARS_MAX],
            "body": said.body,
            "recalled": False,
            "sent_at": said.sent_at,
        }
        for said in saids
    ]
    new = {key for (key,) in await insert_many_once(db, Message, rows, unique=("key",))}
    return [said for said in saids if said.key in new]


async def get_message(db: AsyncSession, key: str) -> Message | None:
    return await db.scalar(select(Message).where(Message.key == key))


async def mark_recalled(db: AsyncSession, key: str) -> None:
    """The original stays stored; it is only shown as withdrawn."""
    await db.execute(update(Message).where(Message.key == key).values(recalled=True))


async def previous_text(db: AsyncSession, said: Said, *, since: datetime) -> Message | None:
    """The same speaker's message just before this one in the same conversation, if nothing stands between."""
    query = (
        select(Message)
        .where(
            Message.external_userid == said.external_userid,
            Message.partner == said.partner,
            Message.key != said.key,
            Message.sent_at >= since,
            Message.sent_at <= said.sent_at,
        )
        .order_by(Message.sent_at.desc(), Message.id.desc())
        .limit(1)
    )
    before = await db.scalar(query)
    return before if before is not None and before.role == said.role and before.msgtype == "text" else None


async def lines_around(db: AsyncSession, key: str, *, before: int = 5, after: int = 5) -> list[Message]:
    """A message and its neighbours in the same conversation, oldest first; empty when the key is unknown."""
    centre = await db.scalar(select(Message).where(Message.key == key))
    if centre is None:
        return []
    same = (
        [Message.chat_id == centre.chat_id]
        if centre.chat_id
        else [Message.external_userid == centre.external_userid, Message.partner == centre.partner]
    )
    earlier = or_(Message.sent_at < centre.sent_at, and_(Message.sent_at == centre.sent_at, Message.id < centre.id))
    later = or_(Message.sent_at > centre.sent_at, and_(Message.sent_at == centre.sent_at, Message.id > centre.id))
    up = select(Message).where(*same, earlier).order_by(Message.sent_at.desc(), Message.id.desc()).limit(before)
    down = select(Message).where(*same, later).order_by(Message.sent_at, Message.id).limit(after)
    return [*reversed((await db.scalars(up)).all()), centre, *(await db.scalars(down)).all()]


async def messages_of(db: AsyncSession, external_userid: str, *, limit: int = 200) -> Sequence[Message]:
    """The newest messages of a contact, oldest first."""
    query = (
        select(Message)
        .where(Message.external_userid == external_userid)
        .order_by(Message.sent_at.desc(), Message.id.desc())
        .limit(limit)
    )
    return (await db.scalars(query)).all()[::-1]
