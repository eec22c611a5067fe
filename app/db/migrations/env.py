"""Alembic's entry: runs the steps on the connection that `app.db.migrate` hands over, in its transaction."""

from alembic import context

from app.db.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    compare_type=True,
    compare_server_default=True,
)
context.run_migrations()
