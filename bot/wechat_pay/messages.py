"""What is sent to WeChat Pay v2 and how its XML is written and read. Pure.

A request is frozen: everything but ``nonce_str`` and ``sign`` is decided once, stored, and repeated
unchanged (``fields``, ``digest``), because another parameter under the same number is an error.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element, ParseError  # types only; parsing is defusedxml's
from xml.sax.saxutils import escape

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from bot.wechat_pay.errors import InvalidRequest, Unreadable

# Longest values, in UTF-8 bytes: the pages give numbers without a unit, bytes are the safe reading.
LENGTHS_MAX: Final = {
    "mch_billno": 28,
    "mch_id": 32,
    "wxappid": 32,
    "send_name": 32,
    "re_openid": 32,
    "wishing": 128,
    "client_ip": 15,
    "act_name": 32,
    "remark": 256,
    "scene_id": 32,
}
OPTIONAL: Final = frozenset({"scene_id"})
AMOUNT_MAX_FEN: Final = 20_000_00
SCENE_FREE_FEN: Final = range(100, 200_00 + 1)  # outside 1 to 200 yuan a scene must be named
ANSWER_BYTES_MAX: Final = 64 * 1024

# XML 1.0 cannot carry control characters; a lone surrogate has no UTF-8.
_UNSENDABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class RedPacketRequest:
    """One cash red packet, complete except for nonce and signature. Raises InvalidRequest when it cannot be sent."""

    mch_billno: str
    mch_id: str
    wxappid: str
    send_name: str
    re_openid: str
    total_amount: int  # fen
    wishing: str
    client_ip: str
    act_name: str
    remark: str
    scene_id: str = ""

    def __post_init__(self) -> None:
        for name, length_max in LENGTHS_MAX.items():
            value = getattr(self, name)
            if not value and name not in OPTIONAL:
                raise InvalidRequest(name, "is empty")
            if _UNSENDABLE.search(value):
                raise InvalidRequest(name, "holds a control character")
            if len(value.encode()) > length_max:
                raise InvalidRequest(name, f"is longer than {length_max} bytes")
        if not re.fullmatch("[0-9A-Za-z]+", self.mch_billno):
            raise InvalidRequest("mch_billno", "may hold only 0-9 a-z A-Z")
        if not 0 < self.total_amount <= AMOUNT_MAX_FEN:
            raise InvalidRequest("total_amount", "is outside what a red packet may hold")
        if self.total_amount not in SCENE_FREE_FEN and not self.scene_id:
            raise InvalidRequest("scene_id", "must be named below 1 and above 200 yuan")

    @property
    def fields(self) -> dict[str, str | int]:
        """The wire's fields without ``nonce_str`` and ``sign``: what is frozen and stored."""
        fields: dict[str, str | int] = {name: getattr(self, name) for name in LENGTHS_MAX if getattr(self, name)}
        return fields | {"total_amount": self.total_amount, "total_num": 1}

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical request."""
        return digest(self.fields)

    @classmethod
    def of(cls, fields: Mapping[str, str | int]) -> "RedPacketRequest":
        """The request whose ``fields`` were stored."""
        texts = {name: str(fields[name]) for name in LENGTHS_MAX if name in fields}
        return cls(total_amount=int(fields["total_amount"]), **texts)


def digest(fields: Mapping[str, str | int]) -> str:
    """SHA-256 of stored fields, independent of their order."""
    canonical = json.dumps(dict(fields), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def write_xml(fields: Mapping[str, str | int]) -> bytes:
    """A flat ``<xml>`` document; values are escaped, names are ours."""
    return f"<xml>{''.join(f'<{name}>{escape(str(value))}</{name}>' for name, value in fields.items())}</xml>".encode()


def read_xml(body: bytes) -> tuple[dict[str, str], list[str]]:
    """The flat fields of an answer, and the openids of a query's ``hblist``.

    Raises Unreadable for anything else: no XML, another root, DTDs and entities, a field said twice.
    """
    if len(body) > ANSWER_BYTES_MAX:
        raise Unreadable("the answer is too long")
    try:
        root: Element = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise Unreadable("no XML we accept") from error
    if root.tag != "xml":
        raise Unreadable("the root element is not xml")
    fields: dict[str, str] = {}
    for child in root:
        if len(child):
            continue
        if child.tag in fields:
            raise Unreadable(f"{child.tag} is there twice")
        fields[child.tag] = (child.text or "").strip()
    openids = [(info.findtext("openid") or "").strip() for info in root.iter("hbinfo")]
    return fields, [openid for openid in openids if openid]
