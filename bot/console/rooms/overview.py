"""The overview: today's funnel and numbers, what waits for a person, and the latest decisions."""

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.archive.tables import Envelope
from bot.console.data import DecisionRow, FunnelStep, NextStep, Overview, TodayNumber
from bot.console.rooms.names import NAMELESS, people_names
from bot.console.rooms.queries import count, count_people, number
from bot.contacts.tables import Follow
from bot.decisions import Decision
from bot.mailbox import Mail, State
from bot.orders.tables import OrderBinding, OrderClaim
from bot.red_packets.tables import RedPacket
from compliance.tables import Flag
from tagger.tables import SuggestionRow

BEIJING = timezone(timedelta(hours=8))
RECENT_DECISIONS = 8
SENT_STATES = ("sent", "received", "returned")


async def get_overview(db: AsyncSession, *, now: datetime) -> Overview:
    since = now.astimezone(BEIJING).replace(hour=0, minute=0, second=0, microsecond=0)
    flags = await number(db, count(Flag, Flag.state == "open"))
    quarantined = await number(db, count(Envelope, Envelope.state == "quarantined"))
    dead = await number(db, count(Mail, Mail.state == State.DEAD))
    late = await number(db, count(Mail, Mail.state == State.EXPIRED, Mail.kind == "send_welcome"))
    manual = await number(db, count(RedPacket, RedPacket.state == "manual"))
    return Overview(
        await _funnel(db, since),
        await _today(db, since, flags=flags, quarantined=quarantined, dead=dead),
        _next_steps(manual=manual, dead=dead, late=late, quarantined=quarantined, flags=flags),
        await _recent(db),
    )


async def _funnel(db: AsyncSession, since: datetime) -> list[FunnelStep]:
    packets = (RedPacket.external_userid, RedPacket.created_at >= since)
    steps = (
        ("加好友", count(Follow, Follow.added_at >= since)),
        ("已欢迎", count(Mail, Mail.kind == "send_welcome", Mail.state == State.DONE, Mail.created_at >= since)),
        ("发来订单号", count_people(OrderClaim.external_userid, OrderClaim.created_at >= since)),
        ("已登记", count_people(OrderBinding.external_userid, OrderBinding.bound_at >= since)),
        ("红包已发", count_people(*packets, RedPacket.state.in_(SENT_STATES))),
        ("已领取", count_people(*packets, RedPacket.state == "received")),
    )
    return [FunnelStep(label, await number(db, query)) for label, query in steps]


async def _today(db: AsyncSession, since: datetime, *, flags: int, quarantined: int, dead: int) -> list[TodayNumber]:
    tagged = await number(db, count_people(SuggestionRow.external_userid, SuggestionRow.created_at >= since))
    sent = (RedPacket.created_at >= since, RedPacket.state.in_(SENT_STATES))
    paid = await number(db, select(func.sum(RedPacket.amount_fen)).where(*sent))
    packets = await number(db, count(RedPacket, *sent))
    return [
        TodayNumber("今日发出红包", f"¥{paid / 100:.2f}", f"{packets} 个", href="/red-packets"),
        TodayNumber("今日有新标签的客户", str(tagged), "自动打上或待确认", href="/contacts"),
        TodayNumber(
            "待质检", str(flags), "等人判定" if flags else "都判完了", "/flags", "warn" if flags else "neutral"
        ),
        TodayNumber(
            "未解密",
            str(quarantined),
            "存档里解不开的" if quarantined else "全部解开",
            "/archive",
            "warn" if quarantined else "neutral",
        ),
        TodayNumber(
            "死信", str(dead), "重试后仍没办成" if dead else "没有", "/events?state=dead", "bad" if dead else "neutral"
        ),
    ]


def _next_steps(*, manual: int, dead: int, late: int, quarantined: int, flags: int) -> list[NextStep]:
    """Most urgent first: money, then what failed, then what waits."""
    steps = [
        (
            manual,
            NextStep(
                f"{manual} 个红包需要人工核对",
                "结果不明，或与记录不符；钱不会自动再发。",
                "/red-packets?state=manual",
                "去核对",
                "bad",
            ),
        ),
        (
            dead,
            NextStep(
                f"{dead} 件事重试多次仍没办成",
                "看看原因，处理后可以重放。",
                "/events?state=dead",
                tone="bad",
            ),
        ),
        (
            late,
            NextStep(
                f"{late} 位新好友没赶上欢迎语",
                "话术已备好，请员工手动问候。",
                "/events?state=expired",
                tone="warn",
            ),
        ),
        (
            quarantined,
            NextStep(
                f"{quarantined} 条存档消息解不开",
                "补上对应版本的私钥后，可以重试解密。",
                "/archive",
                "去看看",
                "warn",
            ),
        ),
        (flags, NextStep(f"{flags} 条标记等待复核", "用键盘 1 / 2 / 3 就能判完。", "/flags", "去复核")),
    ]
    return [step for waiting, step in steps if waiting]


async def _recent(db: AsyncSession) -> list[DecisionRow]:
    newest = select(Decision).order_by(Decision.at.desc(), Decision.id.desc()).limit(RECENT_DECISIONS)
    decisions: Sequence[Decision] = (await db.scalars(newest)).all()
    names = await people_names(db, {one.external_userid for one in decisions})
    return [
        DecisionRow(
            at=one.at,
            title=one.outcome,
            why="；".join(one.because),
            text=names.get(one.external_userid, NAMELESS),
            href=f"/contacts/{one.external_userid}",
        )
        for one in decisions
    ]
