"""What scripts are for: where each kind is sent, how long it may be, which placeholders it knows. Pure data."""

from dataclasses import dataclass

WELCOME_BYTES_MAX = 4_000  # WeCom: text of send_welcome_msg
KF_BYTES_MAX = 2_048  # WeCom: text of kf/send_msg


@dataclass(frozen=True, slots=True)
class Placeholder:
    name: str
    meaning: str
    fallback: str  # said when the value is not known and the script gives no other word
    sample: str


PLACEHOLDERS = {
    one.name: one
    for one in (
        Placeholder("客户昵称", "客户的微信昵称", "亲", "小鱼"),
        Placeholder("员工姓名", "添加客户的员工", "小二", "陈晨"),
        Placeholder("店铺名", "店铺的名字", "小店", "青禾旗舰店"),
        Placeholder("渠道名", "客户从哪里来", "店铺", "包裹卡"),
        Placeholder("订单尾号", "订单编号的最后四位", "这笔", "0011"),
        Placeholder("红包金额", "已发出的红包，单位元", "一份", "1.88 元"),
    )
}
_EVERYWHERE = ("客户昵称", "员工姓名", "店铺名")


@dataclass(frozen=True, slots=True)
class Kind:
    code: str
    name: str
    when: str
    bytes_max: int
    placeholders: tuple[str, ...]


KINDS = {
    one.code: one
    for one in (
        Kind(
            "welcome", "欢迎语", "客户加员工为好友时，20 秒内自动发送一次", WELCOME_BYTES_MAX, (*_EVERYWHERE, "渠道名")
        ),
        Kind(
            "kf_bound",
            "客服·已登记",
            "客户发来的订单查到并登记成功",
            KF_BYTES_MAX,
            (*_EVERYWHERE, "订单尾号", "红包金额"),
        ),
        Kind("kf_taken", "客服·已被登记", "订单号已经登记过", KF_BYTES_MAX, (*_EVERYWHERE, "订单尾号")),
        Kind("kf_not_found", "客服·查不到", "号码没有查到，请客户核对", KF_BYTES_MAX, (*_EVERYWHERE, "订单尾号")),
        Kind(
            "kf_not_eligible", "客服·暂不符合", "订单查到了，但状态还不能登记", KF_BYTES_MAX, (*_EVERYWHERE, "订单尾号")
        ),
        Kind("kf_waiting", "客服·等待核对", "号码收到了，等下一次导入再查", KF_BYTES_MAX, (*_EVERYWHERE, "订单尾号")),
        Kind("quick_reply", "快捷回复", "员工在聊天侧边栏里一键发送", WELCOME_BYTES_MAX, _EVERYWHERE),
    )
}
