"""How the combined pages word kinds and reasons. States of claims and packets are worded by their own rooms."""

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
    "dead": "重试多次仍未成功：先处理原因，再重放。",
    "expired": "已过有效期，不会再发；请人工处理。",
    "ignored": "小二暂不处理这类事件，只做留存。",
}
FOLLOW_WORDS: dict[str, tuple[str, Tone]] = {
    "active": ("跟进中", "good"),
    "half_added": ("待通过", "info"),
    "lost": ("已流失", "warn"),
    "removed": ("已删除", "warn"),
}
# What ``bot.server`` and ``bot.wecom.envelope`` say of a callback at the door, as a person reads it.
REFUSAL_WORDS = {
    "no such app": "地址里的应用不存在",
    "body too large": "内容太大",
    "body is not the platform's XML": "不是企业微信的 XML",
    "ToUserName is another corp": "收件企业不是我们",
    "decrypted message is not XML": "解密后不是 XML",
    "message is for another corp": "消息属于别的企业",
    "nothing encrypted in it": "没有加密的内容",
    "msg_signature, timestamp or nonce is missing": "缺少签名、时间或随机数",
    "timestamp is outside the replay window": "时间戳太旧或太新，可能是重放",
    "signature does not match": "签名不对",
    "receive id is not ours": "收件方编号不是我们",
    "not base64": "密文不是 Base64",
    "ciphertext length is impossible": "密文长度不对",
    "padding is wrong: wrong EncodingAESKey?": "填充不对，EncodingAESKey 可能有误",
    "length field points past the end: wrong EncodingAESKey?": "长度不对，EncodingAESKey 可能有误",
    "plaintext too short": "解密后的内容太短",
}


def refusal_words(reason: str) -> str:
    """Why a callback was refused; an unknown reason stays as it is."""
    return REFUSAL_WORDS.get(reason, reason)


def quarantine_advice(reason: str) -> str:
    """What to do about an envelope that will not open."""
    if "私钥" in reason and "版" in reason:
        return "把这一版的私钥放进密钥目录后重试；旧私钥不要删除。"
    return "原文已原样保留，可在补齐密钥或升级后重试。"
