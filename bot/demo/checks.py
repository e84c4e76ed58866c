"""What must be true when the day is over. Each line is looked up, in the simulated platform or in the database."""

from dataclasses import dataclass

from sqlalchemy import func, select

import tagger
from bot.archive.tables import Envelope
from bot.contacts.tables import Follow
from bot.conversations.tables import Message
from bot.demo import shop
from bot.demo.day import CHEN, FORGERIES, LIN, QIAN, SUN, WANG, ZHAO, ZHOU, Day
from bot.mailbox import Mail, State
from bot.orders.tables import OrderBinding
from bot.red_packets.ledger import check_invariants
from compliance.tables import Flag


@dataclass(frozen=True, slots=True)
class Check:
    """One expectation of the story."""

    what: str
    expected: str
    got: str

    @property
    def holds(self) -> bool:
        return self.expected == self.got


async def check_day(day: Day) -> list[Check]:
    """Look at everything that should have come of the day."""
    return [*_greetings(day), *_money(day), *_answers(day), *_tags(day), *await _kept(day)]


def _greetings(day: Day) -> list[Check]:
    greeted = {one.external_userid: one.text for one in day.world.welcomes}
    friends = [day.people[name] for name in (WANG, CHEN, LIN, ZHAO, ZHOU, QIAN)]
    by_card = "包裹" in greeted.get(day.people[WANG], "")
    return [
        _count("伪造的回调被拒绝", len(FORGERIES), day.refused),
        _count("每位新好友都收到一次欢迎语", len(friends), sum(_times(day, one) == 1 for one in friends)),
        _count("欢迎语总数（重复推送没有多发）", len(friends), len(day.world.welcomes)),
        _is("包裹卡渠道用的是它自己的欢迎语", by_card),
        _is("其他渠道用默认欢迎语", "包裹里" not in greeted.get(day.people[CHEN], "包裹里")),
    ]


def _money(day: Day) -> list[Check]:
    paid = [flow for flow in day.world.fund_flow if flow.kind == "pay"]
    owners = {day.world.contacts.external_userid_of(packet.openid) for packet in day.world.red_packets.values()}
    expected = {day.people[name] for name in (WANG, CHEN, ZHAO)}
    return [
        _count("付出的红包", len(expected), len(paid)),
        Check("付出的钱（分）", str(len(expected) * shop.PACKET_FEN), str(-sum(flow.amount_fen for flow in paid))),
        _is("收到红包的正是订单属于的三位客户", owners == expected),
        _count("付过两次的红包", 0, sum(packet.times_paid > 1 for packet in day.world.red_packets.values())),
    ]


def _answers(day: Day) -> list[Check]:
    heard = {
        name: [one.text for one in day.world.kf_sent if one.external_userid == day.people[name]]
        for name in (WANG, LIN, ZHAO, SUN)
    }
    return [
        _count(f"{WANG}:绑定成功并告知红包", 1, len(heard[WANG])),
        _count(f"{LIN}:被告知号码已登记", 1, len(heard[LIN])),
        _count(f"{ZHAO}:先说没查到，导入后说已登记", 2, len(heard[ZHAO])),
        _count(f"{SUN}:快递单号提示一次，关闭的订单说明一次", 2, len(heard[SUN])),
        _is("回答里没有别人的信息", day.orders.xiaomi not in "".join(heard[LIN])),
    ]


def _tags(day: Day) -> list[Check]:
    tags = set().union(*(names for (_, who), names in day.world.marked_tags.items() if who == day.people[ZHOU]), set())
    wanted = {"敏感肌", "干皮"}
    return [
        Check(f"{ZHOU}的自动标签在企业微信里", "、".join(sorted(wanted)), "、".join(sorted(wanted & tags))),
        _is("没有因为「不是油皮」打上油皮", "油皮" not in tags),
    ]


async def _kept(day: Day) -> list[Check]:
    async with day.database.read() as db:
        bound = await db.scalar(select(func.count()).select_from(OrderBinding))
        flagged = set(await db.scalars(select(Flag.category).where(Flag.external_userid == day.people[ZHOU])))
        quarantined = await db.scalar(select(func.count()).select_from(Envelope).where(Envelope.state == "quarantined"))
        archived = await db.scalar(select(func.count()).select_from(Message).where(Message.origin == "archive"))
        follow = await db.scalar(select(Follow.state).where(Follow.external_userid == day.people[QIAN]))
        stuck = list(await db.scalars(select(Mail.kind).where(Mail.state.in_([State.DEAD, State.EXPIRED]))))
        broken = await check_invariants(db)
        suggested = {tag.tag for tag in await tagger.tags_of(db, day.people[ZHOU]) if tag.state == "suggested"}
    wanted = {"off_platform", "review_bribe", "complaint_risk"}
    proposed = {"大码", "退换货", "质量问题"}
    received = await day.packet_was_received()
    return [
        _count("绑定的订单", 3, bound or 0),
        _is(f"{WANG}的红包显示已领取", received),
        Check("只建议、等人确认的标签", "、".join(sorted(proposed)), "、".join(sorted(proposed & suggested))),
        Check("质检标记", "、".join(sorted(wanted)), "、".join(sorted(wanted & flagged))),
        _count("解不开的信留在隔离区", 3, quarantined or 0),
        _count("其余存档消息一条不少", len(day.world.archive.envelopes) - 3, archived or 0),
        Check(f"{QIAN}显示为流失", "lost", follow or ""),
        Check("没有办不成的事", "", "、".join(stuck)),
        Check("账本平、没有超付", "", ";".join(broken)),
    ]


def _times(day: Day, external_userid: str) -> int:
    return sum(one.external_userid == external_userid for one in day.world.welcomes)


def _count(what: str, expected: int, got: int) -> Check:
    return Check(what, str(expected), str(got))


def _is(what: str, holds: bool) -> Check:  # noqa: FBT001  # the fact itself
    return Check(what, "是", "是" if holds else "否")
