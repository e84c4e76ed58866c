"""The shop of the story: its people, its orders, its campaign. All of it is made up."""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from bot.orders.samples import SampleOrder, pdd_csv, taobao_csv
from bot.red_packets.campaigns import CampaignForm
from scripts_library import Script

BEIJING = timezone(timedelta(hours=8))
KFID = "wkShanChaKeFu000000000000000001"
STAFF = (("zhangqian", "张倩"), ("lixiang", "李想"))
PARCEL_CARD = "parcel-card"  # the channel code printed on the card in every parcel
PACKET_FEN = 188
BUDGET_FEN = 20_000
FUND_FEN = 50_000


PARCEL_WELCOME = Script(
    code="demo-parcel-card",
    kind="welcome",
    title="包裹卡欢迎语",
    body="{客户昵称|亲}，谢谢您从包裹里找到我们！我是{店铺名}的{员工姓名|客服}。把订单号发给我登记，就能领一份购物谢礼~",
    category="欢迎",
    channel_state=PARCEL_CARD,
)


@dataclass(frozen=True, slots=True)
class Orders:
    """The order numbers of the story."""

    xiaomi: str  # 王小米, Taobao, finished
    chenchen: str  # 陈晨, Pinduoduo, finished, written to a staff member
    zhaomin: str  # 赵敏, exported only in the afternoon
    sunli: str  # 孙丽, closed


def make_orders(now: datetime) -> Orders:
    day = (now - timedelta(days=20)).astimezone(BEIJING).strftime("%y%m%d")
    return Orders(
        xiaomi="2226688164543500017",
        chenchen=f"{day}-123456789012345",
        zhaomin="2226688164543511118",
        sunli="2226688164543522219",
    )


def morning_exports(orders: Orders, now: datetime) -> list[tuple[str, bytes]]:
    """What the shop exported in the morning: one file for each platform."""
    paid = now - timedelta(days=20)
    taobao = taobao_csv(
        [
            SampleOrder(orders.xiaomi, 12_900, paid, title="山茶花舒缓精华 30ml"),
            SampleOrder(orders.sunli, 8_900, paid, status="交易关闭", title="羊毛开衫 均码"),
            SampleOrder("2226688164543533310", 25_900, paid, title="亲肤连衣裙 M"),
        ]
    )
    pdd = pdd_csv(
        [SampleOrder(orders.chenchen, 5_990, paid, finished_at=now - timedelta(days=12), title="婴儿棉柔巾 6 包")]
    )
    return [("淘宝订单.csv", taobao), ("拼多多订单.csv", pdd)]


def afternoon_exports(orders: Orders, now: datetime) -> list[tuple[str, bytes]]:
    """The order somebody asked about before it was exported."""
    late = SampleOrder(orders.zhaomin, 19_900, now - timedelta(days=9), title="保湿面霜 50g")
    return [("淘宝订单-下午.csv", taobao_csv([late]))]


def make_campaign(now: datetime) -> CampaignForm:
    return CampaignForm(
        name="登记订单领谢礼",
        amount_fen=PACKET_FEN,
        budget_fen=BUDGET_FEN,
        starts_at=now - timedelta(days=1),
        ends_at=now + timedelta(days=30),
        min_paid_fen=2_000,
        hold_days=0,
        enabled=True,
        send_name="山茶小铺",
        wishing="感谢您选择山茶小铺",
        act_name="购物谢礼",
        remark="登记订单的谢礼",
    )
