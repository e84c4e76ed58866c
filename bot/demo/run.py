"""Run the demo: the box, the bot beside it in one process, the story, and the table at its end."""

import asyncio
import contextlib
import secrets
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bot import app, logs
from bot.commands import wait_for_stop
from bot.console import accounts
from bot.demo import shop, transcript
from bot.demo.box import Box, as_environment, free_port, open_box
from bot.demo.checks import Check, check_day
from bot.demo.day import Act, Day, play
from bot.demo.idle import wait_until_idle
from bot.simulator.context import TurnableClock, utc_now

PACE_S = 2.5  # between two acts, so that a person can follow
SETTLE_S = 60.0
SEED = 20_261_122
SIMULATOR_PORT = 8090
MARKER = ".xiaoer-demo"
AFTER_HOURS = timedelta(minutes=2)  # WeChat Pay is asked a minute after a packet was sent whether it was opened

_terminal = Console(highlight=False)


async def run_demo(*, once: bool, transcript_file: Path | None, port: int, folder: Path) -> int:
    """Play the day, or replay a transcript. Returns the exit code: 0 only when everything held."""
    logs.set_up(quiet=True)
    await asyncio.to_thread(_begin_afresh, folder)
    clock = TurnableClock(base=utc_now)
    async with (
        open_box(
            folder,
            database_url=f"sqlite+aiosqlite:///{folder / 'demo.sqlite3'}",
            bot_port=free_port(0 if once else port),
            clock=clock,
            seed=SEED,
            simulator_port=0 if once else free_port(SIMULATOR_PORT),
            hurried=once,
        ) as box,
        app.open_plant(box.settings, clock=clock) as plant,
    ):
        services = plant.services
        database = services.database
        await app.prepare(database, now=clock())
        async with app.serving(plant, with_workers=True) as url:

            async def settle() -> None:
                await wait_until_idle(box.world, database, clock=clock, within_s=SETTLE_S)

            _greet(box, url, once=once)
            if not once:
                await _invite(plant, url)
            day = Day(box.world, database, clock=clock, settle=settle)
            await day.prepare()
            if transcript_file is not None:
                checks = await transcript.replay(box.world, plant, transcript_file, terminal=_terminal)
            else:
                checks = await _play(day, once=once, settle=settle, clock=clock)
            ok = _print(checks)
            if not once:
                _terminal.print(f"\n[bold]控制台[/bold] {url}  一直开着，按 Ctrl-C 结束。")
                await wait_for_stop()
    return 0 if ok else 1


def _begin_afresh(folder: Path) -> None:
    """Throw away the last demo. A folder that no demo made is left alone."""
    marker = folder / MARKER
    if folder.exists() and not marker.exists() and any(folder.iterdir()):
        raise click.ClickException(f"{folder} holds something else; name another --folder")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    marker.touch()


async def run_simulator(*, port: int, callback_url: str, folder: Path) -> None:
    """WeCom-in-a-box alone, until Ctrl-C."""
    async with open_box(
        folder,
        database_url="sqlite+aiosqlite:///xiaoer.sqlite3",
        bot_port=8080,
        clock=utc_now,
        seed=secrets.randbits(32),
        simulator_port=port,
    ) as box:
        box.world.callbacks.callback_url = callback_url
        _terminal.print(f"模拟的企业微信和微信支付（不是真的）在 {box.runner.url}\n在另一个终端里这样启动小二:\n")
        for name, value in as_environment(replace(box.settings, port="8080")).items():
            _terminal.print(f"export {name}='{value}'", soft_wrap=True)
        _terminal.print("xiaoer serve")
        _terminal.file.flush()
        await wait_for_stop()


async def _play(day: Day, *, once: bool, settle: Callable[[], Awaitable[None]], clock: TurnableClock) -> list[Check]:
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn(), TimeElapsedColumn())
    acts = len(day.acts())
    with Progress(*columns, console=_terminal, transient=once) as progress:
        task = progress.add_task("开门营业", total=acts)

        def show(act: Act) -> None:
            progress.console.print(f"  {clock().astimezone(shop.BEIJING):%H:%M:%S}  {act.title}")
            progress.update(task, advance=1, description="山茶小铺的一天")

        await play(day, pace_s=0 if once else PACE_S, show=show)
        await settle()
        clock.advance(AFTER_HOURS)
        progress.console.print(f"  {clock().astimezone(shop.BEIJING):%H:%M:%S}  (把时钟拨快两分钟，查询红包是否领取)")
        await settle()
        await _until_asked(day, settle)
    return await check_day(day)


async def _until_asked(day: Day, settle: Callable[[], Awaitable[None]]) -> None:
    """The query of sent packets has no item in the mailbox: wait for the packet that was opened."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SETTLE_S):
            while not await day.packet_was_received():
                await settle()
                await asyncio.sleep(0.05)


def _greet(box: Box, url: str, *, once: bool) -> None:
    _terminal.print("[bold]小二[/bold] · 山茶小铺的一天")
    _terminal.print("企业微信、微信支付和会话存档都是[bold]模拟[/bold]的，只在本机；客户、订单和金额都是虚构的。")
    if not once:
        _terminal.print(
            f"  模拟的企业微信  {box.runner.url}（在 {box.runner.url}/chat 扮演一位客户）\n  小二            {url}"
        )


async def _invite(plant: app.Plant, url: str) -> None:
    """A one-time login for the console."""
    services = plant.services
    async with services.database.write() as db:
        now = services.clock()
        await accounts.add_account(db, "演示", ["admin"], password_hash=None, now=now)
        account = await accounts.get_by_name(db, "演示")
        assert account is not None, "just added"
        token = await accounts.add_one_time(db, account.id, now=now)
    _terminal.print(f"\n[bold]打开控制台[/bold](一次性登录链接):\n  {url}/login/once?token={token}\n", soft_wrap=True)


def _print(checks: list[Check]) -> bool:
    table = Table(title="这一天的结果", title_justify="left")
    table.add_column("")
    table.add_column("应当如此")
    table.add_column("期望", justify="right")
    table.add_column("实际", justify="right")
    for check in checks:
        table.add_row(
            "✓" if check.holds else "✗",
            check.what,
            check.expected,
            check.got,
            style=None if check.holds else "bold red",
        )
    _terminal.print(table)
    held = sum(check.holds for check in checks)
    _terminal.print(f"{held} / {len(checks)} 条成立")
    return held == len(checks)
