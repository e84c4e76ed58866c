"""What the platform's contract tests share: a simulated corp, a caller of its API, a receiver of its callbacks.

A file that needs the fixtures imports their functions; pytest knows them by the names without ``_fixture``.
"""

import asyncio
import dataclasses
import json
import random
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from defusedxml.ElementTree import fromstring

from bot.simulator.app import running
from bot.simulator.archive import make_key_pair
from bot.simulator.config import App, RetryPolicy, WorldConfig, make_config
from bot.simulator.context import TurnableClock
from bot.simulator.pay_calls import sign_md5
from bot.simulator.world import World
from bot.wecom.envelope import EnvelopeError, decode_aes_key, open_envelope

PRIVATE_PEM, PUBLIC_PEM = make_key_pair()
KF = "wkAJ2GCAAASSm4_FhToWMFea0xAFfd3Q"
QUICK = RetryPolicy(attempts=4, pause_s=0, timeout_s=2)


class Shop:
    """A receiver of callbacks, built on the product's envelope: two readings of one protocol meet here."""

    def __init__(self, config: WorldConfig, clock: Callable[[], datetime]) -> None:
        self.config, self.clock = config, clock
        self.got: list[dict[str, str]] = []
        self.statuses: list[int] = []  # answers to give before 200
        self.echo_suffix = b""
        self.drop_next = 0
        self.hang_next = 0
        self.arrived = asyncio.Event()
        self.url = ""

    def open(self, request: web.Request, encrypted: str) -> bytes:
        query = request.query
        if abs(int(query.get("timestamp", "0")) - self.clock().timestamp()) > 3600:
            raise ValueError("outside the replay window")
        return open_envelope(
            encrypted,
            msg_signature=query.get("msg_signature", ""),
            timestamp=query.get("timestamp", ""),
            nonce=query.get("nonce", ""),
            token=self.config.token,
            aes_key=decode_aes_key(self.config.encoding_aes_key),
            receive_id=self.config.corpid,
        )

    async def verify(self, request: web.Request) -> web.Response:
        return web.Response(body=self.open(request, request.query["echostr"]) + self.echo_suffix)

    async def receive(self, request: web.Request) -> web.Response:
        if self.drop_next:
            self.drop_next -= 1
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if self.hang_next:
            self.hang_next -= 1
            await asyncio.Event().wait()
        try:
            outer = fromstring(await request.read(), forbid_dtd=True)
            event = fromstring(self.open(request, outer.findtext("Encrypt") or ""), forbid_dtd=True)
        except (EnvelopeError, ValueError, SyntaxError):
            return web.Response(status=403)
        self.got.append({child.tag: child.text or "" for child in event})
        self.arrived.set()
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200, text="success")


class Caller:
    """A client of the API with a token of its own."""

    def __init__(self, url: str, session: aiohttp.ClientSession, config: WorldConfig) -> None:
        self.url, self.session, self.config = url, session, config
        self.access_token = ""

    async def sign_in(self, secret: str | None = None) -> dict[str, Any]:
        answer = await self.get("gettoken", corpid=self.config.corpid, corpsecret=secret or self.config.secret)
        self.access_token = answer.get("access_token", "")
        return answer

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        if path != "gettoken":
            query.setdefault("access_token", self.access_token)
        async with self.session.get(f"{self.url}/cgi-bin/{path}", params=query) as answer:
            assert answer.status == 200
            return dict(await answer.json())

    async def post(self, path: str, body: Any = None) -> dict[str, Any]:  # noqa: ANN401 - JSON of any kind, also bad
        data = body if isinstance(body, bytes) else json.dumps(body if body is not None else {}).encode()
        url = f"{self.url}/cgi-bin/{path}"
        async with self.session.post(url, params={"access_token": self.access_token}, data=data) as answer:
            assert answer.status == 200
            return dict(await answer.json())

    async def code(self, path: str, body: Any = None) -> int:  # noqa: ANN401 - see post
        return int((await self.post(path, body))["errcode"])

    async def pull(self, seq: int, *, limit: int = 1000, secret: str | None = None) -> dict[str, Any]:
        headers = {"X-Archive-Secret": secret or self.config.archive_secret}
        url = f"{self.url}/simulated/finance/getchatdata"
        async with self.session.post(url, json={"seq": seq, "limit": limit}, headers=headers) as answer:
            return dict(await answer.json())

    async def pay(self, path: str, fields: dict[str, str], *, key: str | None = None) -> dict[str, str]:
        signed = {"nonce_str": "n1", "mch_id": self.config.mch_id, **fields}
        signed["sign"] = sign_md5(signed, key or self.config.api_key)
        body = "<xml>" + "".join(f"<{k}><![CDATA[{v}]]></{k}>" for k, v in signed.items()) + "</xml>"
        return await self.pay_raw(path, body.encode())

    async def pay_raw(self, path: str, body: bytes) -> dict[str, str]:
        async with self.session.post(f"{self.url}/mmpaymkttransfers/{path}", data=body) as answer:
            root = fromstring(await answer.read())
            return {child.tag: child.text or "" for child in root.iter()}

    async def send_packet(self, **changes: str) -> dict[str, str]:
        fields = {
            "mch_billno": "1000000000202603020000000001",
            "wxappid": self.config.wxappid,
            "send_name": "小二的店",
            "re_openid": "",
            "total_amount": "200",
            "total_num": "1",
            "wishing": "谢谢您的支持",
            "client_ip": "127.0.0.1",
            "act_name": "订单有礼",
            "remark": "感谢",
        }
        return await self.pay("sendredpack", fields | changes)

    async def query_packet(self, number: str = "1000000000202603020000000001") -> dict[str, str]:
        fields = {"mch_billno": number, "appid": self.config.wxappid, "bill_type": "MCHT"}
        return await self.pay("gethbinfo", fields)


@pytest.fixture(name="config")
def config_fixture() -> WorldConfig:
    made = make_config("http://127.0.0.1:1/", rng=random.Random(3), archive_public_keys={1: PUBLIC_PEM}, retry=QUICK)
    return dataclasses.replace(made, kf_empty_pages=0.0, apps=(App("kf-secret", 1_000_003, ("kf/",)),))


@pytest.fixture(name="clock")
def clock_fixture() -> TurnableClock:
    return TurnableClock()


@pytest.fixture(name="world")
def world_fixture(config: WorldConfig, clock: TurnableClock) -> World:
    made = World(config, clock=clock, rng=random.Random(7))
    made.add_staff("ZhangSan", "张三")
    made.add_staff("lisi", "李四")
    made.kf_account(KF, "小二客服", servicers=["lisi"])
    return made


@pytest.fixture(name="api")
async def api_fixture(world: World, config: WorldConfig) -> AsyncIterator[Caller]:
    async with running(world, deliver=False) as runner, aiohttp.ClientSession() as session:
        caller = Caller(runner.url, session, config)
        await caller.sign_in()
        yield caller


@pytest.fixture(name="shop")
async def shop_fixture(world: World, config: WorldConfig) -> AsyncIterator[Shop]:
    made = Shop(config, world.clock)
    app = web.Application(client_max_size=1024 * 1024)
    app.router.add_get("/callback", made.verify)
    app.router.add_post("/callback", made.receive)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = world.callbacks.callback_url = f"http://127.0.0.1:{runner.addresses[0][1]}/callback"
    yield made
    await world.close()
    await runner.cleanup()
