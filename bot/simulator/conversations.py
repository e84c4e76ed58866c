"""What one customer sees in the simulated WeChat, and what WeCom and the bot said to each other meanwhile.

Reads the world and changes nothing. What was written to a staff member went into the archive sealed, so
the chat page keeps its own ``Note`` of what was typed there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.simulator.kf import ORIGIN_CUSTOMER
from bot.simulator.pay import PacketStatus, RedPacket
from bot.simulator.world import World

HAPPENINGS_MAX = 40
LOOKED_AT_MAX = 120  # of each kind, newest
PUSHES = {
    "change_external_contact.add_external_contact": "客户添加了员工",
    "change_external_contact.add_half_external_contact": "客户免验证添加了员工",
    "change_external_contact.edit_external_contact": "员工修改了客户备注",
    "change_external_contact.del_external_contact": "员工删除了客户",
    "change_external_contact.del_follow_user": "客户删除了员工",
    "kf_msg_or_event": "微信客服里有新消息",
    "msgaudit_notify": "会话存档里有新消息",
}
CALLS = {
    "gettoken": "取 access_token",
    "externalcontact/get_follow_user_list": "读取有客户联系权限的员工",
    "externalcontact/get": "读取客户资料",
    "externalcontact/send_welcome_msg": "发送欢迎语",
    "externalcontact/get_corp_tag_list": "读取企业标签",
    "externalcontact/add_corp_tag": "新建企业标签",
    "externalcontact/mark_tag": "给客户打标签",
    "externalcontact/convert_to_openid": "换取 openid，用来发红包",
    "user/get": "读取员工资料",
    "kf/account/list": "读取客服账号",
    "kf/sync_msg": "读取客服消息",
    "kf/send_msg": "在微信客服里回复",
    "kf/customer/batchget": "读取客服里的客户资料",
    "message/send": "提醒员工",
    "simulated/finance/getchatdata": "读取会话存档",
    "mmpaymkttransfers/sendredpack": "发红包",
    "mmpaymkttransfers/gethbinfo": "查询红包状态",
}
PACKET_WORDS = {
    PacketStatus.SENT: "等你打开",
    PacketStatus.RECEIVED: "已打开",
    PacketStatus.REFUND: "24 小时没有打开，已退回商家",
}


@dataclass(frozen=True, slots=True)
class Note:
    """A message between a customer and a staff member, as typed on the chat page."""

    external_userid: str
    userid: str
    by_customer: bool
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Thread:
    """Somebody the customer can write to. ``kind`` and ``id`` make the address ``with=kf:wk…``."""

    kind: Literal["kf", "staff"]
    id: str
    name: str
    sub: str
    writable: bool = True

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.id}"


@dataclass(frozen=True, slots=True)
class Bubble:
    """One thing in the chat window. ``side`` me: the customer. A packet has its bill number and amount."""

    at: datetime
    side: Literal["me", "them", "system"]
    speaker: str
    text: str
    mch_billno: str = ""
    amount_fen: int = 0
    can_open: bool = False


@dataclass(frozen=True, slots=True)
class Happening:
    """One push to the bot (``out``) or one call from it; ``count`` alike in a row."""

    at: datetime
    out: bool
    what: str
    code: str
    good: bool
    detail: str
    count: int = 1


def threads_of(world: World, external_userid: str) -> list[Thread]:
    """微信客服 accounts, which anybody may write to; then the staff this customer has added."""
    threads = [Thread("kf", one.open_kfid, one.name, "微信客服") for one in world.kf.accounts.values()]
    for follow in world.contacts.follows.values():
        if follow.external_userid != external_userid:
            continue
        gone = follow.left_by_customer or follow.removed_at is not None
        channel = f"渠道 {follow.channel_state}" if follow.channel_state else "员工"
        name = world.contacts.staff_member(follow.userid).name
        threads.append(Thread("staff", follow.userid, name, "已删除" if gone else channel, writable=not gone))
    return threads


def bubbles_of(world: World, external_userid: str, thread: Thread, notes: Sequence[Note]) -> list[Bubble]:
    """The chat window, oldest first. Red packets come from WeChat Pay and stand in every thread."""
    lines = _kf_lines(world, external_userid, thread) if thread.kind == "kf" else ()
    found = [*lines, *_staff_lines(world, external_userid, thread, notes), *_packets(world, external_userid)]
    return sorted(found, key=lambda bubble: bubble.at)


def happenings(world: World) -> list[Happening]:
    """The newest first; the same thing in a row is one line with a count."""
    merged = sorted([*_pushes(world), *_requests(world)], key=lambda one: one.at)
    rows: list[Happening] = []
    for one in merged:
        last = rows[-1] if rows else None
        if last is not None and (last.out, last.detail, last.code) == (one.out, one.detail, one.code):
            rows[-1] = Happening(one.at, one.out, one.what, one.code, one.good, one.detail, last.count + 1)
        else:
            rows.append(one)
    return rows[: -HAPPENINGS_MAX - 1 : -1]


def tags_of(world: World, external_userid: str) -> list[str]:
    marked = world.marked_tags.items()
    return sorted({name for (_userid, external), names in marked if external == external_userid for name in names})


def openable(world: World, external_userid: str, mch_billno: str) -> bool:
    """Whether this is the customer's own packet."""
    packet = world.red_packets.get(mch_billno)
    return packet is not None and world.contacts.external_userid_of(packet.openid) == external_userid


def _kf_lines(world: World, external_userid: str, thread: Thread) -> Iterator[Bubble]:
    for at, record in world.kf.accounts[thread.id].log:
        if record.get("origin") == ORIGIN_CUSTOMER and record.get("external_userid") == external_userid:
            content = record.get("text")
            text = str(content.get("content", "")) if isinstance(content, dict) else f"[{record.get('msgtype')}]"
            yield Bubble(at, "me", "我", text)
    for sent in world.kf_sent:
        if (sent.open_kfid, sent.external_userid) == (thread.id, external_userid):
            yield Bubble(sent.at, "them", thread.name, sent.text or f"[{sent.msgtype}]")


def _staff_lines(world: World, external_userid: str, thread: Thread, notes: Sequence[Note]) -> Iterator[Bubble]:
    if thread.kind != "staff":
        return
    follow = world.contacts.follows[thread.id, external_userid]
    channel = f"（扫了渠道码 {follow.channel_state}）" if follow.channel_state else ""
    yield Bubble(follow.created_at, "system", "", f"你添加了 {thread.name}{channel}，现在可以聊天了")
    for welcome in world.welcomes:
        if (welcome.userid, welcome.external_userid) == (thread.id, external_userid):
            yield Bubble(welcome.at, "them", thread.name, welcome.text)
    for note in notes:
        if (note.userid, note.external_userid) == (thread.id, external_userid):
            yield Bubble(
                note.at, "me" if note.by_customer else "them", "我" if note.by_customer else thread.name, note.text
            )


def _packets(world: World, external_userid: str) -> Iterator[Bubble]:
    for packet in world.red_packets.values():
        if packet.status in PACKET_WORDS and world.contacts.external_userid_of(packet.openid) == external_userid:
            yield _packet(packet)


def _packet(packet: RedPacket) -> Bubble:
    return Bubble(
        packet.sent_at or packet.created_at,
        "them",
        packet.params.get("send_name", "商家"),
        f"{packet.params.get('wishing', '')}\n{PACKET_WORDS[packet.status]}",
        mch_billno=packet.mch_billno,
        amount_fen=packet.amount_fen,
        can_open=packet.status is PacketStatus.SENT,
    )


def _pushes(world: World) -> Iterator[Happening]:
    outcome = {one.push_number: one for one in world.deliveries[-4 * LOOKED_AT_MAX :]}
    for push in world.callbacks.sent[-LOOKED_AT_MAX:]:
        delivery = outcome.get(push.number)
        code, good = "在路上", True
        if delivery is not None:
            good = delivery.accepted and delivery.status == 200
            code = f"HTTP {delivery.status}" if delivery.status else "没有回答"
            code += f"，第 {delivery.attempt} 次" if delivery.attempt > 1 else ""
        yield Happening(push.created_at, out=True, what=PUSHES.get(push.name, "推送事件"), code=code, good=good,
                        detail=push.name)  # fmt: skip


def _requests(world: World) -> Iterator[Happening]:
    for one in world.requests[-LOOKED_AT_MAX:]:
        good = one.errcode in {0, "SUCCESS"}
        code = "成功" if good else str(one.errcode)
        what = CALLS.get(one.path, "调用接口")
        yield Happening(one.at, out=False, what=what, code=code, good=good, detail=one.path)
