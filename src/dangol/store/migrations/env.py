"""Alembic's entry: the migration runs inside the transaction that ``Database.migrate`` opened."""

from alembic import context

from dangol.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
