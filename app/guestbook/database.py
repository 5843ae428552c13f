"""The database: SQLAlchemy, its migrations, and what SQLite needs to serve many workers."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Engine, MetaData, event, inspect
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import ConnectionPoolEntry


class Base(DeclarativeBase):
    """Give every constraint a name, so that a later migration can refer to it."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


db = SQLAlchemy(model_class=Base)
migrate = Migrate()


def init_app(app: Flask) -> None:
    """Connect the extensions to the app."""
    db.init_app(app)
    migrate.init_app(app, db, directory=str(Path(app.root_path).parent / "migrations"))


@event.listens_for(Engine, "connect")
def set_up_sqlite(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    """Let several processes share one SQLite file, and enforce its foreign keys."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA busy_timeout = 15000")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA foreign_keys = ON")


def sqlite_file(engine: Engine) -> Path | None:
    """Return the file behind a SQLite database, and None for all other databases."""
    name = engine.url.database
    if engine.dialect.name != "sqlite" or name in {None, "", ":memory:"}:
        return None
    return Path(str(name))


def create_directory(engine: Engine) -> None:
    """Create the directory of a SQLite file, unless it is there."""
    if file := sqlite_file(engine):
        file.parent.mkdir(parents=True, exist_ok=True)


NOT_READY = "The database is not ready. To create its tables, run:"
NOT_READY_COMMAND = "flask --app guestbook guestbook init-db"
NO_ANSWER = "The database does not answer."


def is_ready() -> bool:
    """Tell whether the tables exist; raise if the database does not answer."""
    file = sqlite_file(db.engine)
    if file and not file.exists():
        return False
    return bool(inspect(db.engine).has_table("entry"))


def explain(error: DBAPIError) -> tuple[str, str | None] | None:
    """Find the reason for an error and the command that helps, or None if it is a bug."""
    try:
        db.session.rollback()
        ready = is_ready()
    except SQLAlchemyError:
        return NO_ANSWER, None
    if not ready:
        return NOT_READY, NOT_READY_COMMAND
    if error.connection_invalidated:
        return NO_ANSWER, None
    return None
