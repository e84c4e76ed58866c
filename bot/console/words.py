"""How the combined pages word states and kinds: Chinese, as a shop's staff would say it."""

from kernel.pages import Tone

EVENT_WORDS = {
    "change_external_contact.add_external_contact": "添加客户",
    "change_external_contact.add_half_external_contact": "客户免验证添加",
    "change_external_contact.edit_external_contact": "修改客户资料",
    "change_external_contact.del_external_contact": "员工删除客户",
    "change_external_contact.del_follow_user": "客户删除员工",
    "kf_msg_or_event": "微信客服有新消息",
    "msgaudit_notify": "会话存档有新消息",
    "kf_message": "处理微信客服消息",
    "archived_message": "处理存档消息",
    "sync_contact": "读取客户资料",
    "orders_imported": "导入后重查待匹配订单",
    "send_welcome": "发送欢迎语",
    "send_kf": "回复微信客服",
    "mark_tags": "同步标签",
    "send_red_packet": "发放红包",
}
LANE_ADVICE = {
    "dead": "重试多次仍未成功:先处理原因,再重放",
    "expired": "已过有效期,不会再发;请人工处理",
    "ignored": "小二暂不处理这类事件,只做留存",
}
FOLLOW_WORDS: dict[str, tuple[str, Tone]] = {
    "active": ("跟进中", "good"),
    "half_added": ("待通过", "info"),
    "lost": ("已流失", "bad"),
    "removed": ("已删除", "warn"),
}
CLAIM_WORDS: dict[str, tuple[str, Tone]] = {
    "bound": ("已绑定", "good"),
    "waiting": ("等待匹配", "info"),
    "taken": ("已被登记", "warn"),
    "not_eligible": ("不符合条件", "warn"),
    "expired": ("已过期", "neutral"),
    "rejected": ("未登记", "neutral"),
}
PACKET_WORDS: dict[str, tuple[str, Tone]] = {
    "created": ("已预留", "info"),
    "approved": ("待发放", "info"),
    "rejected": ("未发放", "neutral"),
    "sending": ("发放中", "info"),
    "unknown": ("结果待查", "warn"),
    "sent": ("已发出", "good"),
    "received": ("已领取", "good"),
    "returned": ("已退回", "neutral"),
    "failed_final": ("发放失败", "bad"),
    "held": ("暂缓", "warn"),
    "blocked_config": ("通道受阻", "bad"),
    "manual": ("待人工核对", "bad"),
}


def quarantine_advice(reason: str) -> str:
    """What to do about an envelope that will not open."""
    if "私钥" in reason and "版" in reason:
        return "把这一版的私钥放进密钥目录后重试;旧私钥不要删除"
    return "原文已原样保留;可在补齐密钥或升级后重试"
