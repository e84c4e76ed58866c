"""The XML surface of WeChat Pay v2: ``sendredpack`` and ``gethbinfo`` (payments reference A1.1 to A1.5, A2).

Checks come in the order of A8: well-formed XML, signature, required fields and lengths; then ``pay`` decides.
"""

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Mapping
from datetime import datetime
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from bot.simulator.config import WorldConfig
from bot.simulator.pay import BEIJING, Pay, PayError, RedPacket

SEND_FIELDS = {  # name → bytes at most
    "nonce_str": 32,
    "sign": 32,
    "mch_billno": 28,
    "mch_id": 32,
    "wxappid": 32,
    "send_name": 32,
    "re_openid": 32,
    "total_amount": 12,
    "total_num": 1,
    "wishing": 128,
    "client_ip": 15,
    "act_name": 32,
    "remark": 256,
}
SEND_OPTIONAL = {"scene_id": 32, "risk_info": 128, "sub_mch_id": 32, "msgappid": 32, "consume_mch_id": 32}
QUERY_FIELDS = {"nonce_str": 32, "sign": 32, "mch_billno": 28, "mch_id": 32, "appid": 32, "bill_type": 32}
SCENES = frozenset(f"PRODUCT_{number}" for number in range(1, 9))

Answer = dict[str, str]


def sign_md5(fields: Mapping[str, str], api_key: str) -> str:
    """Signature v2: sorted non-empty fields but ``sign``, then the key; MD5, upper-case hex (A1.3)."""
    joined = "&".join(f"{name}={value}" for name, value in sorted(fields.items()) if value and name != "sign")
    return hashlib.md5(f"{joined}&key={api_key}".encode(), usedforsecurity=False).hexdigest().upper()


class PayCalls:
    def __init__(self, config: WorldConfig, pay: Pay) -> None:
        self._config, self._pay = config, pay

    def send(self, body: bytes, *, processing: bool = False) -> Answer:
        """``sendredpack``: the answer's fields; refusals are answers too."""
        try:
            fields = self._read(body, SEND_FIELDS, SEND_OPTIONAL)
            _check_send(fields)
            packet = self._pay.send(fields, processing=processing)
        except PayError as error:
            return failure(error.err_code, error.text)
        return _success(
            {
                "mch_billno": packet.mch_billno,
                "mch_id": self._config.mch_id,
                "wxappid": self._config.wxappid,
                "re_openid": packet.openid,
                "total_amount": str(packet.amount_fen),
                "send_listid": packet.send_listid,
            },
            text="发放成功",
        )

    def query(self, body: bytes) -> Answer:
        """``gethbinfo``: a good answer carries err_code SUCCESS."""
        try:
            fields = self._read(body, QUERY_FIELDS, {})
            _check_query(fields, self._config.wxappid)
            packet = self._pay.query(fields["mch_billno"])
        except PayError as error:
            return failure(error.err_code, error.text)
        answer = _success(_packet_fields(packet, self._config.mch_id), text="OK")
        return answer | {"err_code": "SUCCESS", "err_code_des": "OK"}

    def _read(self, body: bytes, required: Mapping[str, int], optional: Mapping[str, int]) -> dict[str, str]:
        fields = _parse(body)
        if fields.get("mch_id") != self._config.mch_id:
            raise PayError("PARAM_ERROR", "商户号mch_id不存在")
        if not hmac.compare_digest(fields.get("sign", "").encode(), sign_md5(fields, self._config.api_key).encode()):
            raise PayError("SIGN_ERROR", "签名错误")
        for name in required:
            if not fields.get(name):
                raise PayError("PARAM_ERROR", f"参数错误:缺少{name}")
        lengths = {**required, **optional}
        for name, value in fields.items():
            if name not in lengths:
                raise PayError("PARAM_ERROR", f"参数错误:不认识{name}")
            if len(value.encode()) > lengths[name]:
                raise PayError("PARAM_ERROR", f"参数错误:{name}长度超过{lengths[name]}字节")
        if not re.fullmatch(r"[0-9A-Za-z]{1,28}", fields["mch_billno"]):
            raise PayError("PARAM_ERROR", "商户订单号只能是数字和字母")
        return fields


def failure(err_code: str, text: str = "") -> Answer:
    """A business failure: the transport succeeded, the business did not."""
    return {
        "return_code": "SUCCESS",
        "return_msg": text or err_code,
        "result_code": "FAIL",
        "err_code": err_code,
        "err_code_des": text or err_code,
    }


def answer_xml(answer: Mapping[str, str]) -> bytes:
    """Numbers bare, texts in CDATA, the query's receipt list nested."""
    rows = []
    for name, value in answer.items():
        if name == "hblist":
            rows.append(f"<hblist>{value}</hblist>")
        else:
            text = value if value.isdecimal() and name.endswith(("amount", "num")) else f"<![CDATA[{value}]]>"
            rows.append(f"<{name}>{text}</{name}>")
    return ("<xml>\n" + "\n".join(rows) + "\n</xml>").encode()


def _success(fields: Answer, *, text: str) -> Answer:
    return {"return_code": "SUCCESS", "return_msg": text, "result_code": "SUCCESS", **fields}


def _parse(body: bytes) -> dict[str, str]:
    try:
        root = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        raise PayError("XML_ERROR", "请求的xml格式错误") from None
    if root.tag != "xml" or any(len(child) for child in root):
        raise PayError("XML_ERROR", "请求的xml格式错误")
    return {child.tag: child.text or "" for child in root}


def _check_send(fields: Mapping[str, str]) -> None:
    if not re.fullmatch(r"[1-9][0-9]*", fields["total_amount"]):
        raise PayError("PARAM_ERROR", "total_amount")
    if fields["total_num"] != "1":
        raise PayError("PARAM_ERROR", "total_num")
    if fields.get("scene_id") and fields["scene_id"] not in SCENES:
        raise PayError("PARAM_ERROR", "scene_id")
    try:
        ipaddress.IPv4Address(fields["client_ip"])
    except ValueError:
        raise PayError("PARAM_ERROR", "client_ip") from None


def _check_query(fields: Mapping[str, str], appid: str) -> None:
    for name, wanted in {"bill_type": "MCHT", "appid": appid}.items():
        if fields[name] != wanted:
            raise PayError("PARAM_ERROR", name)


def _packet_fields(packet: RedPacket, mch_id: str) -> Answer:
    fields = {
        "mch_billno": packet.mch_billno,
        "mch_id": mch_id,
        "detail_id": packet.detail_id,
        "status": packet.status.value,
        "send_type": "API",
        "hb_type": "NORMAL",
        "total_num": "1",
        "total_amount": str(packet.amount_fen),
        "send_time": _beijing(packet.sent_at or packet.created_at),
        "wishing": packet.params["wishing"],
        "remark": packet.params["remark"],
        "act_name": packet.params["act_name"],
    }
    if packet.reason:
        fields["reason"] = packet.reason
    if packet.refunded_at is not None:
        fields |= {"refund_time": _beijing(packet.refunded_at), "refund_amount": str(packet.amount_fen)}
    if packet.opened_at is not None:
        fields["hblist"] = (
            f"<hbinfo><openid><![CDATA[{packet.openid}]]></openid><amount>{packet.amount_fen}</amount>"
            f"<rcv_time><![CDATA[{_beijing(packet.opened_at)}]]></rcv_time></hbinfo>"
        )
    return fields


def _beijing(moment: datetime) -> str:
    return moment.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")
