"""A contact's conversation with everything the engines found in it marked."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

import compliance
import tagger
from bot.console.data import ConversationLine
from bot.console.rooms.names import speakers
from bot.conversations import store as conversations
from bot.orders import store as orders
from compliance.tables import Flag
from kernel.pages import Span

Mark = tuple[Span, str]


async def conversation_of(db: AsyncSession, external_userid: str) -> list[ConversationLine]:
    messages = await conversations.messages_of(db, external_userid)
    names = await speakers(db, messages)
    marks = await _marks(db, external_userid)
    flags = await _flags(db, external_userid)
    lines = []
    for one in messages:
        mine, flagged = marks.get(one.key, []), flags.get(one.key, [])
        notes = [*(note for _, note in mine), *(_flag_note(flag) for flag in flagged)]
        if one.recalled:
            notes.append("已撤回")
        lines.append(
            ConversationLine(
                key=one.key,
                side="customer" if one.role == "customer" else "system" if one.role == "system" else "staff",
                speaker=names[one.id],
                text=one.text,
                at=one.sent_at,
                spans=[*(span for span, _ in mine), *((flag.matched_start, flag.matched_end) for flag in flagged)],
                note="；".join(dict.fromkeys(notes)),
                note_tone="bad" if flagged else "neutral",
                note_href=f"/flags/{flagged[0].id}" if flagged else "",
                role_name="自动" if one.role == "bot" else "",
            )
        )
    return lines


async def _marks(db: AsyncSession, external_userid: str) -> dict[str, list[Mark]]:
    """What orders and tags found, by message."""
    marks: dict[str, list[Mark]] = {}
    for claim in await orders.claims_of(db, external_userid):
        marks.setdefault(claim.message_key, []).append(((claim.span_start, claim.span_end), "订单号"))
    for tag in await tagger.tags_of(db, external_userid):
        for receipt in tag.receipts:
            for proof in receipt.evidence:
                span = (int(proof["start"]), int(proof["end"]))
                marks.setdefault(receipt.message_key, []).append((span, f"标签「{tag.tag}」"))
    return marks


async def _flags(db: AsyncSession, external_userid: str) -> dict[str, list[Flag]]:
    flags: dict[str, list[Flag]] = {}
    for flag in await db.scalars(select(Flag).where(Flag.external_userid == external_userid).order_by(Flag.id)):
        flags.setdefault(flag.message_key, []).append(flag)
    return flags


def _flag_note(flag: Flag) -> str:
    known = compliance.CATEGORY_OF.get(flag.category)
    return f"质检：{known.name if known else flag.category}"
