"""The people of the simulated corp: staff, customers, who follows whom, contact ways, and welcome codes.

Holds the state and what people do to it (and the callbacks that follow, platform reference 3.2); what the
API may read and change is in ``contact_calls``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from bot.simulator.context import Context
from bot.simulator.replies import PlatformError

WELCOME_LIFE = timedelta(seconds=20)
ADD_WAY_QR_CODE, ADD_WAY_PHONE, ADD_WAY_ASSIGNED = 1, 2, 202


@dataclass(frozen=True, slots=True)
class Staff:
    userid: str
    name: str
    department: int = 1


@dataclass(frozen=True, slots=True)
class Contact:
    """A person outside the corp: ``wm…`` uses WeChat, ``wo…`` another corp's WeCom."""

    external_userid: str
    name: str
    gender: int = 0
    unionid: str = ""


@dataclass(slots=True)
class Follow:
    """One staff member and one contact. Remark, tags and channel belong to the pair."""

    userid: str
    external_userid: str
    created_at: datetime
    channel_state: str = ""
    add_way: int = ADD_WAY_PHONE
    remark: str = ""
    description: str = ""
    remark_company: str = ""
    remark_mobiles: list[str] = field(default_factory=list)
    tag_ids: set[str] = field(default_factory=set)
    half: bool = False  # the staff member has not accepted yet
    chatting: bool = False  # the customer has written: too late for a welcome message
    left_by_customer: bool = False
    removed_at: datetime | None = None  # the staff member deleted the customer


@dataclass(slots=True)
class WelcomeCode:
    userid: str
    external_userid: str
    issued_at: datetime
    used: bool = False


@dataclass(frozen=True, slots=True)
class ContactWay:
    config_id: str
    kind: int  # 1 one person, 2 several
    scene: int  # 1 mini program, 2 QR code
    channel_state: str
    userids: tuple[str, ...]
    remark: str = ""
    skip_verify: bool = True
    by_api: bool = False
    created_at: datetime = datetime(1970, 1, 1, tzinfo=UTC)  # set when it is put


@dataclass(frozen=True, slots=True)
class Welcome:
    """A welcome message that reached the customer."""

    external_userid: str
    text: str
    at: datetime
    userid: str
    attachments: tuple[str, ...] = ()


class Contacts:
    def __init__(self, context: Context) -> None:
        self._context = context
        self.staff: dict[str, Staff] = {}  # by lower-case userid: WeCom ignores case
        self.departed: dict[str, tuple[Staff, datetime]] = {}  # who has left the corp, and when
        self.people: dict[str, Contact] = {}
        self.follows: dict[tuple[str, str], Follow] = {}  # by (userid, external_userid)
        self.ways: dict[str, ContactWay] = {}
        self.welcome_codes: dict[str, WelcomeCode] = {}
        self.welcomes: list[Welcome] = []
        self._external_by_openid: dict[str, str] = {}
        self._openid_by_external: dict[str, str] = {}

    # What people do

    def add_staff(self, userid: str, name: str, department: int = 1) -> str:
        self.staff[userid.lower()] = Staff(userid, name, department)
        return userid

    def leave_corp(self, userid: str) -> None:
        """The staff member leaves; their customers wait to be assigned to somebody."""
        member = self.staff_member(userid)
        del self.staff[member.userid.lower()]
        self.departed[member.userid.lower()] = (member, self._context.clock())
        self._context.emit({"Event": "change_contact", "ChangeType": "delete_user", "UserID": member.userid})

    def add_person(self, name: str, *, external_userid: str | None = None, unionid: str = "") -> str:
        """Somebody outside who knows the corp without having added anybody, such as a customer-service visitor."""
        external_userid = external_userid or self._context.new_id("wm", 32)
        if not external_userid.startswith(("wm", "wo")):
            raise ValueError("an external_userid starts with wm (WeChat) or wo (WeCom)")
        self.people.setdefault(external_userid, Contact(external_userid, name, unionid=unionid))
        return external_userid

    def add_contact(
        self,
        name: str,
        *,
        staff: str,
        channel_state: str = "",
        external_userid: str | None = None,
        half: bool = False,
        welcome_code: bool = True,
    ) -> str:
        """A customer adds a staff member. ``half``: without verification, and not accepted yet."""
        userid = self.staff_member(staff).userid
        external_userid = self.add_person(name, external_userid=external_userid)
        known = self.follows.get((userid, external_userid))
        if known is not None and not known.half and not known.left_by_customer and known.removed_at is None:
            raise ValueError(f"{external_userid} already follows {userid}")
        was_half = known is not None and known.half
        self.follows[userid, external_userid] = Follow(
            userid,
            external_userid,
            created_at=self._context.clock(),
            channel_state=channel_state,
            add_way=ADD_WAY_QR_CODE if channel_state else ADD_WAY_PHONE,
            half=half,
        )
        change = "add_half_external_contact" if half else "add_external_contact"
        event = {"UserID": userid, "ExternalUserID": external_userid}
        if channel_state:
            event["State"] = channel_state
        if welcome_code and external_userid.startswith("wm") and not (was_half and self._half_code_used(event)):
            event["WelcomeCode"] = self._issue_welcome_code(userid, external_userid)
        self._emit(change, event)
        return external_userid

    def accept_contact(self, external_userid: str, *, staff: str) -> None:
        """The staff member accepts a half-added customer."""
        follow = self.follows[self.staff_member(staff).userid, external_userid]
        if not follow.half:
            raise ValueError("nothing to accept")
        self.add_contact(
            self.people[external_userid].name,
            staff=staff,
            channel_state=follow.channel_state,
            external_userid=external_userid,
        )

    def delete_follow(self, external_userid: str, *, staff: str) -> None:
        """The customer deletes the staff member: still listed, still reachable one way."""
        self.follow(staff, external_userid).left_by_customer = True
        self._emit("del_follow_user", {"UserID": self.staff_member(staff).userid, "ExternalUserID": external_userid})

    def remove_contact(self, external_userid: str, *, staff: str) -> None:
        """The staff member deletes the customer."""
        self.follow(staff, external_userid).removed_at = self._context.clock()
        event = {"UserID": self.staff_member(staff).userid, "ExternalUserID": external_userid}
        self._emit("del_external_contact", event)

    def edit_contact(self, external_userid: str, *, staff: str, remark: str) -> None:
        """The staff member changes the remark in the client, which sends an event; the API's change does not."""
        follow = self.follow(staff, external_userid)
        follow.remark = remark
        self._emit("edit_external_contact", {"UserID": follow.userid, "ExternalUserID": external_userid})

    def move_follow(self, follow: Follow, takeover: str) -> None:
        """An inheritance takes effect: tags and remark go along, both sides hear of it (reference 3.2, 3.13)."""
        now = self._context.clock()
        follow.removed_at = now
        self.follows[takeover, follow.external_userid] = replace(
            follow, userid=takeover, created_at=now, add_way=ADD_WAY_ASSIGNED, removed_at=None
        )
        gone = {"UserID": follow.userid, "ExternalUserID": follow.external_userid, "Source": "DELETE_BY_TRANSFER"}
        self._emit("del_external_contact", gone)
        self._emit("add_external_contact", {"UserID": takeover, "ExternalUserID": follow.external_userid})

    def fail_transfer(self, external_userid: str, takeover: str, reason: str) -> None:
        event = {"FailReason": reason, "UserID": takeover, "ExternalUserID": external_userid}
        self._emit("transfer_fail", event)

    def agree_to_archiving(self, external_userid: str, *, staff: str) -> None:
        """The customer agrees; the event brings a welcome code of its own."""
        follow = self.follow(staff, external_userid)
        code = self._issue_welcome_code(follow.userid, external_userid)
        event = {"UserID": follow.userid, "ExternalUserID": external_userid, "WelcomeCode": code}
        self._emit("msg_audit_approved", event)

    def add_contact_way(self, channel_state: str, staff: str | list[str]) -> str:
        """The admin makes a channel code; the API's own is ``externalcontact/add_contact_way``."""
        userids = tuple(self.staff_member(userid).userid for userid in ([staff] if isinstance(staff, str) else staff))
        return self.put_way(
            ContactWay("", kind=1 if len(userids) == 1 else 2, scene=2, channel_state=channel_state, userids=userids)
        )

    # What other parts ask

    def put_way(self, way: ContactWay) -> str:
        config_id = "".join(self._context.rng.choices("0123456789abcdef", k=32))
        self.ways[config_id] = replace(way, config_id=config_id, created_at=self._context.clock())
        return config_id

    def staff_member(self, userid: str) -> Staff:
        try:
            return self.staff[userid.lower()]
        except KeyError:
            raise PlatformError(60111, userid) from None

    def follow(self, userid: str, external_userid: str) -> Follow:
        """The living relation, or the platform's refusal: 40096 for a stranger's id, 84061 for no contact."""
        if external_userid not in self.people:
            raise PlatformError(40096)
        member = self.staff.get(userid.lower())
        follow = self.follows.get((member.userid, external_userid)) if member else None
        if follow is None or follow.half or follow.removed_at is not None:
            raise PlatformError(84061)
        return follow

    def visible_follows(self, external_userid: str) -> Iterator[Follow]:
        """Relations ``externalcontact/get`` shows: a removed one may linger for a while (reference 1.5)."""
        now = self._context.clock()
        for follow in self.follows.values():
            if follow.external_userid != external_userid:
                continue
            lingers = self._context.config.deleted_follower_lingers
            if follow.removed_at is None or now < follow.removed_at + lingers:
                yield follow

    def follows_of(self, userid: str) -> list[Follow]:
        return [f for f in self.follows.values() if f.userid.lower() == userid.lower() and f.removed_at is None]

    def note_chat(self, external_userid: str, userid: str) -> None:
        """The customer wrote to this staff member."""
        if follow := self.follows.get((userid, external_userid)):
            follow.chatting = True

    def openid_of(self, external_userid: str) -> str:
        """The openid WeChat Pay knows this customer by, issued once."""
        if external_userid not in self._openid_by_external:
            openid = self._context.new_id("o", 28)
            self._openid_by_external[external_userid] = openid
            self._external_by_openid[openid] = external_userid
        return self._openid_by_external[external_userid]

    def external_userid_of(self, openid: str) -> str | None:
        """The customer behind an openid this corp was given; None for an openid of somewhere else."""
        return self._external_by_openid.get(openid)

    def _issue_welcome_code(self, userid: str, external_userid: str) -> str:
        code = self._context.new_id("CALLBACK", 40)
        self.welcome_codes[code] = WelcomeCode(userid, external_userid, issued_at=self._context.clock())
        return code

    def _half_code_used(self, event: dict[str, str]) -> bool:
        pair = (event["UserID"], event["ExternalUserID"])
        return any(code.used and (code.userid, code.external_userid) == pair for code in self.welcome_codes.values())

    def _emit(self, change: str, fields: dict[str, str]) -> None:
        self._context.emit({"Event": "change_external_contact", "ChangeType": change, **fields})
