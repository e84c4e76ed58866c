"""The migrations make exactly the tables the code declares, on both databases."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from bot import schema
from kernel.database import Database


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, list(schema.METADATA)))  # type: ignore[arg-type]  # a list is what autogenerate takes for several


async def test_a_migrated_database_is_what_the_tables_say(database_url: str) -> None:
    database = Database(database_url)
    try:
        await schema.upgrade(database)
        async with database.engine.connect() as connection:
            assert await connection.run_sync(differences) == []
    finally:
        await database.close()


async def test_migrating_again_changes_nothing(database_url: str) -> None:
    database = Database(database_url)
    try:
        for _ in range(2):
            await schema.upgrade(database)
        async with database.engine.connect() as connection:
            assert await connection.run_sync(differences) == []
    finally:
        await database.close()
