"""Friends added, edited and lost: greet once inside 20 seconds, keep the follow, fetch the rest later."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

import scripts_library
import tagger
from bot import decisions, mailbox
from bot.contacts import store as contacts
from bot.decisions import DecisionKind
from bot.handlers.context import Context
from bot.kinds import InboxKind, OutboxKind
from bot.mailbox import Lane, Letter, Priority
from bot.wecom.events import ContactAdded, ContactEdited, ContactLost, ContactRemoved
from scripts_library import store as scripts

Tag = tuple[str, str]  # group, tag

WELCOME_WINDOW = timedelta(seconds=20)  # send_welcome_msg, counted from the event (platform reference 3.6)


async def on_contact_added(event: ContactAdded, ctx: Context) -> None:
    """Queue the welcome first, then note the follow. Safe to repeat: every intent has a key."""
    if event.welcome_code:
        await _queue_welcome(event, ctx)
    else:
        await decisions.add(
            ctx.db,
            DecisionKind.WELCOME,
            key=f"welcome:{event.key}",
            external_userid=event.external_userid,
            outcome="没有发送欢迎语",
            because=["企业微信这次没有给欢迎码：可能管理后台已设置欢迎语、双方聊过天，或前一次添加已经用掉"],
            now=ctx.now,
        )
    state = "half_added" if event.half else "active"
    await contacts.note_contact(ctx.db, event.external_userid, now=ctx.now)
    await contacts.note_staff(ctx.db, event.userid, now=ctx.now)
    await contacts.note_follow(
        ctx.db,
        event.external_userid,
        event.userid,
        state=state,
        channel_state=event.channel_state,
        now=event.created_at,
    )
    await queue_sync(ctx, event.external_userid, key=f"sync:{event.key}")
    earned = [
        (tag.group, tag.tag) for tag in await tagger.tags_of(ctx.db, event.external_userid) if tag.state == "applied"
    ]
    if earned and not event.half:  # earned before this follow was there, for example in 微信客服
        await mailbox.put_many(
            ctx.db,
            Lane.CALLS,
            [mark_letter(event.userid, event.external_userid, earned, occasion=event.key)],
            now=ctx.now,
        )


async def on_contact_edited(event: ContactEdited, ctx: Context) -> None:
    await queue_sync(ctx, event.external_userid, key=f"sync:{event.key}")


async def on_contact_gone(event: ContactLost | ContactRemoved, ctx: Context) -> None:
    """The customer left (lost) or the staff member deleted the customer (removed)."""
    state = "lost" if isinstance(event, ContactLost) else "removed"
    await contacts.note_contact(ctx.db, event.external_userid, now=ctx.now)
    await contacts.note_follow(
        ctx.db, event.external_userid, event.userid, state=state, channel_state=None, now=event.created_at
    )


def mark_letter(userid: str, external_userid: str, tags: Sequence[Tag], *, occasion: str = "") -> Letter:
    """The intent to mark tags for one follow, named after tags and occasion so that it is made once for each."""
    ordered = sorted(set(tags))
    name = mailbox.digest([occasion, *(f"{group}/{tag}" for group, tag in ordered)])
    return _tags_letter(userid, external_userid, add=ordered, remove=[], name=name)


async def on_tag_decided(db: AsyncSession, decision: tagger.Decision, now: datetime) -> None:
    """A person accepted or took away a tag: WeCom follows, in the transaction that keeps the decision."""
    tag = [(decision.group, decision.tag)]
    if decision.state == "applied":
        add, remove = tag, []
    elif decision.was_applied:
        add, remove = [], tag
    else:
        return
    follows = await contacts.follows_of(db, [decision.external_userid])
    name = mailbox.digest([decision.state, decision.group, decision.tag, now.isoformat()])
    letters = [
        _tags_letter(follow.userid, follow.external_userid, add=add, remove=remove, name=name)
        for follow in follows
        if follow.state == "active"
    ]
    await mailbox.put_many(db, Lane.CALLS, letters, now=now)


def _tags_letter(userid: str, external_userid: str, *, add: Sequence[Tag], remove: Sequence[Tag], name: str) -> Letter:
    payload = {
        "userid": userid,
        "external_userid": external_userid,
        "add": [list(tag) for tag in add],
        "remove": [list(tag) for tag in remove],
    }
    key = f"tags:{external_userid}:{userid}:{name}"
    return Letter(OutboxKind.MARK_TAGS, payload, key, subject=f"{external_userid}:tags")


async def queue_sync(ctx: Context, external_userid: str, *, key: str) -> None:
    """Fetch the contact's details when there is time."""
    await mailbox.put(
        ctx.db,
        Lane.FETCH,
        InboxKind.SYNC_CONTACT,
        {"external_userid": external_userid},
        key=key,
        now=ctx.now,
        priority=Priority.BULK,
    )


async def note_greet_by_hand(db: AsyncSession, payload: Mapping[str, Any], *, key: str, now: datetime) -> None:
    """A welcome that came too late is never sent late: leave its text for a person to send."""
    await decisions.add(
        db,
        DecisionKind.WELCOME,
        key=f"late:{key}",
        external_userid=str(payload["external_userid"]),
        outcome="欢迎语没能在 20 秒内发出，请员工手动问候",
        because=["欢迎码 20 秒内有效、只能用一次，过期后企业微信不再受理", f"准备好的话术：{payload['text']}"],
        now=now,
    )


async def _queue_welcome(event: ContactAdded, ctx: Context) -> None:
    key = f"welcome:{event.welcome_code}"
    choice = await scripts.current(ctx.db, "welcome", channel_state=event.channel_state or None, at=ctx.now)
    script = choice.script
    if script is None:
        await decisions.add(
            ctx.db,
            DecisionKind.WELCOME,
            key=key,
            external_userid=event.external_userid,
            outcome="没有发送欢迎语",
            because=choice.why,
            now=ctx.now,
        )
        return
    names = await contacts.staff_names(ctx.db, [event.userid])
    values = {"员工姓名": names.get(event.userid, ""), "店铺名": ctx.shop_name}
    text = scripts_library.render(script.body, values, kind=script.kind).text
    await mailbox.put(
        ctx.db,
        Lane.WELCOMES,
        OutboxKind.SEND_WELCOME,
        {
            "welcome_code": event.welcome_code,
            "text": text,
            "userid": event.userid,
            "external_userid": event.external_userid,
        },
        key=key,
        now=ctx.now,
        priority=Priority.URGENT,
        expires_at=event.created_at + WELCOME_WINDOW,
    )
    await decisions.add(
        ctx.db,
        DecisionKind.WELCOME,
        key=key,
        external_userid=event.external_userid,
        outcome=f"发送欢迎语「{script.title}」",
        because=choice.why,
        now=ctx.now,
    )
