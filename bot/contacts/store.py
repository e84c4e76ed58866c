"""Read and write staff, contacts, follows and corp tags. Never commits, never calls WeCom."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.contacts.tables import Contact, CorpTag, Follow, Staff
from kernel.database import insert_once


async def note_contact(db: AsyncSession, external_userid: str, *, now: datetime) -> bool:
    """Make sure the contact has a row. True when it is new to us."""
    values = {"external_userid": external_userid, "name": "", "first_seen_at": now}
    return await insert_once(db, Contact, values, unique=("external_userid",))


async def note_contacts(db: AsyncSession, external_userids: Iterable[str], *, now: datetime) -> list[str]:
    """The same for many at once; returns those that are new."""
    wanted = set(external_userids)
    known = set(await db.scalars(select(Contact.external_userid).where(Contact.external_userid.in_(wanted))))
    return [one for one in sorted(wanted - known) if await note_contact(db, one, now=now)]


async def note_staff(db: AsyncSession, userid: str, *, now: datetime) -> None:
    await insert_once(db, Staff, {"userid": userid, "name": "", "seen_at": now}, unique=("userid",))


async def note_follow(
    db: AsyncSession, external_userid: str, userid: str, *, state: str, channel_state: str | None, now: datetime
) -> None:
    """Record what an event says of a follow; events may come late, so the newest ``now`` wins."""
    values = {
        "external_userid": external_userid,
        "userid": userid,
        "channel_state": channel_state or "",
        "remark": "",
        "state": state,
        "added_at": now,
        "changed_at": now,
    }
    if await insert_once(db, Follow, values, unique=("external_userid", "userid")):
        return
    change: dict[str, Any] = {"state": state, "changed_at": now}
    if channel_state:
        change["channel_state"] = channel_state
    await db.execute(
        update(Follow)
        .where(Follow.external_userid == external_userid, Follow.userid == userid, Follow.changed_at <= now)
        .values(**change)
    )


async def save_contact(db: AsyncSession, answer: dict[str, Any], *, now: datetime) -> None:
    """Write what ``externalcontact/get`` answered: the contact and everyone who follows it."""
    contact = answer["external_contact"]
    external_userid = str(contact["external_userid"])
    await note_contact(db, external_userid, now=now)
    await db.execute(
        update(Contact)
        .where(Contact.external_userid == external_userid)
        .values(name=str(contact.get("name", ""))[:128], unionid=contact.get("unionid"), synced_at=now)
    )
    for follow in answer.get("follow_user", []):
        userid = str(follow["userid"])
        await note_staff(db, userid, now=now)
        values = {
            "external_userid": external_userid,
            "userid": userid,
            "channel_state": str(follow.get("state", "")),
            "remark": str(follow.get("remark", ""))[:64],
            "state": "active",
            "added_at": datetime.fromtimestamp(int(follow.get("createtime", 0)), UTC),
            "changed_at": now,
        }
        if not await insert_once(db, Follow, values, unique=("external_userid", "userid")):
            pair = (Follow.external_userid == external_userid, Follow.userid == userid)
            # The state belongs to events: WeCom still lists a follower right after a deletion.
            kept = {name: values[name] for name in ("channel_state", "remark") if values[name]}
            if kept:
                await db.execute(update(Follow).where(*pair).values(**kept))


async def save_name(db: AsyncSession, external_userid: str, name: str, *, now: datetime) -> None:
    query = update(Contact).where(Contact.external_userid == external_userid)
    await db.execute(query.values(name=name[:128], synced_at=now))


async def save_staff_names(db: AsyncSession, names: Mapping[str, str], *, now: datetime) -> None:
    for userid, name in names.items():
        await note_staff(db, userid, now=now)
        await db.execute(update(Staff).where(Staff.userid == userid).values(name=name[:64]))


async def get_contact(db: AsyncSession, external_userid: str) -> Contact | None:
    return await db.get(Contact, external_userid)


async def staff_names(db: AsyncSession, userids: Iterable[str]) -> dict[str, str]:
    """Names by userid, for those that have one."""
    rows = await db.execute(select(Staff.userid, Staff.name).where(Staff.userid.in_(set(userids)), Staff.name != ""))
    return dict(rows.all())


async def contact_names(db: AsyncSession, external_userids: Iterable[str]) -> dict[str, str]:
    wanted = set(external_userids)
    rows = await db.execute(
        select(Contact.external_userid, Contact.name).where(Contact.external_userid.in_(wanted), Contact.name != "")
    )
    return dict(rows.all())


async def follows_of(db: AsyncSession, external_userids: Iterable[str]) -> Sequence[Follow]:
    query = select(Follow).where(Follow.external_userid.in_(set(external_userids)))
    return (await db.scalars(query.order_by(Follow.added_at, Follow.id))).all()


async def replace_corp_tags(db: AsyncSession, groups: Iterable[dict[str, Any]]) -> None:
    """Write the corp's whole tag list as ``get_corp_tag_list`` gives it."""
    await db.execute(delete(CorpTag))
    await add_corp_tags(db, groups)


async def add_corp_tags(db: AsyncSession, groups: Iterable[dict[str, Any]]) -> None:
    for group in groups:
        for tag in group.get("tag", []):
            values = {"tag_id": tag["id"], "group_name": group["group_name"], "name": tag["name"]}
            await insert_once(db, CorpTag, values, unique=("group_name", "name"))


async def corp_tag_ids(db: AsyncSession, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """(group, tag) → tag id, for those WeCom is known to have."""
    pairs = set(wanted)
    groups = {group for group, _ in pairs}
    rows = await db.scalars(select(CorpTag).where(CorpTag.group_name.in_(groups)))
    found = {(row.group_name, row.name): row.tag_id for row in rows}
    return {pair: found[pair] for pair in pairs if pair in found}
