"""Callbacks acknowledged per second, each durable before its answer, beside a bare handler that only reads the body.

Sealed pushes are made before the clock starts; 64 senders post them to a server process of its own, on
a fresh SQLite file (WAL, synchronous=FULL) and, where one listens, on PostgreSQL. Loopback only.
"""

import asyncio
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import aiohttp
from aiohttp import web

from bot import logs, schema
from bot.server import CallbackApp, CallbackServer
from bot.wecom.envelope import decode_aes_key, seal
from kernel.database import Database

SENDERS = 64
PUSHES = 6_000
ROUNDS = 3
APP = CallbackApp(
    "main", "ww0123456789abcdef", "bench-token", decode_aes_key("kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR")
)
POSTGRESQL = os.environ.get("XIAOER_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432/postgres")


def make_push(number: int) -> tuple[str, bytes]:
    xml = (
        f"<xml><ToUserName>{APP.receive_id}</ToUserName><FromUserName>sys</FromUserName><CreateTime>{int(time.time())}"
        "</CreateTime><MsgType>event</MsgType><Event>change_external_contact</Event><ChangeType>add_external_contact"
        f"</ChangeType><UserID>zhang</UserID><ExternalUserID>wm{number:030d}</ExternalUserID>"
        f"<WelcomeCode>{secrets.token_hex(16)}</WelcomeCode></xml>"
    )
    sealed = seal(
        xml.encode(),
        token=APP.token,
        aes_key=APP.aes_key,
        receive_id=APP.receive_id,
        timestamp=str(int(time.time())),
        nonce=str(number),
        random16=secrets.token_bytes(16),
    )
    query = f"?msg_signature={sealed.msg_signature}&timestamp={sealed.timestamp}&nonce={sealed.nonce}"
    outer = f"<xml><ToUserName>{APP.receive_id}</ToUserName><Encrypt><![CDATA[{sealed.encrypt}]]></Encrypt></xml>"
    return f"/wecom/callback/main{query}", outer.encode()


async def serve(url: str) -> None:
    """The server process: a bare handler for "bare", else the real callback routes on that database."""
    logs.set_up()  # one line for each callback, as in production; here nobody keeps them
    app = web.Application()
    if url == "bare":

        async def bare(request: web.Request) -> web.Response:
            await request.read()
            return web.Response(text="success")

        app.router.add_post("/wecom/callback/main", bare)
    else:
        database = Database(url)
        await schema.upgrade(database)
        app.add_routes(CallbackServer([APP], database=database, clock=lambda: datetime.now(UTC)).routes())
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


async def measure(url: str) -> tuple[float, float]:
    """(acknowledged per second, 99th percentile in ms) of one round against a fresh server process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, url, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert process.stdout is not None
    try:
        port = int(await process.stdout.readline())
        return await post_all(f"http://127.0.0.1:{port}")
    finally:
        process.kill()
        await process.wait()


async def post_all(origin: str) -> tuple[float, float]:
    pushes = iter([make_push(number) for number in range(PUSHES)])
    took: list[float] = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=SENDERS)) as session:

        async def send() -> None:
            for path, body in pushes:
                began = time.perf_counter()
                async with session.post(origin + path, data=body) as answer:
                    assert (answer.status, await answer.text()) == (200, "success")
                took.append(time.perf_counter() - began)

        began = time.perf_counter()
        await asyncio.gather(*(send() for _ in range(SENDERS)))
        seconds = time.perf_counter() - began
    return PUSHES / seconds, sorted(took)[int(len(took) * 0.99)] * 1000


async def with_postgresql(run: Callable[[str], Awaitable[tuple[float, float]]]) -> tuple[float, float] | None:
    try:
        import asyncpg  # noqa: PLC0415  # an extra

        admin = await asyncpg.connect(POSTGRESQL)
    except (ImportError, OSError) as error:
        print(f"PostgreSQL: not measured ({error})")
        return None
    name = f"xiaoer_bench_{secrets.token_hex(4)}"
    try:
        await admin.execute(f'CREATE DATABASE "{name}"')
        url = POSTGRESQL.replace("postgresql://", "postgresql+asyncpg://").rsplit("/", 1)[0] + f"/{name}"
        return await run(url)
    finally:
        await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await admin.close()


async def main() -> None:
    print(f"{PUSHES} pushes, {SENDERS} senders, best of {ROUNDS} interleaved rounds; the client shares this machine")
    best: dict[str, tuple[float, float]] = {}
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            rounds = {"bare handler": await measure("bare")}
            rounds["SQLite, durable"] = await measure(f"sqlite+aiosqlite:///{folder}/bench.sqlite3")
            if (postgresql := await with_postgresql(measure)) is not None:
                rounds["PostgreSQL, durable"] = postgresql
        for name, figures in rounds.items():
            best[name] = max(best.get(name, (0.0, 0.0)), figures)
    bare = best["bare handler"][0]
    for name, (rate, p99) in best.items():
        print(f"{name:22} {rate:8.0f} acknowledged/s   p99 {p99:6.1f} ms   {rate / bare:.2f} x bare")


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]) if len(sys.argv) > 1 else main())
