"""The callback URL: what is refused and how, what is kept, and that nothing is answered before it is stored."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import select

from bot.mailbox import Mail
from bot.server import BODY_BYTES_MAX, CallbackApp, CallbackServer, Refusal
from bot.wecom.envelope import decode_aes_key, seal
from kernel.database import Database

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
KEY = decode_aes_key("kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR")
APP = CallbackApp("main", "ww0123456789abcdef", "a-token-of-our-own", KEY)
PATH = "/wecom/callback/main"


def event_xml(**fields: str) -> bytes:
    values = {
        "ToUserName": APP.receive_id,
        "FromUserName": "sys",
        "CreateTime": "1795000000",
        "MsgType": "event",
        "Event": "change_external_contact",
        "ChangeType": "add_external_contact",
        "UserID": "zhang",
        "ExternalUserID": "wm" + "l" * 30,
        "WelcomeCode": "CODE",
    } | fields
    return ("<xml>" + "".join(f"<{k}><![CDATA[{v}]]></{k}>" for k, v in values.items()) + "</xml>").encode()


def push(
    message: bytes, *, app: CallbackApp = APP, at: datetime = NOW, nonce: str = "n1"
) -> tuple[dict[str, str], bytes]:
    """Query and body of one push."""
    sealed = seal(
        message,
        token=app.token,
        aes_key=app.aes_key,
        receive_id=app.receive_id,
        timestamp=str(int(at.timestamp())),
        nonce=nonce,
        random16=b"0123456789abcdef",
    )
    query = {"msg_signature": sealed.msg_signature, "timestamp": sealed.timestamp, "nonce": sealed.nonce}
    return query, outer(sealed.encrypt, app)


def outer(encrypt: str, app: CallbackApp = APP) -> bytes:
    return f"<xml><ToUserName>{app.receive_id}</ToUserName><Encrypt><![CDATA[{encrypt}]]></Encrypt></xml>".encode()


@pytest.fixture
async def client(database: Database) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    app = web.Application()
    app.add_routes(CallbackServer([APP], database=database, clock=lambda: NOW).routes())
    async with TestClient(TestServer(app)) as client:
        yield client


async def stored(database: Database) -> SimpleNamespace:
    async with database.read() as db:
        mail = (await db.scalars(select(Mail).order_by(Mail.id))).all()
        refusals = (await db.scalars(select(Refusal).order_by(Refusal.id))).all()
    return SimpleNamespace(mail=mail, refusals=refusals)


async def test_a_good_callback_is_stored_and_answered_success(
    client: TestClient[web.Request, web.Application], database: Database
) -> None:
    query, body = push(event_xml())
    answer = await client.post(PATH, params=query, data=body)
    assert (answer.status, await answer.text()) == (200, "success")
    (mail,) = (await stored(database)).mail
    assert mail.kind == "change_external_contact.add_external_contact"
    assert mail.payload["WelcomeCode"] == "CODE"


async def test_a_repeat_changes_nothing_even_when_encrypted_anew(
    client: TestClient[web.Request, web.Application], database: Database
) -> None:
    for nonce in ("n1", "n2", "n1"):
        query, body = push(event_xml(), nonce=nonce)
        assert (await client.post(PATH, params=query, data=body)).status == 200
    assert len((await stored(database)).mail) == 1


async def test_two_friends_of_the_same_second_are_both_kept(
    client: TestClient[web.Request, web.Application], database: Database
) -> None:
    for name, code in (("a", "C1"), ("b", "C2")):
        query, body = push(event_xml(ExternalUserID="wm" + name * 30, WelcomeCode=code))
        await client.post(PATH, params=query, data=body)
    assert len((await stored(database)).mail) == 2


async def test_an_unknown_event_is_kept_and_never_an_error_to_wecom(
    client: TestClient[web.Request, web.Application], database: Database
) -> None:
    query, body = push(event_xml(Event="something_new", ChangeType="tomorrow"))
    assert (await client.post(PATH, params=query, data=body)).status == 200
    assert [mail.kind for mail in (await stored(database)).mail] == ["something_new.tomorrow"]


async def test_the_echo_test_answers_the_decrypted_bytes_and_nothing_else(
    client: TestClient[web.Request, web.Application],
) -> None:
    query, body = push(b"1616140317555161061")
    echo = body.decode().split("CDATA[")[1].split("]]")[0]
    answer = await client.get(PATH, params={**query, "echostr": echo})
    assert (answer.status, await answer.read()) == (200, b"1616140317555161061")


OTHER_CORP = CallbackApp("main", "wwffffffffffffffff", APP.token, APP.aes_key)
GOOD_QUERY, GOOD_BODY = push(event_xml())
FORGED = {**GOOD_QUERY, "msg_signature": "0" * 40}
LATE_QUERY, LATE_BODY = push(event_xml(), at=NOW - timedelta(hours=2))
CORP_QUERY, CORP_BODY = push(event_xml(), app=OTHER_CORP)
TEXT_QUERY, TEXT_BODY = push(b"not xml")
ENTITY = b'<!DOCTYPE x [<!ENTITY a "b">]><xml><Encrypt>&a;</Encrypt></xml>'


@pytest.mark.parametrize(
    ("path", "query", "body", "status"),
    [
        pytest.param(PATH, FORGED, GOOD_BODY, 403, id="forged signature"),
        pytest.param(PATH, {}, GOOD_BODY, 400, id="no signature"),
        pytest.param(PATH, {**GOOD_QUERY, "nonce": "n2"}, GOOD_BODY, 403, id="changed nonce"),
        pytest.param(PATH, LATE_QUERY, LATE_BODY, 403, id="outside the replay window"),
        pytest.param(PATH, CORP_QUERY, CORP_BODY, 403, id="another corp"),
        pytest.param(
            PATH,
            CORP_QUERY,
            CORP_BODY.replace(b"wwffffffffffffffff", APP.receive_id.encode()),
            403,
            id="another corp inside",
        ),
        pytest.param(PATH, GOOD_QUERY, b"x" * (BODY_BYTES_MAX + 1), 413, id="too large"),
        pytest.param(PATH, GOOD_QUERY, b"", 400, id="empty"),
        pytest.param(PATH, GOOD_QUERY, b"\xff\xfe<xml>", 400, id="not text"),
        pytest.param(PATH, GOOD_QUERY, ENTITY, 400, id="entities"),
        pytest.param(
            PATH,
            GOOD_QUERY,
            b"<xml><ToUserName>" + APP.receive_id.encode() + b"</ToUserName></xml>",
            400,
            id="nothing encrypted",
        ),
        pytest.param(PATH, TEXT_QUERY, TEXT_BODY, 400, id="signed but not XML"),
        pytest.param("/wecom/callback/other", GOOD_QUERY, GOOD_BODY, 404, id="no such app"),
    ],
)
async def test_what_cannot_be_trusted_is_refused_and_leaves_a_trace_without_content(
    client: TestClient[web.Request, web.Application],
    database: Database,
    path: str,
    query: dict[str, str],
    body: bytes,
    status: int,
) -> None:
    answer = await client.post(path, params=query, data=body)
    assert answer.status == status
    kept = await stored(database)
    assert kept.mail == []
    (refusal,) = kept.refusals
    assert refusal.status == status
    assert "CODE" not in refusal.reason


async def test_many_at_once_are_each_stored_before_they_are_answered(
    client: TestClient[web.Request, web.Application], database: Database
) -> None:
    """They share commits; each still gets its own answer, and repeats among them change nothing."""
    pushes = [push(event_xml(ExternalUserID=f"wm{n % 40:030d}", WelcomeCode=f"C{n % 40}")) for n in range(80)]
    answers = await asyncio.gather(*(client.post(PATH, params=query, data=body) for query, body in pushes))
    assert {answer.status for answer in answers} == {200}
    assert len((await stored(database)).mail) == 40


async def test_an_event_that_could_not_be_stored_is_not_answered_success(tmp_path: Path) -> None:
    """WeCom then pushes it again."""
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'no such folder' / 'test.sqlite3'}")
    app = web.Application()
    app.add_routes(CallbackServer([APP], database=database, clock=lambda: NOW).routes())
    async with TestClient(TestServer(app)) as client:
        query, body = push(event_xml())
        assert (await client.post(PATH, params=query, data=body)).status == 500
    await database.close()
