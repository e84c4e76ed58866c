"""Customer groups: platform reference 3.3 (events) and 3.12 (API).

Member data is read late: for a moment after an event the API still shows the members of before. Each change
of members has a version, so that a client can see that it missed one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.simulator.contacts import Contacts, Staff
from bot.simulator.context import Context, XmlValue
from bot.simulator.replies import Fields, JsonObject, PlatformError, page

OWNERS_MAX = 100
BY_INVITATION, BY_LINK, BY_QR_CODE = 1, 2, 3
EVENT_JOIN_SCENE = {BY_INVITATION: 0, BY_LINK: 0, BY_QR_CODE: 3}
LEFT, REMOVED = 0, 1
STATUS_NORMAL, STATUS_OWNER_LEFT, STATUS_INHERITING, STATUS_INHERITED = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class Member:
    """A userid of staff, or an external_userid."""

    one_id: str
    joined_at: datetime
    join_scene: int
    invitor: str = ""
    channel_state: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The members after one change."""

    at: datetime
    version: str
    members: tuple[Member, ...]


@dataclass(slots=True)
class Group:
    chat_id: str
    name: str
    owner: str
    created_at: datetime
    snapshots: list[Snapshot]
    notice: str = ""
    admins: list[str] = field(default_factory=list)
    inherited: bool = False
    moves: list[datetime] = field(default_factory=list)

    @property
    def now(self) -> Snapshot:
        return self.snapshots[-1]


class Groups:
    def __init__(self, context: Context, contacts: Contacts) -> None:
        self._context, self._contacts = context, contacts
        self.groups: dict[str, Group] = {}

    # What people do

    def create(self, name: str, owner: str, members: Sequence[str] = ()) -> str:
        """A staff member opens a group. Returns its chat_id."""
        member, now = self._contacts.staff_member(owner), self._context.clock()
        chat_id = self._context.new_id("wr", 32)
        first = tuple(Member(one, now, BY_INVITATION, member.userid) for one in (member.userid, *members))
        self.groups[chat_id] = Group(chat_id, name, member.userid, now, [Snapshot(now, self._version(), first)])
        self._emit("create", chat_id)
        return chat_id

    def join(
        self, chat_id: str, one_id: str, *, scene: int = BY_INVITATION, invitor: str = "", channel_state: str = ""
    ) -> None:
        group = self.living(chat_id)
        if any(member.one_id == one_id for member in group.now.members):
            raise ValueError(f"{one_id} is in this group already")
        joined = Member(one_id, self._context.clock(), scene, invitor or group.owner, channel_state)
        self._change(group, (*group.now.members, joined), "add_member", {"JoinScene": EVENT_JOIN_SCENE[scene]}, one_id)

    def leave(self, chat_id: str, one_id: str, *, removed: bool = False) -> None:
        group = self.living(chat_id)
        rest = tuple(member for member in group.now.members if member.one_id != one_id)
        if len(rest) == len(group.now.members):
            raise ValueError(f"{one_id} is not in this group")
        self._change(group, rest, "del_member", {"QuitScene": REMOVED if removed else LEFT}, one_id)

    def rename(self, chat_id: str, name: str) -> None:
        self.living(chat_id).name = name
        self._emit("update", chat_id, UpdateDetail="change_name")

    def announce(self, chat_id: str, notice: str) -> None:
        self.living(chat_id).notice = notice
        self._emit("update", chat_id, UpdateDetail="change_notice")

    def dismiss(self, chat_id: str) -> None:
        del self.groups[self.living(chat_id).chat_id]
        self._emit("dismiss", chat_id)

    # What the API does

    def list_all(self, fields: Fields) -> JsonObject:
        status = fields.integer("status_filter", 0, high=3)
        limit = fields.integer("limit", 100, low=1, high=1000)
        wanted = fields.table("owner_filter")
        owners = [one.lower() for one in wanted.texts("userid_list", count_max=OWNERS_MAX)] if wanted else []
        rows: list[JsonObject] = [
            {"chat_id": group.chat_id, "status": self._status(group)}
            for group in self.groups.values()
            if (not owners or group.owner.lower() in owners) and status in (0, self._status(group))
        ]
        shown, next_cursor = page(rows, cursor=fields.text_or("cursor"), limit=limit)
        return {"group_chat_list": shown, "next_cursor": next_cursor}

    def get(self, fields: Fields) -> JsonObject:
        group = self.living(fields.text("chat_id", missing=40050))
        with_names = fields.integer("need_name", 0, high=1)
        snapshot = self._readable(group)
        return {
            "group_chat": {
                "chat_id": group.chat_id,
                "name": group.name,
                "owner": group.owner,
                "create_time": int(group.created_at.timestamp()),
                "notice": group.notice,
                "member_list": [self._member_json(member, with_names=bool(with_names)) for member in snapshot.members],
                "admin_list": [{"userid": userid} for userid in group.admins],
                "member_version": snapshot.version,
            }
        }

    def change_owner(self, group: Group, owner: Staff) -> None:
        """An inheritance: at once, told by an event."""
        group.owner, group.inherited = owner.userid, True
        group.moves.append(self._context.clock())
        self._emit("update", group.chat_id, UpdateDetail="change_owner")

    def living(self, chat_id: str) -> Group:
        try:
            return self.groups[chat_id]
        except KeyError:
            raise PlatformError(40050) from None

    def _status(self, group: Group) -> int:
        if group.owner.lower() in self._contacts.departed:
            return STATUS_OWNER_LEFT
        return STATUS_INHERITED if group.inherited else STATUS_NORMAL

    def _readable(self, group: Group) -> Snapshot:
        """The newest members old enough to be shown; a new group's are shown at once."""
        limit = self._context.clock() - self._context.config.group_data_delay
        shown = [snapshot for snapshot in group.snapshots[1:] if snapshot.at <= limit]
        return shown[-1] if shown else group.snapshots[0]

    def _change(
        self, group: Group, members: tuple[Member, ...], detail: str, scene: dict[str, XmlValue], who: str
    ) -> None:
        before = group.now.version
        group.snapshots.append(Snapshot(self._context.clock(), self._version(), members))
        changed: dict[str, XmlValue] = {"UpdateDetail": detail, **scene, "MemChangeCnt": 1}
        if self._context.config.group_pushes_name_members:
            changed["MemChangeList"] = {"Item": who}
        self._emit("update", group.chat_id, **changed, LastMemVer=before, CurMemVer=group.now.version)

    def _member_json(self, member: Member, *, with_names: bool) -> JsonObject:
        external = self._contacts.people.get(member.one_id)
        row: JsonObject = {
            "userid": member.one_id,
            "type": 2 if external else 1,
            "join_time": int(member.joined_at.timestamp()),
            "join_scene": member.join_scene,
            "group_nickname": "",
        }
        if member.invitor:
            row["invitor"] = {"userid": member.invitor}
        if member.channel_state:
            row["state"] = member.channel_state
        if external and external.unionid:
            row["unionid"] = external.unionid
        if with_names:
            staff = self._contacts.staff.get(member.one_id.lower())
            row["name"] = external.name if external else staff.name if staff else ""
        return row

    def _version(self) -> str:
        return "".join(self._context.rng.choices("0123456789abcdef", k=32))

    def _emit(self, change: str, chat_id: str, **fields: XmlValue) -> None:
        self._context.emit(
            {"Event": "change_external_chat", "ChatId": chat_id, "ChangeType": change, **fields}
        )  # fmt: skip
