"""The commands: ``flask --app guestbook guestbook --help``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import IO

import click
from flask.cli import AppGroup
from flask_migrate import upgrade
from sqlalchemy import delete, func, select, true
from sqlalchemy.exc import DBAPIError

from . import pictures
from .database import db, explain
from .models import Entry, now
from .transfer import ImportFailed, dump, load

group = AppGroup("guestbook", help="Look after the guestbook.")


@contextmanager
def clear_errors() -> Iterator[None]:
    """Turn an error of the database that we can explain into one clear line."""
    try:
        yield
    except DBAPIError as error:
        reason = explain(error)
        if reason is None:
            raise
        raise click.ClickException(" ".join(filter(None, reason))) from None


@group.command("init-db")
def init_db() -> None:
    """Create the tables, or bring them up to date."""
    with clear_errors():
        upgrade()
    click.echo("The database is ready.")


@group.command("export")
@click.argument("file", type=click.File("w", encoding="utf-8", lazy=True), default="-")
def export_entries(file: IO[str]) -> None:
    """Write all entries as JSON to FILE, or to standard output.

    Pictures are named, not included: copy the media directory to keep them.
    """
    with clear_errors():
        entries = db.session.scalars(select(Entry).order_by(Entry.created_at, Entry.id)).all()
    file.write(dump(entries))
    click.echo(f"Exported: {len(entries)}", err=True)


@group.command("import")
@click.argument("file", type=click.File("rb"), default="-")
def import_entries(file: IO[bytes]) -> None:
    """Add the entries in FILE, or in standard input: all of them or none."""
    try:
        entries = load(file.read())
    except ImportFailed as error:
        for problem in error.problems:
            click.echo(problem, err=True)
        raise click.ClickException("Nothing was imported.") from None
    names = [entry.picture for entry in entries if entry.picture]
    with clear_errors():
        taken = db.session.scalars(select(Entry.picture).where(Entry.picture.in_(names))).all()
        if taken:
            raise click.ClickException(
                f"Nothing was imported: the picture {taken[0]} belongs to an entry that is here."
            )
        db.session.add_all(entries)
        db.session.commit()
    click.echo(f"Imported: {len(entries)}", err=True)


@group.command("purge")
@click.option(
    "--older-than",
    "days",
    metavar="DAYS",
    type=click.IntRange(1, 36500),
    help="Delete the entries that are older than this many days.",
)
@click.option("--all", "everything", is_flag=True, help="Delete all entries.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def purge(days: int | None, everything: bool, yes: bool) -> None:
    """Delete entries and their pictures."""
    if everything == (days is not None):
        raise click.UsageError("Give either --older-than DAYS or --all.")
    condition = Entry.created_at < now() - timedelta(days=days) if days else true()
    with clear_errors():
        count = db.session.scalar(select(func.count(Entry.id)).where(condition))
        if count and not yes:
            click.confirm(f"Delete entries: {count}. Are you sure?", abort=True)
        rows = db.session.execute(delete(Entry).where(condition).returning(Entry.picture)).all()
        db.session.commit()
    for row in rows:
        if row.picture:
            pictures.remove(row.picture)
    click.echo(f"Deleted: {len(rows)}", err=True)
