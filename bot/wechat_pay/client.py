"""Two calls of WeChat Pay v2 over mutual TLS: send a cash red packet, ask what became of one.

Owns the transport: signing, time limits, no repeats of its own, and the judgement of what a broken
transport proves. Only a connection that never stood proves that nothing was sent; every other
trouble is *unknown*. Nothing here logs a key, a sign string, a body or an openid.
"""

import ssl
from dataclasses import dataclass
from secrets import token_hex
from typing import Final

import aiohttp
import structlog

from bot.wechat_pay.answers import (
    AnswerClass,
    QueryAnswer,
    QueryClass,
    SendAnswer,
    read_query_answer,
    read_send_answer,
)
from bot.wechat_pay.messages import ANSWER_BYTES_MAX, RedPacketRequest, write_xml
from bot.wechat_pay.signing import sign_v2

CONNECT_TIMEOUT_S: Final = 5.0
READ_TIMEOUT_S: Final = 15.0
CALL_TIMEOUT_S: Final = CONNECT_TIMEOUT_S + READ_TIMEOUT_S
SEND_PATH: Final = "/mmpaymkttransfers/sendredpack"
QUERY_PATH: Final = "/mmpaymkttransfers/gethbinfo"

_log = structlog.get_logger()


class _NothingSent(Exception):
    """The connection never stood."""


class _NoAnswer(Exception):
    """Something may have been sent and no readable answer came back."""


@dataclass(frozen=True, slots=True)
class WeChatPayClient:
    """One merchant's channel. ``tls`` carries the merchant's client certificate; None only against a simulator."""

    base_url: str
    mch_id: str
    api_key: str
    wxappid: str
    session: aiohttp.ClientSession
    client_ip: str
    tls: ssl.SSLContext | None = None

    def __repr__(self) -> str:
        return f"WeChatPayClient(mch_id={self.mch_id!r})"

    async def send_red_packet(self, request: RedPacketRequest) -> SendAnswer:
        """Send once. The answer says what to do; transport trouble is an answer too, never an exception."""
        try:
            answer = read_send_answer(await self._post(SEND_PATH, request.fields), request)
        except _NothingSent as trouble:
            answer = SendAnswer(AnswerClass.SAME_NUMBER_LATER, "NOT_CONNECTED", f"没有连上微信支付：{trouble}")
        except _NoAnswer as trouble:
            answer = SendAnswer(AnswerClass.UNKNOWN, "NO_ANSWER", f"没有收到可读的回答：{trouble}")
        _log.info("red_packet_send_answered", bill=request.mch_billno, kind=answer.kind, err_code=answer.err_code)
        return answer

    async def query_red_packet(self, mch_billno: str) -> QueryAnswer:
        """Ask what became of a number."""
        fields: dict[str, str | int] = {
            "appid": self.wxappid,  # here the field has another name than in the send
            "bill_type": "MCHT",
            "mch_billno": mch_billno,
            "mch_id": self.mch_id,
        }
        try:
            body = await self._post(QUERY_PATH, fields)
            answer = read_query_answer(body, mch_billno=mch_billno, mch_id=self.mch_id)
        except (_NothingSent, _NoAnswer) as trouble:
            answer = QueryAnswer(QueryClass.UNKNOWN, "NO_ANSWER", f"没有收到可读的回答：{trouble}")
        _log.info("red_packet_query_answered", bill=mch_billno, kind=answer.kind, err_code=answer.err_code)
        return answer

    async def _post(self, path: str, fields: dict[str, str | int]) -> bytes:
        signed = fields | {"nonce_str": token_hex(16)}
        signed["sign"] = sign_v2(signed, self.api_key)
        timeout = aiohttp.ClientTimeout(total=CALL_TIMEOUT_S, connect=CONNECT_TIMEOUT_S, sock_read=READ_TIMEOUT_S)
        try:
            async with self.session.post(
                self.base_url + path,
                data=write_xml(signed),
                headers={"Content-Type": "text/xml; charset=utf-8"},
                ssl=self.tls or True,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                if response.status != 200:
                    raise _NoAnswer(f"HTTP {response.status}")
                body = await response.content.read(ANSWER_BYTES_MAX + 1)
                while len(body) <= ANSWER_BYTES_MAX and (more := await response.content.read(ANSWER_BYTES_MAX)):
                    body += more
                return body
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise _NothingSent(type(error).__name__) from error
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise _NoAnswer(type(error).__name__) from error
