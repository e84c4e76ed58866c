"""Write the next migration from the difference between the tables and a migrated database: ``make migration m="…"``."""

import asyncio
import sys
import tempfile
from pathlib import Path

from alembic import command
from sqlalchemy import Connection

from bot import schema
from kernel.database import Database

VERSIONS = Path(__file__).parent / "versions"


def _write(connection: Connection, message: str) -> None:
    number = f"{len(list(VERSIONS.glob('*.py'))) + 1:04d}"
    command.revision(schema.alembic_config(connection), message=message, autogenerate=True, rev_id=number)


async def _main(message: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite+aiosqlite:///{folder}/empty.sqlite3")
        try:
            await schema.upgrade(database)
            async with database.engine.begin() as connection:
                await connection.run_sync(_write, message)
        finally:
            await database.close()


asyncio.run(_main(sys.argv[1]))
