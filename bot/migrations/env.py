"""Alembic's entry: one history for the tables of every room. ``bot.schema`` calls it with a connection."""

from typing import Literal

from alembic import context

from bot.schema import METADATA
from kernel.database import UtcDateTime


def render_item(kind: str, item: object, _context: object) -> str | Literal[False]:
    """Write our own column type by its name; the script template imports it."""
    return "UtcDateTime()" if kind == "type" and isinstance(item, UtcDateTime) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=list(METADATA),
    render_as_batch=True,  # SQLite cannot alter tables in place
    render_item=render_item,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
