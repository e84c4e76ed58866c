"""Open WeCom-in-a-box beside a bot: fresh ids and secrets, and the settings with which the bot talks to it."""

import contextlib
import random
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from bot.settings import Settings
from bot.simulator.app import Runner, start
from bot.simulator.archive import make_key_pair
from bot.simulator.config import RetryPolicy, make_config
from bot.simulator.world import World

SHOP_NAME = "山茶小铺"
HURRIED_GAP = timedelta(seconds=0.2)


@dataclass(frozen=True, slots=True)
class Box:
    """A running simulator and the settings of the bot beside it."""

    world: World
    runner: Runner
    settings: Settings


def free_port(wanted: int = 0, *, host: str = "127.0.0.1") -> int:
    """``wanted`` when nobody listens there, else a port the system picks."""
    for port in (wanted, 0):
        with contextlib.closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no free port")


@asynccontextmanager
async def open_box(
    folder: Path,
    *,
    database_url: str,
    bot_port: int,
    clock: Callable[[], datetime],
    seed: int,
    simulator_port: int = 0,
    hurried: bool = False,
    retry: RetryPolicy | None = None,
) -> AsyncIterator[Box]:
    """Serve a fresh simulated corp. ``hurried`` shortens the 15 s between archive notices."""
    keys = folder / "archive_keys"
    public_pem = _write_key(keys)
    rng = random.Random(seed)
    config = make_config(
        f"http://127.0.0.1:{bot_port}/wecom/callback/main",
        rng=rng,
        archive_public_keys={1: public_pem},
        retry=retry,
    )
    if hurried:
        config = replace(config, archive_notify_gap=HURRIED_GAP)
    world = World(config, clock=clock, rng=rng)
    runner = await start(world, port=simulator_port)
    try:
        yield Box(world, runner, _settings(world, runner.url, database_url=database_url, port=bot_port, keys=keys))
    finally:
        await runner.stop()


def as_environment(settings: Settings) -> dict[str, str]:
    """The settings as environment variables, for a process of its own."""
    return {
        f"XIAOER_{name.upper()}": value for name in Settings.__dataclass_fields__ if (value := getattr(settings, name))
    }


def _write_key(folder: Path) -> str:
    """A fresh private key as version 1; returns the public one."""
    private_pem, public_pem = make_key_pair()
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "1.pem"
    file.write_text(private_pem, "ascii")
    file.chmod(0o600)
    return public_pem


def _settings(world: World, url: str, *, database_url: str, port: int, keys: Path) -> Settings:
    config = world.config
    return Settings(
        database_url=database_url,
        port=str(port),
        shop_name=SHOP_NAME,
        simulated="1",
        wecom_base_url=url,
        wecom_corpid=config.corpid,
        wecom_agentid=str(config.agentid),
        wecom_secret=config.secret,
        wecom_token=config.token,
        wecom_aes_key=config.encoding_aes_key,
        archive_url=f"{url}/simulated/finance/getchatdata",
        archive_secret=config.archive_secret,
        archive_keys=str(keys),
        pay_base_url=url,
        pay_mch_id=config.mch_id,
        pay_api_key=config.api_key,
        pay_wxappid=config.wxappid,
    )
