"""Run the migrations with the database and the models of the app."""

from __future__ import annotations

from alembic import context
from flask import current_app

from guestbook.database import create_directory

extension = current_app.extensions["migrate"]
engine = extension.db.engine
options = {"target_metadata": extension.db.metadata, **extension.configure_args}

if context.is_offline_mode():
    context.configure(
        url=engine.url.render_as_string(hide_password=False), literal_binds=True, **options
    )
    with context.begin_transaction():
        context.run_migrations()
else:
    create_directory(engine)
    with engine.connect() as connection:
        context.configure(connection=connection, **options)
        with context.begin_transaction():
            context.run_migrations()
