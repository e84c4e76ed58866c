"""The composition root: builds every long-lived object, wires the rooms together, and runs what the CLI asks for."""

import contextlib
import secrets
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random

import aiohttp
from aiohttp import web
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

import compliance
import compliance.web
import scripts_library.web
import tagger
import tagger.web
from bot import schema
from bot.archive.finance_sdk import Account
from bot.archive.media import fetch_media_once
from bot.archive.reader import ArchiveReader
from bot.archive.sdk_source import FinanceSdkSource
from bot.archive.source import ArchiveSource, KeyRing, SimulatedSource
from bot.console.rooms import RoomsData, context_lines, people_names
from bot.console.web import make_shell
from bot.handlers import contact, order
from bot.orders import web as orders_web
from bot.orders.claims import ClaimOutcome
from bot.red_packets import web as red_packets_web
from bot.red_packets.errors import OpenidImpossible, OpenidPending
from bot.red_packets.sending import Sender
from bot.server import CallbackApp, CallbackServer
from bot.settings import Settings
from bot.wechat_pay.client import WeChatPayClient
from bot.wecom.client import WeComClient
from bot.wecom.errors import Refused, WeComError
from bot.wecom.token_store import DatabaseTokenStore
from bot.workers import crew
from bot.workers.loop import Bell
from bot.workers.services import Services
from kernel.database import Database
from scripts_library import store as scripts

CALLBACK_APP = "main"  # the name in the callback URL: /wecom/callback/main
SHUTDOWN_S = 5.0
OPENID_FINAL = frozenset({40096, 84061, 43004})  # no WeChat customer behind this id: no openid will ever come


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Plant:
    """One process's services and the bell that wakes its loops."""

    services: Services
    bell: Bell


@asynccontextmanager
async def open_plant(settings: Settings, *, clock: Callable[[], datetime] = utc_now) -> AsyncIterator[Plant]:
    """Open database and network; close them when the block ends."""
    database = Database(settings.database_url)
    bell = Bell()
    database.after_commit = bell.ring
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=50)))
        wecom = WeComClient(
            session,
            base_url=settings.wecom_base_url,
            corpid=settings.wecom_corpid,
            secret=settings.wecom_secret,
            clock=clock,
            agentid=int(settings.wecom_agentid),
            store=DatabaseTokenStore(database),
        )
        source = _make_source(settings, session, stack)
        keys = KeyRing.from_files(settings.archive_key_files)
        fetch_media = None
        if settings.archive_media and isinstance(source, FinanceSdkSource):
            fetch_media = partial(fetch_media_once, database, source, Path(settings.archive_media), clock=clock)
        yield Plant(
            Services(
                settings=settings,
                database=database,
                clock=clock,
                random=Random(secrets.randbits(64)),  # noqa: S311  # jitter only
                worker=secrets.token_hex(8),
                wecom=wecom,
                archive=ArchiveReader(database, source, keys, clock=clock) if source else None,
                fetch_media=fetch_media,
                sender=_make_sender(settings, database, session, wecom, clock),
                tags=tagger.LibraryCache(),
                lexicon=compliance.shipped_lexicon(),
            ),
            bell,
        )


def make_app(plant: Plant) -> web.Application:
    """The callback routes, the console's shell, and every room's pages under its own path."""
    services = plant.services
    settings, database, clock = services.settings, services.database, services.clock
    shell = make_shell(
        database=database,
        clock=clock,
        secure_cookies=settings.public_url.startswith("https://"),
        simulated=settings.is_simulated,
        data=RoomsData(),
    )
    callbacks = CallbackServer(
        [CallbackApp(CALLBACK_APP, settings.wecom_corpid, settings.wecom_token, settings.callback_aes_key)],
        database=database,
        clock=clock,
    )
    shell.app.add_routes(callbacks.routes())

    async def healthz(_request: web.Request) -> web.Response:
        async with database.read() as db:
            await db.execute(text("SELECT 1"))
        return web.Response(text="ok")

    shell.app.router.add_get("/healthz", healthz)
    render, viewer = shell.render, shell.viewer
    tags = tagger.web.make_app(
        database=database,
        render=render,
        viewer=viewer,
        clock=clock,
        on_decision=contact.on_tag_decided,
        names=people_names,
    )
    shell.app.add_subapp("/tags", tags)
    library = scripts_library.web.make_app(
        database=database, render=render, viewer=viewer, clock=clock, shop_name=settings.shop_name
    )
    shell.app.add_subapp("/scripts", library)
    flags = compliance.web.make_app(
        database=database,
        render=render,
        viewer=viewer,
        clock=clock,
        context_lines=context_lines,
        names=people_names,
    )
    shell.app.add_subapp("/flags", flags)

    async def on_outcomes(db: AsyncSession, outcomes: Sequence[ClaimOutcome], now: datetime) -> None:
        """Claims that an import from the console settled: answered and paid like those of a message."""
        await order.on_claims_rechecked(outcomes, await services.context(db, now))

    claims = orders_web.make_app(database=database, render=render, viewer=viewer, clock=clock, on_outcomes=on_outcomes)
    shell.app.add_subapp("/orders", claims)
    packets = red_packets_web.make_app(database=database, render=render, viewer=viewer, clock=clock)
    shell.app.add_subapp("/red-packets", packets)
    return shell.app


@asynccontextmanager
async def serving(plant: Plant, *, with_workers: bool) -> AsyncIterator[str]:
    """Listen until the block ends; yields the server's own address."""
    settings = plant.services.settings
    runner = web.AppRunner(make_app(plant), access_log=None, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(runner.cleanup)
        if with_workers:
            await stack.enter_async_context(crew.running(plant.services, plant.bell))
        await web.TCPSite(runner, settings.host, int(settings.port)).start()
        port = runner.addresses[0][1]
        yield f"http://{settings.host}:{port}"


async def prepare(database: Database, *, now: datetime) -> tuple[int, int]:
    """Newest schema, shipped scripts and tag rules; returns how many of each were added."""
    await schema.upgrade(database)
    async with database.write() as db:
        return await scripts.seed_default_scripts(db, now=now), await tagger.seed_shipped_rules(db, now=now)


# -- parts ----------------------------------------------------------------------------------------


def _make_source(
    settings: Settings, session: aiohttp.ClientSession, stack: contextlib.AsyncExitStack
) -> ArchiveSource | None:
    if settings.archive_library:
        account = Account(
            settings.wecom_corpid, settings.archive_secret, settings.archive_proxy, settings.archive_proxy_password
        )
        source = FinanceSdkSource(Path(settings.archive_library), account)
        stack.push_async_callback(source.aclose)
        return source
    if settings.archive_url:
        # The simulator's inner cipher is simulated; loaded only when it is asked for.
        from bot.simulator import finance_cipher  # noqa: PLC0415

        return SimulatedSource(
            session, url=settings.archive_url, secret=settings.archive_secret, cipher=finance_cipher.decrypt
        )
    return None


def _make_sender(
    settings: Settings,
    database: Database,
    session: aiohttp.ClientSession,
    wecom: WeComClient,
    clock: Callable[[], datetime],
) -> Sender | None:
    if not settings.pays:
        return None
    context = None
    if settings.pay_certificate:
        context = ssl.create_default_context()
        context.load_cert_chain(settings.pay_certificate)
    pay = WeChatPayClient(
        base_url=settings.pay_base_url,
        mch_id=settings.pay_mch_id,
        api_key=settings.pay_api_key,
        wxappid=settings.pay_wxappid,
        session=session,
        client_ip=settings.pay_client_ip,
        tls=context,
    )

    async def resolve_openid(external_userid: str) -> str:
        try:
            return await wecom.convert_to_openid(external_userid)
        except Refused as error:
            if error.errcode in OPENID_FINAL:
                raise OpenidImpossible(f"企业微信不给这位客户的 openid({error.errcode})") from None
            raise OpenidPending(str(error)) from None
        except WeComError as error:
            raise OpenidPending(str(error)) from None

    return Sender(database, pay, resolve_openid, clock)
