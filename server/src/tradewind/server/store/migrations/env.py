"""Alembic's entry: runs steps on the connection that `tradewind.server.store.migrate` has opened."""

from alembic import context

from tradewind.server.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
)
context.run_migrations()
