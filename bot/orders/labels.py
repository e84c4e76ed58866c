"""The words before or behind a number that say what it is. Pure data with one matcher.

``order`` labels make a number a claim, the other kinds refuse it. The longest label wins, so
快递单号 is never read as 单号, and 支付宝交易号 never as 交易号.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_WORDS: dict[str, str] = {
    "order": """
        订单号码 订单编号 订单编码 订单代码 主订单编号 主订单号 子订单编号 子订单号 订单ID 订单id号
        订单号 订单的编号 订单的号码 订单的号 订单是 订单为 交易编号 交易号 下单编号 下单号 采购单号
        购买单号 购物单号 定单编号 定单号 订单单号
        dingdanhao dingdan ddh dd order_id orderid order_no orderno order_sn ordersn
        订单no 订单sn 订单
    """,
    "number": """
        单号 编号 号码 number
    """,
    "waybill": """
        快递单号码 快递单号 快递编号 快递号 快递单 运单编号 运单号码 运单号 运单 物流单号 物流编号
        物流号 物流单 配送单号 发货单号 面单号 包裹号 包裹单号 邮单号 取件单号 寄件单号 退回单号
        寄回单号 顺丰单号 中通单号 圆通单号 申通单号 韵达单号 极兔单号 京东快递 京东物流 邮政单号 ems
        顺丰 中通 圆通 申通 韵达 极兔 德邦 快递
    """,
    "refund_id": """
        退款编号 退款单号 退款单 退款号 退款ID 售后单号 售后编号 售后单 售后ID 退货单号 退货编号
        换货单号 退换单号 售后服务单号 退款订单号 退款流水号 维权编号
    """,
    "product_id": """
        商品ID 商品编号 商品编码 商品号 商品货号 宝贝ID 商家编码 货号 款号 型号 规格编码 条形码 条码
        sku编号 sku号 skuid sku id sku 产品编号 产品编码 产品型号 批号 批次号 生产批号
    """,
    "mobile": """
        手机号码 手机号 手机 电话号码 联系电话 联系方式 收货电话 电话 tel mobile phone 打给 拨打 致电
    """,
    "id_card": """
        身份证号码 身份证号 身份证 证件号码 证件号
    """,
    "bank_card": """
        银行卡号 银行账号 银行卡 银行账户 卡号 开户行 开户 收款账号 银行
    """,
    "alipay_trade": """
        支付宝交易号 支付宝交易订单号 支付宝订单号 支付宝流水号 支付宝单号
    """,
    "wechat_trade": """
        微信支付单号 微信支付交易单号 微信交易单号 交易单号 支付单号 转账单号 微信订单号
    """,
    "merchant_trade": """
        商户单号 商户订单号 商家订单号 商家单号 流水号 支付流水号 付款单号 凭证号
    """,
    "invoice": """
        发票号码 发票号 发票代码 税号 纳税人识别号 信用代码 统一社会信用代码 发票
    """,
    "code": """
        优惠券码 优惠券号 优惠券 优惠码
        券码 券号 兑换码 验证码 激活码 取件码 核销码 邀请码 提货码 口令 密码 卡密 校验码 防伪码
        防伪编号
    """,
    "account": """
        qq号 qq 微信号 微信 wx 会员号 会员卡号 会员卡 会员编号 用户ID 用户名 账号 账户 帐号 uid 旺旺号
        抖音号 快手号 小红书号 群号 红包编号
    """,
    "device": """
        序列号 imei 串号 机身码 机器码 设备号 mac地址 sn码 s/n 车架号 表号 户号
    """,
    "document": """
        服务单号 服务单 工单号 工单编号 工单 维修单号 安装单号 预约单号 预约号 投诉编号 投诉单号 案件号
        登记号 受理编号 备案号 许可证号 执行标准 合同号 合同编号 邮编
    """,
    "amount": """
        订单金额 订单总额 订单总价 金额 实付 实付款 合计 总价 应付
    """,
    "date": """
        下单时间 创建时间 付款时间 支付时间 发货时间 成交时间 订单时间 完成时间 收货时间 下单日期
        订单日期 订单状态 有效期
    """,
    "example": """
        例如 比如 示例 举例 格式 范例 样例 形如 譬如 例子
    """,
}
# Labels that win against a mobile's shape: they say 订单 and that a number follows.
_STRONG = frozenset(
    {
        "订单号码",
        "订单编号",
        "订单编码",
        "主订单编号",
        "主订单号",
        "子订单编号",
        "子订单号",
        "订单id",
        "订单号",
        "定单号",
        "定单编号",
    }
)

KIND_OF = {word.lower(): kind for kind, words in _WORDS.items() for word in words.split()}
KIND_OF.update(
    {"order no": "order", "order number": "order", "order id": "order", "order": "order", "sku id": "product_id"}
)

_FIRST_LETTERS = "".join(sorted({letter for word in KIND_OF for letter in (word[0], word[0].upper())}))
_PATTERN = re.compile(
    f"(?=[{re.escape(_FIRST_LETTERS)}])(?:"  # most characters begin no label: one look sends them on
    + "|".join(
        (rf"(?<![a-z0-9]){re.escape(word)}(?![a-z])" if word[0].isascii() else re.escape(word))
        for word in sorted(KIND_OF, key=lambda word: (-len(word), word))
    )
    + ")",
    re.IGNORECASE,
)
# What may stand between a label and its number. U+E000 is the mask: it is part of no glue.
GLUE = re.compile(
    r"[^\w\ue000\ue001]{0,8}(?:(?:这个|如下|应该|好像)?(?:是|为|就是|给你|给您|发你|发您|发给你|呢|的|no|id|号码|号)?[^\w\ue000\ue001]{0,6}){1,2}\Z",
    re.IGNORECASE,
)
GLUE_BEHIND = re.compile(r"[^\w\ue000\ue001]{0,3}(?:这个|就是|这是|是我的|是|为|的)?[^\w\ue000\ue001]{0,2}\Z")
GLUE_MAX = 20


@dataclass(frozen=True, slots=True)
class Label:
    kind: str
    text: str
    start: int
    end: int

    @property
    def is_strong(self) -> bool:
        return self.text.lower() in _STRONG


def find_labels(text: str) -> list[Label]:
    """All labels of a text from left to right, none inside another."""
    return [Label(KIND_OF[found[0].lower()], found[0], *found.span()) for found in _PATTERN.finditer(text)]


def before(labels: Sequence[Label], text: str, start: int) -> Label | None:
    """The label whose value begins at ``start``: only glue in between."""
    for label in reversed(labels):
        if label.end <= start:
            near = start - label.end <= GLUE_MAX
            return label if near and GLUE.match(text[label.end : start]) else None
    return None


def behind(labels: Sequence[Label], text: str, end: int) -> Label | None:
    """The label that follows a value, as in 「2226… 这个订单号」, unless it introduces a value of its own."""
    for label in labels:
        if label.start >= end:
            near = label.start - end <= 8 and "\n" not in text[end : label.start]
            if not near or not GLUE_BEHIND.match(text[end : label.start]):
                return None
            own = re.match(r"[^\w\ue000\ue001]{0,4}(?:是|为)?[^\w\ue000\ue001]{0,4}[0-9A-Za-z]", text[label.end :])
            return None if own else label
    return None
