"""Corp tags and their groups: platform reference 3.4 (events) and 3.8 (API)."""

from dataclasses import dataclass, field
from datetime import datetime

from bot.simulator.contacts import Contacts, Follow
from bot.simulator.context import Context
from bot.simulator.replies import Fields, JsonObject, PlatformError

TAGS_MAX = 3000
NAME_CHARS_MAX = 30


@dataclass(slots=True)
class Tag:
    tag_id: str
    name: str
    order: int
    created_at: datetime


@dataclass(slots=True)
class TagGroup:
    group_id: str
    name: str
    order: int
    created_at: datetime
    tags: list[Tag] = field(default_factory=list)


class Tags:
    def __init__(self, context: Context, contacts: Contacts) -> None:
        self._context, self._contacts = context, contacts
        self.groups: dict[str, TagGroup] = {}

    @property
    def tags(self) -> dict[str, Tag]:
        return {tag.tag_id: tag for group in self.groups.values() for tag in group.tags}

    def of(self, follow: Follow) -> list[JsonObject]:
        """The tags of a relation as ``externalcontact/get`` shows them."""
        return [
            {"group_name": group.name, "tag_name": tag.name, "tag_id": tag.tag_id, "type": 1}
            for group in self.groups.values()
            for tag in group.tags
            if tag.tag_id in follow.tag_ids
        ]

    def names_by_follow(self) -> dict[tuple[str, str], set[str]]:
        """(userid, external_userid) → tag names, for relations that have any."""
        tags = self.tags
        return {
            pair: {tags[tag_id].name for tag_id in follow.tag_ids if tag_id in tags}
            for pair, follow in self._contacts.follows.items()
            if follow.tag_ids
        }

    # What the admin does (with events; the API's own changes send none)

    def add_tag_group(self, name: str, tag_names: list[str]) -> str:
        """Several events within one second, as the platform sends them."""
        group, created = self._put(name=name, group_id="", names=[(n, 0) for n in tag_names], order=0)
        self._emit("create", group.group_id, "tag_group")
        for tag in created:
            self._emit("create", tag.tag_id, "tag")
        return group.group_id

    def delete_tag_group(self, group_id: str) -> None:
        """One event for the group and none for its tags."""
        self._drop(set(), {group_id})
        self._emit("delete", group_id, "tag_group")

    # What the API does

    def get_corp_tag_list(self, fields: Fields) -> JsonObject:
        tag_ids = set(fields.texts("tag_id", count_max=TAGS_MAX))
        group_ids = set() if tag_ids else set(fields.texts("group_id", count_max=TAGS_MAX))
        shown: list[JsonObject] = []
        for group in self.groups.values():
            tags = [tag for tag in group.tags if not tag_ids or tag.tag_id in tag_ids]
            if (tag_ids and not tags) or (group_ids and group.group_id not in group_ids):
                continue
            shown.append(_group_json(group, tags))
        return {"tag_group": shown}

    def add_corp_tag(self, fields: Fields) -> JsonObject:
        rows = fields.rows("tag", count_max=TAGS_MAX)
        if not rows:
            raise PlatformError(40063, "tag")
        names = [(_name(row), row.integer("order", 0)) for row in rows]
        group_id = fields.text_or("group_id")
        name = "" if group_id else _name(fields, "group_name")
        group, created = self._put(name=name, group_id=group_id, names=names, order=fields.integer("order", 0))
        return {"tag_group": _group_json(group, created)}

    def edit_corp_tag(self, fields: Fields) -> JsonObject:
        one_id = fields.text("id", missing=40068)
        item: Tag | TagGroup | None = self.groups.get(one_id) or self.tags.get(one_id)
        if item is None:
            raise PlatformError(40068)
        if "name" in fields:
            name = _name(fields)
            if name != item.name and name in self._sibling_names(item):
                raise PlatformError(40071)
            item.name = name
        item.order = fields.integer("order", item.order)
        return {}

    def del_corp_tag(self, fields: Fields) -> JsonObject:
        tag_ids = set(fields.texts("tag_id", count_max=TAGS_MAX))
        group_ids = set(fields.texts("group_id", count_max=TAGS_MAX))
        if not tag_ids and not group_ids:
            raise PlatformError(40063, "tag_id")
        if not tag_ids <= set(self.tags) or not group_ids <= set(self.groups):
            raise PlatformError(40068)
        self._drop(tag_ids, group_ids)
        return {}

    def _put(self, *, name: str, group_id: str, names: list[tuple[str, int]], order: int) -> tuple[TagGroup, list[Tag]]:
        """Add tags to a group, by id, by name, or a new one."""
        if group_id and group_id not in self.groups:
            raise PlatformError(40068)
        by_name = next((group for group in self.groups.values() if group.name == name), None)
        group = self.groups.get(group_id) or by_name
        taken = {tag.name for tag in group.tags} if group else set()
        wanted = [tag_name for tag_name, _order in names]
        if taken & set(wanted) or len(set(wanted)) != len(wanted):
            raise PlatformError(40071)
        if len(self.tags) + len(wanted) > TAGS_MAX:
            raise PlatformError(40126)
        now = self._context.clock()
        if group is None:
            group = TagGroup(self._context.new_id("et", 32), name, order, now)
            self.groups[group.group_id] = group
        created = [Tag(self._context.new_id("et", 32), tag_name, tag_order, now) for tag_name, tag_order in names]
        group.tags.extend(created)
        return group, created

    def _drop(self, tag_ids: set[str], group_ids: set[str]) -> None:
        for group in list(self.groups.values()):
            if group.group_id in group_ids:
                tag_ids |= {tag.tag_id for tag in group.tags}
            group.tags = [tag for tag in group.tags if tag.tag_id not in tag_ids]
            if not group.tags:  # a group disappears with its last tag
                del self.groups[group.group_id]
        for follow in self._contacts.follows.values():
            follow.tag_ids -= tag_ids

    def _sibling_names(self, item: Tag | TagGroup) -> set[str]:
        if isinstance(item, TagGroup):
            return {group.name for group in self.groups.values()}
        return {tag.name for group in self.groups.values() if item in group.tags for tag in group.tags}

    def _emit(self, change: str, one_id: str, kind: str) -> None:
        event = {"Event": "change_external_tag", "ChangeType": change, "Id": one_id, "TagType": kind}
        self._context.emit(event)


def _name(fields: Fields, key: str = "name") -> str:
    name = fields.text(key, missing=40071)
    if len(name) > NAME_CHARS_MAX:
        raise PlatformError(40072)
    return name


def _group_json(group: TagGroup, tags: list[Tag]) -> JsonObject:
    rows = sorted(tags, key=lambda tag: -tag.order)
    return {
        "group_id": group.group_id,
        "group_name": group.name,
        "create_time": int(group.created_at.timestamp()),
        "order": group.order,
        "tag": [
            {"id": tag.tag_id, "name": tag.name, "create_time": int(tag.created_at.timestamp()), "order": tag.order}
            for tag in rows
        ],
    }
