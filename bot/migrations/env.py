"""Alembic's entry: one history for the tables of every room. Called by ``bot.schema.upgrade`` with a connection."""

from alembic import context

from bot.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=list(METADATA),
    render_as_batch=True,  # SQLite cannot alter tables in place
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
