"""States, answers and reasons as the finance staff of a shop would say them."""

from collections.abc import Mapping

from bot.red_packets.engine import State
from kernel.pages import Tone

STATES: Mapping[str, tuple[str, Tone]] = {
    State.CREATED: ("待审批", "neutral"),
    State.APPROVED: ("待发放", "info"),
    State.SENDING: ("发放中", "info"),
    State.UNKNOWN: ("结果未知", "warn"),
    State.SENT: ("待领取", "info"),
    State.RECEIVED: ("已领取", "good"),
    State.RETURNED: ("已退回", "neutral"),
    State.FAILED_FINAL: ("发放失败", "bad"),
    State.HELD: ("暂缓", "warn"),
    State.BLOCKED_CONFIG: ("通道受阻", "bad"),
    State.MANUAL: ("待人工核对", "bad"),
    State.REJECTED: ("已撤回", "neutral"),
}

REASONS: Mapping[str, str] = {
    "reserved": "订单已登记并符合活动条件。金额已预留，单号已定，等待发放。",
    "reissued": "上一次确定失败或已退回，由财务重新发放。",
    "rejected": "发放前撤回，预留的金额已退回活动预算。",
    "look_now": "已请求立即查询。",
    "sending": "请求已经写定并发出，正在等微信支付的回答。",
    "switched_off": "紧急停发中，没有发送。打开发放后会继续。",
    "openid_pending": "还不知道客户的收款身份（openid），没有发送，会自动再试。",
    "openid_impossible": "这位客户没有可以收款的微信身份，金额已退回活动预算。",
    "request_invalid": "红包的某项内容不符合微信支付的要求，没有发送。请检查活动文案和商户设置。",
    "other_merchant": "现在的商户号与定单号时不同。请恢复原来的商户设置后再查。",
    "answer_sent": "微信支付回答：已发给客户，等客户打开。",
    "answer_unknown": "没有得到明确的回答。先查询，再用同一单号重发，绝不换单号。",
    "answer_wait": "微信支付正在处理，20 分钟内不会重发。",
    "answer_same_number_later": "这一次没有连上或发得太快，稍后用同一单号再发。",
    "answer_final_failure": "微信支付回答发放失败。等查询也确认以后才退回金额。",
    "answer_payee_final": "微信支付不接受这位收款人。等查询也确认以后才退回金额。",
    "failed_on_repeat": "重发时回答失败，这不能证明第一次没有付款，以查询为准。",
    "answer_hold": "达到当天的限额，第二天用同一单号再试。",
    "answer_blocked_config": "密钥、证书、余额或产品权限有问题，这一次没有付款。请处理后继续，单号不变。",
    "answer_conflict": "微信支付说同一单号的内容不同，请两位负责人核对账单。",
    "answer_mismatch": "微信支付的回答与请求的单号、金额或收款人不符，请两位负责人核对账单。",
    "query_sending": "查询：微信支付仍在发放中。",
    "query_sent": "查询：已发给客户，等客户打开。",
    "query_failed": "查询确认发放失败，金额已退回活动预算，可以重新发放。",
    "query_received": "查询：客户已经领取。",
    "query_returning": "查询：客户没有打开，正在退回。",
    "query_returned": "查询：超过 24 小时没有打开，已退回活动预算。可以由财务重新发放。",
    "query_not_found": "查询没有这个单号的数据，这不能证明没有付款，继续用同一单号处理。",
    "query_unknown": "查询没有得到明确的回答，稍后再查。",
    "query_blocked_config": "查询被拒绝：请检查密钥、证书和产品权限。",
    "query_mismatch": "查询到的金额或收款人与请求不符，请两位负责人核对账单。",
    "request_changed": "数据库里写定的请求被改动过，没有再发送。请两位负责人核对账单。",
    "query_horizon": "超过 30 天，微信支付不再提供查询，请两位负责人核对账单。",
    "failed_and_not_found": "唯一的一次发送明确失败，20 分钟后的查询也没有数据：确定没有付款。",
    "unknown_too_long": "超过一天仍然没有结果。金额继续冻结，请两位负责人核对资金账单。",
}

KINDS: Mapping[str, str] = {"send": "发送", "query": "查询", "note": "记录"}


def state_name(state: str) -> str:
    """The state in Chinese; an unknown one stays as it is."""
    return STATES[state][0] if state in STATES else state


def state_tone(state: str) -> Tone:
    """The badge's tone for a state."""
    return STATES[state][1] if state in STATES else "neutral"


def explain(reason: str, detail: str = "") -> str:
    """Why a packet is where it is, with what WeChat or a person added."""
    return REASONS.get(reason, reason) + (f"（{detail}）" if detail else "")
