"""One simulated corp, whole: its people's verbs, what it was told, and what misbehaves.

A story speaks to ``World``; each verb hands over to the part that owns the matter. Everything is in
memory and runs in one event loop. Callbacks are queued by the verbs and delivered by ``callbacks``.
"""

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.simulator.archive import Archive, Damage
from bot.simulator.callbacks import Callbacks, Delivery, Verification
from bot.simulator.config import WorldConfig
from bot.simulator.consents import Consents
from bot.simulator.contact_calls import ContactCalls
from bot.simulator.contacts import Contacts, Welcome
from bot.simulator.context import Context
from bot.simulator.faults import Faults
from bot.simulator.forgeries import Forgery, send_forgery
from bot.simulator.group_sends import GroupSends, GroupSent
from bot.simulator.groups import BY_INVITATION, Groups
from bot.simulator.intercepts import Intercepts
from bot.simulator.kf import Kf, KfSent
from bot.simulator.kf_accounts import KfAccounts
from bot.simulator.kf_calls import KfCalls
from bot.simulator.limits import AccessTokens, DoorKnobs
from bot.simulator.logins import Logins
from bot.simulator.media import Media
from bot.simulator.messages import StaffMessage, StaffMessages
from bot.simulator.moments import Moments
from bot.simulator.pay import FundFlow, Pay, RedPacket
from bot.simulator.pay_calls import PayCalls
from bot.simulator.sealing import event_xml
from bot.simulator.tags import Tags
from bot.simulator.transfers import Transfers
from bot.simulator.way_calls import WayCalls

OnRequest = Callable[[str, Literal["before", "after"]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request the simulator answered: its errcode (an err_code for WeChat Pay) or the fault that struck."""

    path: str
    errcode: int | str
    at: datetime


class World:
    """``clock`` and ``rng`` are the only sources of time and chance: equal seeds give equal worlds."""

    def __init__(self, config: WorldConfig, *, clock: Callable[[], datetime], rng: random.Random) -> None:
        self.config, self.clock, self.rng = config, clock, rng
        self.callbacks = Callbacks(config, clock, random.Random(rng.random()))
        self.context = Context(config, clock, rng, self.callbacks.emit)
        self.contacts = Contacts(self.context)
        self.media = Media(self.context)
        self.tags = Tags(self.context, self.contacts)
        self.contact_calls = ContactCalls(self.context, self.contacts, self.tags, self.media)
        self.way_calls = WayCalls(self.context, self.contacts)
        self.groups = Groups(self.context, self.contacts)
        self.group_sends = GroupSends(self.context, self.contacts, self.groups, self.media)
        self.transfers = Transfers(self.context, self.contacts, self.groups)
        self.intercepts = Intercepts(self.context, self.contacts)
        self.moments = Moments(self.context, self.contacts, self.media)
        self.logins = Logins(self.context, self.contacts)
        self.consents = Consents(self.context, self.contacts, self.groups)
        self.kf = Kf(self.context, self.contacts)
        self.kf_accounts = KfAccounts(self.context, self.contacts, self.kf, self.media)
        self.kf_calls = KfCalls(self.context, self.contacts, self.kf, self.media)
        self.staff_messages = StaffMessages(self.context, self.contacts)
        self.archive = Archive(self.context, self.contacts)
        self.pay = Pay(self.context, self.contacts.external_userid_of)
        self.pay_calls = PayCalls(config, self.pay)
        self.access_tokens = AccessTokens(self.context)
        self.door = DoorKnobs()
        self.faults = Faults(random.Random(rng.random()))
        self.on_request: OnRequest | None = None
        self.requests: list[RequestRecord] = []

    # What people do

    def add_staff(self, userid: str, name: str, department: int = 1) -> str:
        return self.contacts.add_staff(userid, name, department)

    def add_contact_way(self, channel_state: str, staff: str | list[str]) -> str:
        return self.contacts.add_contact_way(channel_state, staff)

    def add_visitor(self, name: str, *, external_userid: str | None = None) -> str:
        """Somebody who writes to customer service without having added any staff member."""
        return self.contacts.add_person(name, external_userid=external_userid)

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
        return self.contacts.add_contact(
            name,
            staff=staff,
            channel_state=channel_state,
            external_userid=external_userid,
            half=half,
            welcome_code=welcome_code,
        )

    def accept_contact(self, external_userid: str, *, staff: str) -> None:
        self.contacts.accept_contact(external_userid, staff=staff)

    def edit_contact(self, external_userid: str, *, staff: str, remark: str) -> None:
        self.contacts.edit_contact(external_userid, staff=staff, remark=remark)

    def delete_follow(self, external_userid: str, *, staff: str) -> None:
        self.contacts.delete_follow(external_userid, staff=staff)

    def remove_contact(self, external_userid: str, *, staff: str) -> None:
        self.contacts.remove_contact(external_userid, staff=staff)

    def leave_corp(self, userid: str) -> None:
        self.contacts.leave_corp(userid)

    def refuse_transfer(self, external_userid: str) -> None:
        self.transfers.refuse(external_userid)

    def create_group(self, name: str, owner: str, members: Sequence[str] = ()) -> str:
        return self.groups.create(name, owner, members)

    def join_group(self, chat_id: str, one_id: str, *, scene: int = BY_INVITATION, channel_state: str = "") -> None:
        self.groups.join(chat_id, one_id, scene=scene, channel_state=channel_state)

    def leave_group(self, chat_id: str, one_id: str, *, removed: bool = False) -> None:
        self.groups.leave(chat_id, one_id, removed=removed)

    def dismiss_group(self, chat_id: str) -> None:
        self.groups.dismiss(chat_id)

    def confirm_group_send(self, msgid: str, userid: str) -> None:
        """The staff member taps "send" on a task."""
        self.group_sends.confirm(msgid, userid)

    def publish_moment(self, moment_id: str, userid: str) -> None:
        self.moments.publish(moment_id, userid)

    def visit_page(self, who: str) -> str:
        """Somebody opens our page in the client; returns the OAuth code."""
        return self.logins.visit(who)

    def add_tag_group(self, name: str, tag_names: list[str]) -> str:
        return self.tags.add_tag_group(name, tag_names)

    def kf_account(self, open_kfid: str, name: str, servicers: Sequence[str] = ()) -> str:
        return self.kf.add_account(open_kfid, name, servicers=tuple(servicers))

    def kf_enter(self, external_userid: str, *, open_kfid: str) -> str:
        return self.kf.enter(external_userid, open_kfid=open_kfid)

    def kf_write(self, external_userid: str, text: str, *, open_kfid: str) -> str:
        return self.kf.write(external_userid, text, open_kfid=open_kfid)

    def kf_write_picture(self, external_userid: str, content: bytes, *, open_kfid: str) -> str:
        """The customer sends a picture (JPEG or PNG)."""
        image = {"media_id": self.media.add("image", "picture", content)}
        return self.kf.write_message(external_userid, {"msgtype": "image", "image": image}, open_kfid=open_kfid)

    def archive_write(
        self,
        sender: str,
        receivers: Sequence[str],
        text: str,
        *,
        roomid: str = "",
        at: datetime | None = None,
        msgid: str | None = None,
        damage: str = "",
    ) -> int:
        """A message enters the archive; returns its seq. ``damage`` (a ``Damage``) makes it undecryptable."""
        seq = self.archive.write(sender, receivers, text, roomid=roomid, at=at, msgid=msgid)
        if damage:
            self.archive.damage(seq, Damage(damage))
        return seq

    def archive_corrupt(self, seq: int, how: str) -> None:
        self.archive.damage(seq, Damage(how))

    def archive_repeat(self, seq: int) -> int:
        return self.archive.repeat(seq)

    def archive_upload_key(self, public_pem: str) -> int:
        return self.archive.upload_key(public_pem)

    def fund(self, amount_fen: int) -> None:
        self.pay.fund(amount_fen)

    def open_packet(self, mch_billno: str) -> None:
        self.pay.open_packet(mch_billno)

    # What the platform was told

    @property
    def welcomes(self) -> list[Welcome]:
        return self.contacts.welcomes

    @property
    def group_sent(self) -> list[GroupSent]:
        return self.group_sends.sent

    @property
    def kf_sent(self) -> list[KfSent]:
        return self.kf.sent

    @property
    def staff_shown(self) -> list[StaffMessage]:
        return self.staff_messages.shown

    @property
    def marked_tags(self) -> dict[tuple[str, str], set[str]]:
        return self.tags.names_by_follow()

    @property
    def red_packets(self) -> dict[str, RedPacket]:
        return self.pay.red_packets

    @property
    def fund_flow(self) -> list[FundFlow]:
        return self.pay.fund_flow

    @property
    def deliveries(self) -> list[Delivery]:
        return self.callbacks.deliveries

    # The post

    async def verify_callback_url(self) -> Verification:
        return await self.callbacks.verify_callback_url()

    async def deliver_all(self) -> None:
        """Deliver every queued callback, with all their repeats."""
        self.tick()
        await self.callbacks.deliver_all()

    async def forge(self, kind: Forgery, *, xml: bytes | None = None) -> int | None:
        """Post something the platform would never send; the receiver's status, None when it hung up."""
        body = xml or event_xml(
            {
                "ToUserName": self.config.corpid,
                "FromUserName": "sys",
                "CreateTime": self.context.unix(),
                "MsgType": "event",
                "Event": "change_external_contact",
                "ChangeType": "add_external_contact",
                "UserID": "forged",
                "ExternalUserID": "wmforged",
                "WelcomeCode": "forged",
            }
        )
        return await send_forgery(kind, callbacks=self.callbacks, config=self.config, xml=body)

    def tick(self) -> None:
        """Let time do its work; the runner calls it every half second, a turned clock at once."""
        self.archive.tick()
        self.pay.tick()
        self.transfers.tick()

    def log_request(self, path: str, errcode: int | str) -> None:
        self.requests.append(RequestRecord(path, errcode, self.clock()))

    async def close(self) -> None:
        await self.callbacks.close()
