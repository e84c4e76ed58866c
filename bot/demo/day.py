"""The story of one day: who does what, in order. Every act is a real one against the simulated WeCom."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from bot.demo import shop
from bot.demo.shop import KFID, PARCEL_CARD, Orders
from bot.kinds import InboxKind
from bot.mailbox import Lane, put
from bot.orders.importing import import_file
from bot.red_packets import campaigns
from bot.red_packets.tables import RedPacket
from bot.simulator.archive import Damage
from bot.simulator.forgeries import Forgery
from bot.simulator.world import World
from kernel.database import Database
from scripts_library import store as scripts

FORGERIES = (Forgery.BAD_SIGNATURE, Forgery.WRONG_CORP, Forgery.REPLAYED, Forgery.OVERSIZED, Forgery.NOT_XML)

VERIFY_TRIES, VERIFY_PAUSE_S = 40, 0.5

# The people of the day, by name; ids are given when they first appear.
WANG, CHEN, LIN, ZHAO, SUN, ZHOU, QIAN = "王小米", "陈晨", "林晓", "赵敏", "孙丽", "周洁", "钱多"
CUSTOMERS = (WANG, CHEN, LIN, ZHAO, SUN, ZHOU, QIAN)


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that happens. ``title`` is what the terminal shows."""

    title: str
    do: Callable[[], Awaitable[None]]


class Day:
    """One day's story. ``settle`` waits until everything so far has had its effect."""

    def __init__(
        self, world: World, database: Database, *, clock: Callable[[], datetime], settle: Callable[[], Awaitable[None]]
    ) -> None:
        self.world, self.database, self.clock, self._settle = world, database, clock, settle
        self.orders: Orders = shop.make_orders(clock())
        self.people: dict[str, str] = {}
        self.refused = 0

    def acts(self) -> list[Act]:
        return [
            Act("企业微信验证回调地址（GET 回显）", self._verify),
            Act(f"{WANG}扫包裹卡上的渠道码，加{shop.STAFF[0][1]}为好友", self._wang_scans),
            Act(f"{CHEN}和{LIN}在同一秒添加{shop.STAFF[1][1]}", self._two_in_one_second),
            Act("有人伪造回调：假签名、别家企业、重放、超大、乱码", self._forge),
            Act("企业微信把同一条回调又推了一遍", self._repeat),
            Act(f"{WANG}在微信客服里发来订单号", self._wang_writes),
            Act(f"{CHEN}把订单号发给{shop.STAFF[1][1]}（经会话存档）", self._chen_writes),
            Act(f"{LIN}拿{WANG}的订单号来领", self._lin_tries),
            Act(f"{ZHAO}加好友，发来还没导入的订单号", self._zhao_early),
            Act(f"{SUN}先发来快递单号，再发来已关闭的订单", self._sun_not_eligible),
            Act(f"{ZHOU}和{shop.STAFF[0][1]}聊肤质、尺码和售后", self._zhou_chats),
            Act(f"{shop.STAFF[0][1]}把客户往私人微信引，{ZHOU}要投诉", self._risky_talk),
            Act("会话存档里混进三封解不开的信", self._undecryptable),
            Act("下午导入新的订单，等待中的订单号自动再查", self._import_afternoon),
            Act(f"{QIAN}加了好友又删掉", self._qian_leaves),
            Act(f"{WANG}打开红包", self._open_packet),
        ]

    async def prepare(self) -> None:
        """Before opening time: staff, the 微信客服 account, money, scripts, campaign, the morning's orders."""
        for userid, name in shop.STAFF:
            self.world.add_staff(userid, name)
        self.world.add_contact_way(PARCEL_CARD, shop.STAFF[0][0])
        self.world.kf_account(KFID, "山茶小铺客服")
        self.world.fund(shop.FUND_FEN)
        now = self.clock()
        async with self.database.write() as db:
            await scripts.add_script(db, shop.PARCEL_WELCOME, by="演示", now=now)
            await campaigns.add_campaign(db, shop.make_campaign(now), by="演示", now=now)
            await campaigns.set_switch(db, is_open=True, by="演示", now=now, why="演示开业")
            await put(db, Lane.FETCH, InboxKind.SYNC_STAFF, {}, key="sync_staff:opening", now=now)
        await self._import(shop.morning_exports(self.orders, now))
        await self._settle()

    # -- the acts --------------------------------------------------------------------------------

    async def _verify(self) -> None:
        for _ in range(VERIFY_TRIES):
            verification = await self.world.verify_callback_url()
            if verification.ok:
                return
            if verification.status is not None:
                raise RuntimeError(f"the callback URL answered the echo test wrongly: {verification.reason}")
            await asyncio.sleep(VERIFY_PAUSE_S)  # nobody there: an administrator presses 保存 again
        raise RuntimeError("the callback URL did not answer the echo test")

    async def _wang_scans(self) -> None:
        self._add(WANG, staff=0, channel_state=PARCEL_CARD)

    async def _two_in_one_second(self) -> None:
        self._add(CHEN, staff=1)
        self._add(LIN, staff=1)

    async def _forge(self) -> None:
        for kind in FORGERIES:
            status = await self.world.forge(kind)
            self.refused += status != 200

    async def _repeat(self) -> None:
        await self.world.callbacks.deliver_all()
        for push in list(self.world.callbacks.sent):
            self.world.callbacks.repeat(push)

    async def _wang_writes(self) -> None:
        self._kf(WANG, "你好")
        self._kf(WANG, f"订单编号：{self.orders.xiaomi}")

    async def _chen_writes(self) -> None:
        await self._settle()  # who writes before the welcome has gone out gets none
        self._chat(CHEN, 1, "在吗，包裹卡上说登记有谢礼")
        self._reply(CHEN, 1, "您好，把订单号发给我就行")
        self._chat(CHEN, 1, f"订单号 {self.orders.chenchen}")

    async def _lin_tries(self) -> None:
        await self._settle()  # 王小米 was first; the order of two customers' messages is nobody's promise
        self._kf(LIN, f"我的订单号是{self.orders.xiaomi}，怎么领")

    async def _zhao_early(self) -> None:
        self._add(ZHAO, staff=0, channel_state="live-1122")
        self._kf(ZHAO, f"{self.orders.zhaomin} 这个单子能登记吗")

    async def _sun_not_eligible(self) -> None:
        self.people[SUN] = self.world.add_visitor(SUN, external_userid=id_of(SUN))
        self._kf(SUN, "SF1234567890123")
        self._kf(SUN, f"订单号：{self.orders.sunli}")

    async def _zhou_chats(self) -> None:
        self._add(ZHOU, staff=0)
        await self._settle()
        self._chat(ZHOU, 0, "我是敏感肌，这款精华能用吗")
        self._reply(ZHOU, 0, "敏感肌也可以用的，成分很温和")
        self._chat(ZHOU, 0, "不是油皮，冬天特别干，算干皮吧")
        self._chat(ZHOU, 0, "衣服有没有大码的？我要下单，发我链接")
        self._chat(ZHOU, 0, "上次那件质量太差了，洗一次就开线，我要退货")

    async def _risky_talk(self) -> None:
        self._reply(ZHOU, 0, "您加我私人微信吧，我私下给您转账补差价")
        self._reply(ZHOU, 0, "给个五星好评，晒图返现十块")
        self._chat(ZHOU, 0, "你们这样我要打12315投诉了")

    async def _undecryptable(self) -> None:
        for damage in Damage:
            seq = self._chat(ZHOU, 0, "这条消息会在存档里损坏")
            self.world.archive_corrupt(seq, damage)
        self._chat(ZHOU, 0, "后面的消息照样要读到")

    async def _import_afternoon(self) -> None:
        await self._settle()  # the number must have been asked about before it is imported
        await self._import(shop.afternoon_exports(self.orders, self.clock()))

    async def _qian_leaves(self) -> None:
        self._add(QIAN, staff=1)
        await self._settle()
        self.world.delete_follow(self.people[QIAN], staff=shop.STAFF[1][0])

    async def _open_packet(self) -> None:
        await self._settle()
        openid_owner = self.people[WANG]
        for packet in self.world.red_packets.values():
            if self.world.contacts.external_userid_of(packet.openid) == openid_owner:
                self.world.open_packet(packet.mch_billno)

    async def packet_was_received(self) -> bool:
        """Whether the packet that was opened is known to be received."""
        async with self.database.read() as db:
            states = await db.scalars(
                select(RedPacket.state).where(RedPacket.external_userid == self.people.get(WANG, ""))
            )
            return "received" in set(states)

    # -- small verbs -----------------------------------------------------------------------------

    def _add(self, name: str, *, staff: int, channel_state: str = "") -> None:
        self.people[name] = self.world.add_contact(
            name, staff=shop.STAFF[staff][0], channel_state=channel_state, external_userid=id_of(name)
        )

    def _kf(self, name: str, text: str) -> None:
        self.world.kf_write(self.people[name], text, open_kfid=KFID)

    def _chat(self, name: str, staff: int, text: str) -> int:
        return self.world.archive_write(self.people[name], [shop.STAFF[staff][0]], text)

    def _reply(self, name: str, staff: int, text: str) -> int:
        return self.world.archive_write(shop.STAFF[staff][0], [self.people[name]], text)

    async def _import(self, exports: list[tuple[str, bytes]]) -> None:
        for name, content in exports:
            report = await import_file(self.database, content, by="演示", now=self.clock(), file_name=name)
            async with self.database.write() as db:
                key = f"imported:{report.import_id}"
                await put(db, Lane.EVENTS, InboxKind.ORDERS_IMPORTED, {}, key=key, now=self.clock())


def id_of(name: str) -> str:
    """The same id in every playing of the day, in the platform's shape."""
    return "wm" + hashlib.sha256(name.encode()).hexdigest()[:30]


async def play(day: Day, *, pace_s: float, show: Callable[[Act], None]) -> None:
    """Play the acts in order, ``pace_s`` apart."""
    for act in day.acts():
        show(act)
        await act.do()
        if pace_s:
            await asyncio.sleep(pace_s)
