"""The client over real sockets: what goes out, and what each broken transport means."""

from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from structlog.testing import capture_logs
from test_red_packets_fake import make_request

from bot.wechat_pay.answers import AnswerClass, QueryClass
from bot.wechat_pay.client import QUERY_PATH, SEND_PATH, WeChatPayClient
from bot.wechat_pay.messages import read_xml, write_xml
from bot.wechat_pay.signing import sign_v2

KEY = "192006250b4c09247ec02edce69f6a2d"
REQUEST = make_request()
SUCCESS: dict[str, str | int] = REQUEST.fields | {"return_code": "SUCCESS", "result_code": "SUCCESS"}
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def call(session: aiohttp.ClientSession, answer: Answer) -> tuple[AnswerClass, QueryClass, int]:
    """Send and query once against a server that answers so; also how many requests it saw."""
    seen: list[str] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        seen.append(request.path)
        return await answer(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    async with TestServer(app) as server:
        client = make_client(session, str(server.make_url("")).rstrip("/"))
        sent = await client.send_red_packet(REQUEST)
        queried = await client.query_red_packet(REQUEST.mch_billno)
    return sent.kind, queried.kind, len(seen)


def make_client(session: aiohttp.ClientSession, base_url: str) -> WeChatPayClient:
    return WeChatPayClient(base_url, "1900000001", KEY, "wx8888888888888888", session, "127.0.0.1")


async def test_what_goes_out_is_signed_flat_xml_with_each_calls_own_names(session: aiohttp.ClientSession) -> None:
    bodies: dict[str, dict[str, str]] = {}

    async def answer(request: web.Request) -> web.Response:
        bodies[request.path], _ = read_xml(await request.read())
        return web.Response(body=write_xml(SUCCESS | {"status": "SENT"}))

    assert await call(session, answer) == (AnswerClass.SENT, QueryClass.SENT, 2)
    for fields in bodies.values():
        assert fields["sign"] == sign_v2(fields, KEY)
        assert len(fields["nonce_str"]) == 32
    assert bodies[SEND_PATH]["wxappid"] == bodies[QUERY_PATH]["appid"]
    assert (bodies[SEND_PATH]["total_num"], bodies[QUERY_PATH]["bill_type"]) == ("1", "MCHT")


@pytest.mark.parametrize("status", [301, 404, 429, 500, 502])
async def test_any_other_http_status_is_unknown_and_not_repeated(session: aiohttp.ClientSession, status: int) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, body=write_xml(SUCCESS), headers={"Location": "/elsewhere"})

    assert await call(session, answer) == (AnswerClass.UNKNOWN, QueryClass.UNKNOWN, 2)


async def test_a_connection_cut_before_or_inside_the_answer_is_unknown(session: aiohttp.ClientSession) -> None:
    async def cut(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    async def cut_inside(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "500"})
        await response.prepare(request)
        await response.write(b"<xml><return_code>SUCC")
        assert request.transport is not None
        request.transport.close()
        return response

    for answer in (cut, cut_inside):
        assert await call(session, answer) == (AnswerClass.UNKNOWN, QueryClass.UNKNOWN, 2)


async def test_an_answer_that_claims_to_be_compressed_and_is_not_is_unknown(session: aiohttp.ClientSession) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=b"not gzip at all", headers={"Content-Encoding": "gzip"})

    assert await call(session, answer) == (AnswerClass.UNKNOWN, QueryClass.UNKNOWN, 2)


async def test_a_refused_connection_proves_that_nothing_was_sent(session: aiohttp.ClientSession) -> None:
    """F1."""
    client = make_client(session, f"http://127.0.0.1:{unused_port()}")
    assert (await client.send_red_packet(REQUEST)).kind is AnswerClass.SAME_NUMBER_LATER
    assert (await client.query_red_packet(REQUEST.mch_billno)).kind is QueryClass.UNKNOWN


async def test_neither_logs_nor_the_clients_text_show_the_key_or_an_openid(session: aiohttp.ClientSession) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=write_xml(SUCCESS | {"status": "SENT"}))

    with capture_logs() as logs:
        await call(session, answer)
    shown = repr(logs) + repr(make_client(session, "http://127.0.0.1"))
    assert len(logs) == 2
    assert KEY not in shown
    assert REQUEST.re_openid not in shown
