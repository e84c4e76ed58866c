"""Messages, from 微信客服 or from the archive: keep, tag, scan, read order numbers. All in one commit.

A message that is stored already is skipped whole: its effects were committed with it.
"""

from collections.abc import Sequence

import compliance
import tagger
from bot import mailbox
from bot.archive import messages as archived
from bot.contacts import store as contacts
from bot.conversations import kf
from bot.conversations import store as conversations
from bot.conversations.store import Said
from bot.handlers import order
from bot.handlers.contact import Tag, mark_letter
from bot.handlers.context import Context
from bot.kinds import InboxKind
from bot.mailbox import Item, Lane, Letter, Priority
from compliance import store as flags

SPEAKERS = ("customer", "staff")


async def on_messages(items: Sequence[Item], ctx: Context) -> None:
    """Handle a batch. Content of a kind we cannot read is kept raw."""
    said: list[Said] = []
    for item in items:
        read = archived.to_said if item.kind == InboxKind.ARCHIVED_MESSAGE else kf.to_said
        what = read(item.payload)
        if isinstance(what, Said):
            said.append(what)
        elif isinstance(what, archived.Recalled):
            await conversations.mark_recalled(ctx.db, what.key)
    fresh = await conversations.add_messages(ctx.db, said)
    await _note_people(fresh, ctx)
    await _tag(fresh, ctx)
    await _scan(fresh, ctx)
    for one in fresh:
        if one.role == "customer" and one.msgtype == "text":
            await order.on_customer_text(one, ctx)


async def _note_people(fresh: Sequence[Said], ctx: Context) -> None:
    origins = {one.external_userid: one.origin for one in fresh if one.external_userid}
    new = await contacts.note_contacts(ctx.db, origins, now=ctx.now)
    letters = [
        Letter(
            InboxKind.SYNC_CONTACT,
            {"external_userid": external_userid, "origin": origins[external_userid]},
            f"sync:{external_userid}",
            priority=Priority.BULK,
        )
        for external_userid in new
    ]
    await mailbox.put_many(ctx.db, Lane.FETCH, letters, now=ctx.now)


async def _tag(fresh: Sequence[Said], ctx: Context) -> None:
    """Suggest tags; those a rule may set by itself are marked in WeCom for everyone who follows the contact."""
    earned = [
        tagger.Recording(
            external_userid=one.external_userid,
            message_key=one.key,
            suggestions=tuple(tagger.suggest(one.text[: tagger.TEXT_MAX], ctx.tags, speaker=one.role)),
            userid=one.partner if one.origin == "archive" else None,
            library_version=ctx.tags.version,
        )
        for one in fresh
        if one.external_userid and one.text and one.role in SPEAKERS
    ]
    new: dict[str, list[Tag]] = {}
    pairs: set[tuple[str, str]] = set()
    for marking in await tagger.record_many(ctx.db, earned, now=ctx.now):
        new.setdefault(marking.external_userid, []).append((marking.suggestion.group, marking.suggestion.tag))
        if marking.userid:  # they write to each other, so the follow is there even before we have read it
            pairs.add((marking.external_userid, marking.userid))
    pairs.update(
        (one.external_userid, one.userid) for one in await contacts.follows_of(ctx.db, new) if one.state == "active"
    )
    letters = [mark_letter(userid, external_userid, new[external_userid]) for external_userid, userid in sorted(pairs)]
    await mailbox.put_many(ctx.db, Lane.CALLS, letters, now=ctx.now)


async def _scan(fresh: Sequence[Said], ctx: Context) -> None:
    scanned = []
    for one in fresh:
        role: compliance.Role = "customer" if one.role == "customer" else "staff"
        hits = compliance.scan(one.text, ctx.lexicon, role=role) if one.text and one.role in SPEAKERS else []
        if hits:
            scanned.append(flags.Scanned(hits, one.key, one.external_userid, one.partner, role))
    await flags.record_many(ctx.db, scanned, lexicon_version=ctx.lexicon.version, now=ctx.now)
