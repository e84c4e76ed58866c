"""The tables of every room, in one list, and the commands that bring a database up to date with it."""

import importlib
from pathlib import Path
from typing import cast

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, MetaData

from kernel.database import Database

# Modules that declare tables. A room's MetaData is reached through its Base.
TABLE_MODULES = (
    "bot.mailbox",
    "bot.server",
    "bot.contacts.tables",
    "bot.conversations.tables",
    "bot.archive.tables",
    "bot.wecom.token_store",
    "bot.decisions",
    "bot.orders.tables",
    "bot.red_packets.tables",
    "bot.console.tables",
    "tagger.tables",
    "scripts_library.tables",
    "compliance.tables",
)


def _metadata() -> tuple[MetaData, ...]:
    found: dict[int, MetaData] = {}
    for name in TABLE_MODULES:
        base = importlib.import_module(name).Base
        found[id(base.metadata)] = cast("MetaData", base.metadata)
    return tuple(found.values())


METADATA = _metadata()


async def upgrade(database: Database) -> None:
    """Bring the schema to the newest revision; nothing happens when it is there already."""
    async with database.engine.begin() as connection:
        await connection.run_sync(_upgrade)


def alembic_config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection) -> None:
    command.upgrade(alembic_config(connection), "head")
