"""The command line: what each command is called and takes. The work is done elsewhere."""

import asyncio
import sys
from pathlib import Path

import click

from bot.settings import Settings, SettingsError, check_can_serve, read_settings


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="xiaoer", prog_name="xiaoer")
def cli() -> None:
    """小二: a self-hosted chat-side assistant and auto-tagger for WeCom (企业微信)."""
    if sys.platform == "win32":  # Chinese output on a Windows console
        for stream in (sys.stdin, sys.stdout, sys.stderr):
            stream.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # text streams here


def _settings(*, check: bool) -> Settings:
    try:
        settings = read_settings()
        if check:
            check_can_serve(settings)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    return settings


@cli.command()
@click.option(
    "--once", is_flag=True, help="Play as fast as it goes, print the summary, exit 0 only if all of it holds."
)
@click.option(
    "--transcript",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help='Replay real conversations: JSON Lines {"conversation","at","from","text"}.',
)
@click.option("--port", default=8080, show_default=True, help="The console's port.")
@click.option("--folder", default=".demo", show_default=True, type=click.Path(file_okay=False, path_type=Path))
def demo(*, once: bool, transcript: Path | None, port: int, folder: Path) -> None:
    """Play a day at the shop against a simulated WeCom on this machine."""
    from bot.demo.run import run_demo  # noqa: PLC0415  # the simulator is loaded for this command only

    sys.exit(asyncio.run(run_demo(once=once, transcript_file=transcript, port=port, folder=folder)))


@cli.command()
@click.option("--workers/--no-workers", default=True, help="Work the mailbox in this process too.")
def serve(*, workers: bool) -> None:
    """Serve callbacks and the console; by default with the workers inside."""
    from bot.commands import run_server  # noqa: PLC0415  # loaded for this command only

    asyncio.run(run_server(_settings(check=True), with_workers=workers))


@cli.command()
def work() -> None:
    """Work the mailbox: a worker process beside ``serve --no-workers``."""
    from bot.commands import run_worker  # noqa: PLC0415  # loaded for this command only

    asyncio.run(run_worker(_settings(check=True)))


@cli.command()
@click.option("--port", default=8090, show_default=True)
@click.option("--callback-url", default="http://127.0.0.1:8080/wecom/callback/main", show_default=True)
@click.option(
    "--folder", default=".demo/simulator", show_default=True, type=click.Path(file_okay=False, path_type=Path)
)
def simulate(*, port: int, callback_url: str, folder: Path) -> None:
    """WeCom in a box, alone: prints the settings that `xiaoer serve` needs to talk to it."""
    from bot.demo.run import run_simulator  # noqa: PLC0415  # loaded for this command only

    asyncio.run(run_simulator(port=port, callback_url=callback_url, folder=folder))


@cli.command()
def migrate() -> None:
    """Bring the database to the newest schema, and put in the shipped scripts and tag rules."""
    from bot.commands import migrate_database  # noqa: PLC0415  # loaded for this command only

    click.echo(asyncio.run(migrate_database(_settings(check=False))))


@cli.command()
def doctor() -> None:
    """Check everything a shop needs, in the order WeCom hides it; each line says what to do."""
    from bot.doctor import run_doctor  # noqa: PLC0415  # loaded for this command only

    sys.exit(asyncio.run(run_doctor(_settings(check=False))))


@cli.command()
@click.argument("name")
@click.option(
    "--role", "roles", multiple=True, type=click.Choice(["operator", "compliance", "finance", "admin"]), required=True
)
def account(*, name: str, roles: tuple[str, ...]) -> None:
    """Make a console account; the password is asked for, never given on the command line."""
    from bot.commands import add_account  # noqa: PLC0415  # loaded for this command only

    password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    click.echo(asyncio.run(add_account(_settings(check=False), name=name, password=password, roles=roles)))


@cli.group()
def orders() -> None:
    """Order numbers: read them, import them."""


@orders.command("extract")
def orders_extract() -> None:
    """Filter: which order numbers stand in each line of chat."""
    _filter("orders")


@orders.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--platform", help="taobao, pdd, jd, …; found out from the header when not given.")
def orders_import(*, file: Path, platform: str | None) -> None:
    """Import an order export (CSV) as the platform wrote it."""
    from bot.commands import import_orders  # noqa: PLC0415  # loaded for this command only

    sys.exit(asyncio.run(import_orders(_settings(check=False), file, platform=platform)))


@cli.command()
def tag() -> None:
    """Filter: which tags each line of chat suggests, with the evidence."""
    _filter("tags")


@cli.command()
def scan() -> None:
    """Filter: which sensitive words stand in each line of chat."""
    _filter("hits")


def _filter(engine: str) -> None:
    from bot import filters  # noqa: PLC0415  # loaded for this command only

    sys.stdin.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]  # a text stream here
    for answer in filters.run(sys.stdin, filters.ENGINES[engine]):
        click.echo(answer)
