"""What an answer of WeChat Pay means. Pure: bytes in, a class of answer out.

The rule of this module: an answer we cannot read, do not know, or did not get is *unknown*. Only
documented codes mean more, and the human sentence beside a code decides nothing. What a class means
for a packet, given its attempt number and age, is decided in red_packets.engine.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from bot.wechat_pay.errors import Unreadable
from bot.wechat_pay.messages import RedPacketRequest, read_xml

SUMMARY_LENGTH_MAX = 400
_KEPT = (  # fields worth showing an auditor; openids, nonces and signatures are not among them
    "return_code",
    "return_msg",
    "result_code",
    "err_code",
    "err_code_des",
    "status",
    "reason",
    "total_amount",
    "send_listid",
    "detail_id",
    "send_time",
    "refund_time",
    "refund_amount",
)


class AnswerClass(StrEnum):
    """The answer to a send, named by what to do."""

    SENT = "sent"  # WeChat sent the packet: wait until it is opened
    UNKNOWN = "unknown"  # query, then repeat with the same number
    WAIT = "wait"  # accepted, still processing: query in 20 minutes, do not send meanwhile
    SAME_NUMBER_LATER = "same_number_later"  # this call did nothing: pause, query, same number
    FINAL_FAILURE = "final_failure"  # this number failed, if it was the first attempt and a query agrees
    PAYEE_FINAL = "payee_final"  # this person cannot be paid this way, under the same two conditions
    HOLD = "hold"  # a daily limit: tomorrow
    BLOCKED_CONFIG = "blocked_config"  # keys, certificate, balance, product: a person corrects it, then same number
    CONFLICT = "conflict"  # the number is known with other parameters: a person looks
    MISMATCH = "mismatch"  # the answer speaks of another number, amount or person: a person looks


class QueryClass(StrEnum):
    """The answer to a query, named by what it says of the packet."""

    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    RECEIVED = "received"
    RETURNING = "returning"
    RETURNED = "returned"
    NOT_FOUND = "not_found"
    UNKNOWN = "unknown"
    BLOCKED_CONFIG = "blocked_config"
    MISMATCH = "mismatch"


@dataclass(frozen=True, slots=True)
class SendAnswer:
    kind: AnswerClass
    err_code: str = ""
    summary: str = ""  # masked, fit for storage and the console
    send_listid: str = ""


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    kind: QueryClass
    err_code: str = ""
    summary: str = ""
    reason: str = ""  # WeChat's words beside SENDING or FAILED
    amount_fen: int | None = None
    openids: tuple[str, ...] = ()

    def contradicts(self, request: RedPacketRequest) -> bool:
        """True when the query speaks of another sum or another person than the request."""
        other_amount = self.amount_fen is not None and self.amount_fen != request.total_amount
        return other_amount or any(openid != request.re_openid for openid in self.openids)


_BY_CODE: Mapping[AnswerClass, str] = {
    AnswerClass.UNKNOWN: "SYSTEMERROR NOT_FOUND",
    AnswerClass.WAIT: "PROCESSING",
    AnswerClass.SAME_NUMBER_LATER: "FREQ_LIMIT SECOND_OVER_LIMITED",
    AnswerClass.FINAL_FAILURE: "SEND_FAILED",
    AnswerClass.PAYEE_FINAL: "OPENID_ERROR V2_ACCOUNT_SIMPLE_BAN RECV_ACCOUNT_NOT_ALLOWED",
    AnswerClass.HOLD: (
        "SENDNUM_LIMIT SENDAMOUNT_LIMIT RCVDAMOUNT_LIMIT DAY_OVER_LIMITED SEND_MONEY_LIMIT RECEIVED_MONEY_LIMIT"
    ),
    AnswerClass.BLOCKED_CONFIG: (
        "PARAM_ERROR XML_ERROR SIGN_ERROR CA_ERROR NO_AUTH ILLEGAL_APPID MSGAPPID_ERROR ACCEPTMODE_ERROR"
        " API_METHOD_CLOSED NO_COMPETENCE PAYER_ACCOUNT_ABNORMAL NOTENOUGH MONEY_LIMIT AMOUNT_LIMIT"
        " NAME_MISMATCH PAY_CHANNEL_NOT_ALLOWED PARAM_IS_NOT_UTF8 WORKWX_MCHID_ERROR WORKWX_SIGN_ERROR"
    ),
    AnswerClass.CONFLICT: "FATAL_ERROR",
}
SEND_CODES: Mapping[str, AnswerClass] = {code: kind for kind, codes in _BY_CODE.items() for code in codes.split()}
QUERY_BLOCKED_CODES = frozenset({"CA_ERROR", "SIGN_ERROR", "NO_AUTH", "XML_ERROR", "PARAM_ERROR"})
QUERY_STATUS: Mapping[str, QueryClass] = {
    "SENDING": QueryClass.SENDING,
    "SENT": QueryClass.SENT,
    "FAILED": QueryClass.FAILED,
    "RECEIVED": QueryClass.RECEIVED,
    "RFUND_ING": QueryClass.RETURNING,  # WeChat's spelling
    "REFUND": QueryClass.RETURNED,
}


def read_send_answer(body: bytes, request: RedPacketRequest) -> SendAnswer:
    """Classify the answer to ``sendredpack``. A success must name our number, merchant, appid, person and sum."""
    try:
        fields, _ = read_xml(body)
    except Unreadable as error:
        return SendAnswer(AnswerClass.UNKNOWN, summary=f"读不懂的回答：{error}")
    summary = _summary(fields, request.re_openid)
    code = fields.get("err_code", "")
    if (fields.get("return_code"), fields.get("result_code")) != ("SUCCESS", "SUCCESS"):
        return SendAnswer(SEND_CODES.get(code, AnswerClass.UNKNOWN), code, summary)
    expected = {
        "mch_billno": request.mch_billno,
        "mch_id": request.mch_id,
        "wxappid": request.wxappid,
        "re_openid": request.re_openid,
        "total_amount": str(request.total_amount),
    }
    if any(fields.get(name) and fields[name] != value for name, value in expected.items()):
        return SendAnswer(AnswerClass.MISMATCH, code, summary)
    if not all(fields.get(name) for name in ("mch_billno", "re_openid", "total_amount")):
        return SendAnswer(AnswerClass.UNKNOWN, code, summary)
    return SendAnswer(AnswerClass.SENT, "", summary, send_listid=fields.get("send_listid", ""))


def read_query_answer(body: bytes, *, mch_billno: str, mch_id: str) -> QueryAnswer:
    """Classify the answer to ``gethbinfo``; ``err_code`` SUCCESS is no failure."""
    try:
        fields, openids = read_xml(body)
    except Unreadable as error:
        return QueryAnswer(QueryClass.UNKNOWN, summary=f"读不懂的回答：{error}")
    summary = _summary(fields, *openids)
    code = fields.get("err_code", "").removeprefix("SUCCESS")
    if (fields.get("return_code"), fields.get("result_code")) != ("SUCCESS", "SUCCESS"):
        kind = QueryClass.UNKNOWN
        if code == "NOT_FOUND":
            kind = QueryClass.NOT_FOUND
        elif code in QUERY_BLOCKED_CODES:
            kind = QueryClass.BLOCKED_CONFIG
        return QueryAnswer(kind, code, summary)
    if fields.get("mch_billno", mch_billno) != mch_billno or fields.get("mch_id", mch_id) != mch_id:
        return QueryAnswer(QueryClass.MISMATCH, code, summary)
    amount = fields.get("total_amount", "")
    return QueryAnswer(
        QUERY_STATUS.get(fields.get("status", ""), QueryClass.UNKNOWN),
        code,
        summary,
        reason=fields.get("reason", "")[:100],
        amount_fen=int(amount) if amount.isascii() and amount.isdigit() and len(amount) < 12 else None,
        openids=tuple(openids),
    )


def mask(secret: str) -> str:
    """Enough of an openid to compare two by eye, too little to use: ``oxTW…L16E``."""
    return f"{secret[:4]}…{secret[-4:]}" if len(secret) > 12 else "…"


def _summary(fields: Mapping[str, str], *openids: str) -> str:
    text = " ".join(f"{name}={fields[name]}" for name in _KEPT if fields.get(name))
    for openid in openids:
        text = text.replace(openid, mask(openid))
    return text[:SUMMARY_LENGTH_MAX]
