"""What the commands of ``bot/cli.py`` do: each opens what it needs, does its work, and closes it again."""

import asyncio
import contextlib
import signal
from datetime import datetime
from pathlib import Path

import click
from rich.progress import Progress

from bot import logs, mailbox, schema
from bot.app import open_plant, prepare, serving, utc_now
from bot.console import accounts, passwords
from bot.kinds import InboxKind
from bot.mailbox import Lane
from bot.orders import importing
from bot.orders.exports import UnknownExport, UnreadableFile
from bot.settings import Settings
from bot.workers import crew
from kernel.database import Database


async def run_server(settings: Settings, *, with_workers: bool) -> None:
    logs.set_up()
    async with open_plant(settings) as plant:
        await prepare(plant.services.database, now=utc_now())
        async with serving(plant, with_workers=with_workers) as url:
            logs.say_ready(url)
            await wait_for_stop()


async def run_worker(settings: Settings) -> None:
    logs.set_up()
    async with open_plant(settings) as plant, crew.running(plant.services, plant.bell):
        await wait_for_stop()


async def migrate_database(settings: Settings) -> str:
    database = Database(settings.database_url)
    try:
        new_scripts, new_rules = await prepare(database, now=utc_now())
    finally:
        await database.close()
    return f"schema is up to date; added {new_scripts} scripts and {new_rules} tag rules"


async def add_account(settings: Settings, *, name: str, password: str, roles: tuple[str, ...]) -> str:
    if complaint := passwords.complaint(password):
        raise click.ClickException(complaint)
    hashed = await asyncio.to_thread(passwords.hash_password, password)
    database = Database(settings.database_url)
    try:
        await schema.upgrade(database)
        async with database.write() as db:
            added = await accounts.add_account(db, name, roles, password_hash=hashed, now=utc_now())
    finally:
        await database.close()
    return f"account {name} is ready" if added else f"there is an account {name} already; nothing was changed"


async def import_orders(settings: Settings, file: Path, *, platform: str | None) -> int:
    """Import a file, then have waiting claims looked at again. The exit code says whether every row was taken."""
    database = Database(settings.database_url)
    try:
        with Progress(transient=True) as bar:
            task = bar.add_task("导入订单", total=1.0)

            def show(_rows: int, share: float) -> None:
                bar.update(task, completed=share)

            report = await importing.import_file(
                database, file, platform=platform, by="命令行", now=utc_now(), progress=show
            )
        await queue_recheck(database, report.import_id, now=utc_now())
    except (UnreadableFile, UnknownExport) as error:
        click.echo(f"没有导入：{error}", err=True)
        return 1
    finally:
        await database.close()
    click.echo(
        f"{report.platform}:{report.rows} 行，新增 {report.added}，更新 {report.updated},"
        f"未变 {report.unchanged}，拒收 {report.refused}"
    )
    for row in report.refused_rows:
        click.echo(f"  第 {row.row} 行：{row.reason}", err=True)
    return 1 if report.refused else 0


async def queue_recheck(database: Database, import_id: int, *, now: datetime) -> None:
    """After an import, waiting claims are looked up again by a worker."""
    async with database.write() as db:
        await mailbox.put(db, Lane.EVENTS, InboxKind.ORDERS_IMPORTED, {}, key=f"imported:{import_id}", now=now)


async def wait_for_stop() -> None:
    """Until Ctrl-C or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows has no loop signal handlers
            loop.add_signal_handler(one, stop.set)
    await stop.wait()
