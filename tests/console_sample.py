"""A made-up shop for the console's tests: one contact with everything, and lists long enough to page."""

# ruff: noqa: ARG002  # a fake takes what the protocol passes, and needs little of it

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from bot.console.data import (
    ArchiveProgress,
    ContactCard,
    ContactRow,
    ConversationLine,
    DecisionRow,
    EventRow,
    FollowRow,
    FunnelStep,
    Listing,
    NextStep,
    OrderRow,
    Overview,
    PacketRow,
    QuarantineRow,
    RefusalRow,
    TagReceipt,
    TodayNumber,
)
from kernel.pages import TableQuery

NAMES = ("林小满", "陈一诺", "周天成", "王思远", "赵晴", "孙鹏", "=SUM(A1)", "<b>小明</b>")
CONTACTS = 63


class SampleShop:
    """``ConsoleData`` from thin air; ``empty`` is a shop on its first day."""

    def __init__(self, *, empty: bool = False) -> None:
        self.empty = empty

    async def get_overview(self, db: AsyncSession, *, now: datetime) -> Overview:
        labels = ("加好友", "已欢迎", "发来订单号", "已登记", "红包已发", "已领取")
        if self.empty:
            return Overview([FunnelStep(label, 0) for label in labels], [TodayNumber("今日新客户", "0")], [])
        return Overview(
            [FunnelStep(label, n) for label, n in zip(labels, (128, 126, 71, 58, 55, 46), strict=True)],
            [
                TodayNumber("今日新客户", "128", "比昨天多 12", "/contacts"),
                TodayNumber("已发红包", "¥86.40", "55 个，46 个已领取", "/red-packets"),
                TodayNumber("待质检", "3", "最早 26 分钟前", "/flags", "warn"),
                TodayNumber("未解密", "1", "缺第 2 版私钥", "/archive", "warn"),
                TodayNumber("死信", "0", "没有送不出去的", "/events", "good"),
            ],
            [
                NextStep("3 条质检标记等待复核", "最严重的一条：绝对化用语", "/flags", "去复核", "bad"),
                NextStep("1 个会话信封没有解开", "缺第 2 版私钥，补上后会自动重试。", "/archive", "看原因", "warn"),
                NextStep("7 个订单号还没找到", "导入昨天的订单后会自动登记。", "/orders", "导入订单", "info"),
            ],
            _decisions(now),
        )

    async def list_contacts(self, db: AsyncSession, query: TableQuery, *, now: datetime) -> Listing[ContactRow]:
        rows = [] if self.empty else [_contact(index, now) for index in range(CONTACTS)]
        rows = [row for row in rows if query.q in row.name and (query.filters["state"] != "lost" or row.lost)]
        rows.sort(key=lambda row: row.name if query.sort == "name" else "", reverse=query.descending)
        return Listing(rows[query.offset : query.offset + query.limit], len(rows))

    async def get_contact(
        self, db: AsyncSession, external_userid: str, *, with_conversation: bool, now: datetime
    ) -> ContactCard | None:
        if external_userid == "wm_new":
            return ContactCard("wm_new", "新客", "微信用户", now)
        if external_userid != "wm_000":
            return None
        return ContactCard(
            "wm_000",
            "林小满",
            "微信用户",
            now - timedelta(minutes=42),
            follows=[FollowRow("张薇", "林小满-杭州", "春季礼盒卡片", now - timedelta(minutes=42))],
            tags=[
                TagReceipt(
                    "肤质",
                    "敏感肌",
                    0.83,
                    "命中规则「敏感肌」，把握 83%，高于 60%。",
                    "我是敏感肌，能用吗？",
                    [(2, 5)],
                    now,
                ),
                TagReceipt("渠道", "春季礼盒", None, "", by="张薇", state="待同步"),
            ],
            orders=[
                OrderRow(
                    "2211009873456612008", "taobao", 12900, "已登记", "good", "订单号完全一致，且没有登记过别人。", now
                )
            ],
            packets=[
                PacketRow(
                    "1230001109202611220001",
                    188,
                    "已领取",
                    "good",
                    "订单已签收、第一次登记，预算足够。",
                    now,
                    "2211009873456612008",
                )
            ],
            decisions=_decisions(now),
            conversation=_conversation(now) if with_conversation else [],
            facts=[("性别", "女"), ("unionid", "")],
        )

    async def list_events(self, db: AsyncSession, query: TableQuery, *, now: datetime) -> Listing[EventRow]:
        if self.empty:
            return Listing([], 0)
        rows = [
            EventRow(1, "add_external_contact:zhangwei:wm_000:1", "inbox", "添加客户", "done", 1, now),
            EventRow(
                2,
                "welcome:CODE1",
                "outbox",
                "发送欢迎语",
                "expired",
                1,
                now,
                None,
                "欢迎码已超过 20 秒",
                "客户回复后再发话术。",
            ),
            EventRow(
                3,
                "packet:123",
                "outbox",
                "发放红包",
                "waiting",
                3,
                now,
                now + timedelta(minutes=2),
                "45009：接口调用太频繁",
            ),
            EventRow(
                4, "tags:77", "outbox", "打标签", "dead", 8, now, None, "40058：标签已被删除", "到「标签」里重新选择。"
            ),
            EventRow(5, "change:1", "inbox", "群名变更", "ignored", 1, now - timedelta(days=2)),
        ]
        wanted = [row for row in rows if query.filters["state"] in {"", row.state}]
        return Listing(wanted, len(wanted))

    async def list_refusals(self, db: AsyncSession, *, limit: int) -> Sequence[RefusalRow]:
        now = datetime.fromisoformat("2026-11-22T01:00:00+00:00")
        return [] if self.empty else [RefusalRow(now, "签名不对", 403, "203.0.113.9", 812)]

    async def get_archive(self, db: AsyncSession, *, now: datetime) -> ArchiveProgress:
        if self.empty:
            return ArchiveProgress(0, None, 0, 0, None)
        return ArchiveProgress(4200, 5000, 4187, 1, now - timedelta(minutes=1))

    async def list_quarantined(self, db: AsyncSession, query: TableQuery, *, now: datetime) -> Listing[QuarantineRow]:
        if self.empty:
            return Listing([], 0)
        row = QuarantineRow(
            4133,
            "8813046771652345178_1732230000",
            2,
            "没有第 2 版私钥",
            now,
            3,
            "把这一版私钥放进 XIAOER_ARCHIVE_KEYS。",
        )
        return Listing([row], 1)


def _contact(index: int, now: datetime) -> ContactRow:
    return ContactRow(
        f"wm_{index:03}",
        NAMES[index % len(NAMES)],
        ["张薇"] if index % 2 else ["张薇", "李强"],
        ["敏感肌", "春季礼盒", "复购", "杭州", "VIP"][: index % 6],
        index % 3,
        188 * (index % 4),
        now - timedelta(hours=5 * index),
        "春季礼盒卡片",
        lost=index % 9 == 4,
    )


def _decisions(now: datetime) -> list[DecisionRow]:
    return [
        DecisionRow(
            now - timedelta(minutes=34),
            "发放红包 ¥1.88",
            "订单已签收、第一次登记，今日预算还剩 ¥212.40。",
            "林小满",
            "good",
        ),
        DecisionRow(
            now - timedelta(minutes=36), "标记一条会话", "词库「绝对化用语」命中 2 处。", "等待质检复核", "bad"
        ),
        DecisionRow(
            now - timedelta(minutes=38), "打上标签「肤质：敏感肌」", "命中规则「敏感肌」，把握 83%。", "林小满", "info"
        ),
        DecisionRow(now - timedelta(minutes=42), "发送欢迎语", "渠道「春季礼盒卡片」指定的话术。", "林小满", "neutral"),
    ]


def _conversation(now: datetime) -> list[ConversationLine]:
    return [
        ConversationLine("m0", "system", "系统", "林小满 通过「春季礼盒卡片」添加了 张薇", now - timedelta(minutes=42)),
        ConversationLine(
            "m1", "staff", "张薇", "您好，欢迎来到青禾！发订单号给我，核对后有红包～", now - timedelta(minutes=41)
        ),
        ConversationLine(
            "m2",
            "customer",
            "林小满",
            "2211009873456612008，我是敏感肌，能用吗？",
            now - timedelta(minutes=38),
            [(0, 19), (22, 25)],
        ),
        ConversationLine(
            "m3",
            "staff",
            "张薇",
            "这款是最好的，绝对不会过敏",
            now - timedelta(minutes=36),
            [(3, 5), (7, 13)],
            "绝对化用语 · 严重",
        ),
        ConversationLine("m4", "customer", "林小满", "好的谢谢😊", now - timedelta(minutes=35)),
    ]
