"""Write small export files as Taobao and Pinduoduo write them, for the demo and for tests."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from bot.orders.exports import BEIJING

_TAOBAO = [
    "订单编号",
    "买家会员名",
    "买家支付宝账号",
    "买家应付货款",
    "买家应付邮费",
    "总金额",
    "买家实际支付积分",
    "买家实际支付金额",
    "订单状态",
    "买家留言",
    "收货人姓名",
    "收货地址",
    "运送方式",
    "联系电话",
    "联系手机",
    "订单创建时间",
    "订单付款时间",
    "宝贝标题",
    "宝贝种类",
    "物流单号",
    "物流公司",
    "订单备注",
    "宝贝总数量",
    "店铺Id",
    "店铺名称",
    "退款金额",
]
_PDD = [
    "商品",
    "订单号",
    "订单状态",
    "商品总价(元)",
    "邮费(元)",
    "店铺优惠折扣(元)",
    "平台优惠折扣(元)",
    "多多支付立减金额(元)",
    "用户实付金额(元)",
    "商家实收金额(元)",
    "商品数量(件)",
    "支付时间",
    "订单成交时间",
    "发货时间",
    "确认收货时间",
    "商品id",
    "商品规格",
    "样式ID",
    "商家备注",
    "售后状态",
    "快递单号",
    "快递公司",
]


@dataclass(frozen=True, slots=True)
class SampleOrder:
    """What a sample file says of one order; ``status`` is the platform's own word."""

    number: str
    paid_fen: int
    paid_at: datetime
    status: str = "交易成功"
    finished_at: datetime | None = None
    title: str = "温和洁面乳 120g"
    shop: str = "示例旗舰店"
    waybill: str = ""
    phone: str = "138****0000"
    after_sale: str = "无售后或售后取消"
    refunded_fen: int = 0


def taobao_csv(orders: Iterable[SampleOrder]) -> bytes:
    """GB18030, numbers protected as ="…", a trailing space in one header: as the seller centre writes it."""
    rows = [
        {
            "订单编号": f'="{one.number}"',
            "买家会员名": "t**0",
            "买家应付货款": _yuan(one.paid_fen),
            "买家应付邮费": "0.00",
            "总金额": _yuan(one.paid_fen),
            "买家实际支付金额": _yuan(one.paid_fen),
            "订单状态": one.status,
            "收货人姓名": "李**",
            "联系手机": f"'{one.phone}",
            "订单创建时间": _time(one.paid_at),
            "订单付款时间": _time(one.paid_at),
            "宝贝标题": one.title,
            "宝贝种类": "1",
            "物流单号": f"No:{one.waybill}" if one.waybill else "",
            "宝贝总数量": "1",
            "店铺名称": one.shop,
            "退款金额": _yuan(one.refunded_fen),
        }
        for one in orders
    ]
    header = [name + " " if name in {"收货地址", "订单付款时间"} else name for name in _TAOBAO]
    return _write(header, _TAOBAO, rows).encode("gb18030")


def pdd_csv(orders: Iterable[SampleOrder]) -> bytes:
    """UTF-8 with BOM, the order number behind a tab, blank times: as Pinduoduo writes it."""
    rows = [
        {
            "商品": one.title,
            "订单号": f"\t{one.number[:6]}-{one.number[6:].lstrip('-')}",
            "订单状态": "已收货" if one.status == "交易成功" else one.status,
            "商品总价(元)": _yuan(one.paid_fen),
            "邮费(元)": "0.00",
            "用户实付金额(元)": _yuan(one.paid_fen),
            "商家实收金额(元)": _yuan(one.paid_fen),
            "商品数量(件)": "1",
            "支付时间": f"{_time(one.paid_at)}\t",
            "订单成交时间": f"{_time(one.paid_at)}\t",
            "确认收货时间": f"{_time(one.finished_at)}\t" if one.finished_at else "\t",
            "商品id": "\t100012345678",
            "售后状态": one.after_sale,
            "快递单号": f"{one.waybill}\t",
        }
        for one in orders
    ]
    return b"\xef\xbb\xbf" + _write(_PDD, _PDD, rows).encode()


def _write(header: list[str], names: list[str], rows: list[dict[str, str]]) -> str:
    sheet = io.StringIO(newline="")
    writer = csv.writer(sheet)
    writer.writerow(header)
    writer.writerows([row.get(name, "") for name in names] for row in rows)
    return sheet.getvalue()


def _yuan(fen: int) -> str:
    return f"{fen // 100:,}.{fen % 100:02d}"


def _time(moment: datetime) -> str:
    return moment.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")
