"""What reading a message answers: candidates, refusals and their words for the customer and the page. Pure."""

from dataclasses import dataclass
from typing import Literal

ORDERS_MAX = 5  # claims per message

Confidence = Literal["A", "B", "C"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A number worth a look-up. ``number`` is the key text; ``span`` quotes the original message."""

    number: str
    platforms: tuple[str, ...]  # best guess first
    confidence: Confidence
    span: tuple[int, int]
    label: str = ""
    reasons: tuple[str, ...] = ()  # Chinese, for the page's 为什么

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(f"{platform}:{self.number}" for platform in self.platforms)

    @property
    def display(self) -> str:
        """As the platform shows it."""
        return f"{self.number[:6]}-{self.number[6:]}" if self.platforms[:1] == ("pdd",) else self.number


@dataclass(frozen=True, slots=True)
class Refused:
    """A number that is no claim. It carries no digits: identity and card numbers end up here."""

    kind: str
    span: tuple[int, int]
    why: str
    hint: str  # what to answer inside a claim dialogue, in Chinese


@dataclass(frozen=True, slots=True)
class Reading:
    orders: tuple[Candidate, ...] = ()
    refused: tuple[Refused, ...] = ()
    is_correction: bool = False  # the text says that an earlier number was wrong


def refuse(kind: str, span: tuple[int, int]) -> Refused:
    """A refusal with its reason for the page and its hint for the customer."""
    return Refused(kind, span, WHY[kind], HINTS[kind])


WHY = {
    "mobile": "11 位、1 开头：手机号的样子",
    "landline": "区号或 400/800 开头：电话号码",
    "id_card": "18 位，生日和校验位吻合：身份证号",
    "bank_card": "卡段与校验位吻合或旁边写着卡号：银行卡号",
    "waybill": "快递公司的号段或字母，或旁边写着快递单号",
    "alipay_trade": "28 位、日期开头：支付宝交易号",
    "wechat_trade": "28 位、42 开头：微信支付交易单号",
    "merchant_trade": "付款单上的长号码",
    "refund_id": "旁边写着退款或售后编号",
    "product_id": "旁边写着商品编号或是商品条码",
    "invoice": "旁边写着发票或税号",
    "code": "带字母或旁边写着各类码，不是订单编号",
    "account": "旁边写着账号",
    "device": "旁边写着序列号",
    "document": "旁边写着服务单或工单号",
    "amount": "金额",
    "date": "日期或时间",
    "damaged": "科学计数法，或第 15 位之后全是 0：表格软件改坏的号码",
    "link": "链接里的号码",
    "quoted": "引用别人的话",
    "example": "举例用的号码",
    "staff": "员工发的号码不算客户登记",
    "spoken": "汉字数字，前面没有「订单号」或位数不对",
    "length": "位数或开头的日期不符合任何平台",
    "short": "没有「订单号」字样，位数又太短",
    "too_many": f"一条消息最多登记 {ORDERS_MAX} 个订单",
}

HINTS = {
    "mobile": "这是手机号。请发订单详情页里的「订单编号」。",
    "landline": "这是电话号码。请发订单详情页里的「订单编号」。",
    "id_card": "这像是身份证号，为了您的安全请撤回。我们只需要「订单编号」。",
    "bank_card": "这像是银行卡号，为了您的安全请撤回。我们只需要「订单编号」。",
    "waybill": "这是快递单号。请在订单详情页复制「订单编号」发给我们。",
    "alipay_trade": "这是支付宝交易号。请在订单详情页复制「订单编号」发给我们。",
    "wechat_trade": "这是微信支付的交易单号。请在购物平台的订单详情页复制「订单编号」。",
    "merchant_trade": "这是付款单上的商户单号。请在购物平台的订单详情页复制「订单编号」。",
    "refund_id": "这是退款或售后编号。请发原订单的「订单编号」。",
    "product_id": "这是商品编号。请发订单详情页里的「订单编号」。",
    "invoice": "这是发票或税号信息。请发订单详情页里的「订单编号」。",
    "code": "这不是订单编号。请在订单详情页复制「订单编号」发给我们。",
    "account": "这是账号。请发订单详情页里的「订单编号」。",
    "device": "这是机身序列号。请发订单详情页里的「订单编号」。",
    "document": "这是服务单或工单号。请发购买时的「订单编号」。",
    "amount": "这是金额。请发订单详情页里的「订单编号」。",
    "date": "这是日期或时间。请发订单详情页里的「订单编号」。",
    "damaged": "这个号码被表格软件改坏了，后几位已经丢失。请从订单详情页重新复制。",
    "link": "链接里没有订单编号。请在订单详情页复制「订单编号」发给我们。",
    "quoted": "引用里的号码不算数，请直接发您自己的订单编号。",
    "example": "这是示例号码，请发您自己的订单编号。",
    "staff": "员工消息里的号码不作为客户的登记。",
    "spoken": "请用数字发一下订单编号，方便核对。",
    "length": "这个号码的位数不像订单编号，可能少了或多了几位，请重新复制。",
    "short": "这个号码太短。请在订单详情页复制完整的「订单编号」。",
    "too_many": "一条消息里的订单有点多，请分开发送。",
}
