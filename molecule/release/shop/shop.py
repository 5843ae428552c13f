"""An app that tells what it is made of: code, packages, environment, workers, the schema of its database."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import flask

# A new version of the code is another letter.
CODE = "a"

app = flask.Flask(__name__)
FOLDER = Path(__file__).parent
DATABASE = FOLDER / "instance/shop.sqlite"


def connect() -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(DATABASE, timeout=10))


def schema(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


@app.get("/")
def tell() -> dict[str, Any]:
    import uwsgi

    with connect() as database:
        return {
            "release": os.environ["EMPEROR_RELEASE"],
            "code": CODE,
            "package": version("iniconfig"),
            "flag": os.environ.get("FLAG"),
            "processes": uwsgi.numproc,
            "schema": schema(database),
        }


@app.get("/slow")
def work() -> dict[str, Any]:
    time.sleep(2)
    with connect() as database, database:
        database.execute("INSERT INTO visit (code) VALUES (?)", [CODE])
    return tell()


@app.cli.command("migrate")
def migrate() -> None:
    """Bring the database up to date, one file after the other."""
    DATABASE.parent.mkdir(exist_ok=True)
    with connect() as database:
        database.execute("PRAGMA journal_mode = WAL")
        for number, file in enumerate(sorted((FOLDER / "migrations").glob("*.sql")), start=1):
            if number > schema(database):
                database.executescript(f"BEGIN; {file.read_text()}; PRAGMA user_version = {number}; COMMIT")
                click.echo(f"{file.name} done")
