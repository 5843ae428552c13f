"""The commands of the guestbook, and its migrations."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner
from guests import MakeApp
from sqlalchemy import inspect, select, text

from guestbook.database import NOT_READY_COMMAND, db
from guestbook.models import Entry, now

PICTURE = "0123456789abcdef0123456789abcdef.png"


def add(app: Flask, *entries: Entry) -> None:
    """Put entries into the book."""
    with app.app_context():
        db.session.add_all(entries)
        db.session.commit()


def names(app: Flask) -> list[str]:
    """Return the names in the book, in order."""
    with app.app_context():
        return list(db.session.scalars(select(Entry.name).order_by(Entry.id)))


def document(*entries: dict[str, Any]) -> str:
    """Return an export of these entries."""
    valid = {"name": "Ada", "message": "Hi", "created_at": "2024-02-29T12:00:00+00:00"}
    return json.dumps({"version": 1, "entries": [{**valid, **entry} for entry in entries]})


@pytest.fixture
def stored(media: Path) -> Path:
    """Return a picture that is in the media directory."""
    media.mkdir()
    picture = media / PICTURE
    picture.write_bytes(b"picture")
    return picture


@pytest.mark.parametrize("command", [["guestbook", "init-db"], ["db", "upgrade"]])
def test_migrations_from_empty_and_again(
    make_app: MakeApp, tmp_path: Path, command: list[str]
) -> None:
    app = make_app()
    runner = app.test_cli_runner()
    for _ in range(2):
        result = runner.invoke(args=command)
        assert result.exit_code == 0, result.output
    with app.app_context():
        assert set(inspect(db.engine).get_table_names()) == {"entry", "alembic_version"}
        assert db.session.scalar(text("PRAGMA journal_mode")) == "wal"
        assert db.session.scalar(text("PRAGMA foreign_keys")) == 1
        assert db.session.scalar(text("PRAGMA busy_timeout")) == 15000
    assert app.test_client().get("/").status_code == 200


def test_models_and_migrations_agree(runner: FlaskCliRunner) -> None:
    result = runner.invoke(args=["db", "check"])
    assert result.exit_code == 0, result.output


def test_downgrade(app: Flask, runner: FlaskCliRunner) -> None:
    assert runner.invoke(args=["db", "downgrade"]).exit_code == 0
    with app.app_context():
        assert inspect(db.engine).get_table_names() == ["alembic_version"]


def test_migrations_as_sql(runner: FlaskCliRunner) -> None:
    result = runner.invoke(args=["db", "upgrade", "--sql"])
    assert result.exit_code == 0
    assert "CREATE TABLE entry" in result.stdout


@pytest.mark.parametrize("to_file", [True, False])
def test_export_and_import(
    make_app: MakeApp, app: Flask, runner: FlaskCliRunner, tmp_path: Path, to_file: bool
) -> None:
    time = now() - timedelta(days=3)
    add(
        app,
        Entry(name="Zoë", message="<b>\nline two 🎉", created_at=time),
        Entry(name="Ada", message="Hi", picture=PICTURE),
    )
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / PICTURE).write_bytes(b"picture")
    file = tmp_path / "book.json"
    result = runner.invoke(args=["guestbook", "export", str(file) if to_file else "-"])
    assert result.exit_code == 0
    exported = file.read_text("utf-8") if to_file else result.stdout
    assert "Zoë" in exported

    other = make_app(SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path}/other.sqlite")
    other_runner = other.test_cli_runner()
    other_runner.invoke(args=["guestbook", "init-db"])
    if to_file:
        result = other_runner.invoke(args=["guestbook", "import", str(file)])
    else:
        result = other_runner.invoke(args=["guestbook", "import"], input=exported)
    assert result.exit_code == 0, result.output
    assert "Imported: 2" in result.stderr

    with other.app_context():
        first = db.session.scalars(select(Entry).where(Entry.name == "Zoë")).one()
        assert (first.message, first.created_at) == ("<b>\nline two 🎉", time)
    assert other_runner.invoke(args=["guestbook", "export"]).stdout == exported


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "not a JSON document"),
        ("[", "not a JSON document"),
        (b"\xff\xff\xff", "not a JSON document"),
        ("[]", 'there is no list "entries"'),
        ('{"version": 1, "entries": {}}', 'there is no list "entries"'),
        ('{"version": 2, "entries": []}', 'the "version" is not 1: 2'),
        ('{"version": 1, "entries": [1]}', "entry 1: not an object"),
        (document({}, {"name": " "}), "entry 2: Please tell us your name."),
        (document({}, {"message": "x" * 2001}), "entry 2: A message may have up to 2000"),
        (document({}, {"name": None}), "entry 2: name: not a text"),
        (document({}, {"message": "\ud800"}), "entry 2: Please write a message."),
        (document({}, {"mail": "a@b"}), "entry 2: unknown field: mail"),
        (document({}, {"created_at": "yesterday"}), "entry 2: created_at: 'yesterday' is not"),
        (document({}, {"created_at": "2024-01-01T00:00:00"}), "has no time zone"),
        (document({}, {"picture": "../test.sqlite"}), "entry 2: picture: '../test.sqlite' is not"),
        (document({}, {"picture": "f" * 32 + ".png"}), "copy it there first"),
        (document({"picture": PICTURE}, {"picture": PICTURE}), f"{PICTURE} is used twice"),
    ],
)
def test_import_is_all_or_nothing(
    app: Flask, runner: FlaskCliRunner, stored: Path, content: str | bytes, words: str
) -> None:
    result = runner.invoke(args=["guestbook", "import", "-"], input=content)
    assert result.exit_code == 1
    assert words in result.stderr
    assert "Nothing was imported." in result.stderr
    assert names(app) == []


def test_import_names_every_mistake(runner: FlaskCliRunner) -> None:
    content = document({"name": ""}, {}, {"message": ""})
    result = runner.invoke(args=["guestbook", "import"], input=content)
    assert "entry 1:" in result.stderr
    assert "entry 2:" not in result.stderr
    assert "entry 3:" in result.stderr


def test_import_does_not_share_pictures(app: Flask, runner: FlaskCliRunner, stored: Path) -> None:
    add(app, Entry(name="Ada", message="Hi", picture=PICTURE))
    content = document({"name": "New"}, {"picture": PICTURE})
    result = runner.invoke(args=["guestbook", "import"], input=content)
    assert result.exit_code == 1
    assert f"the picture {PICTURE} belongs to an entry" in result.stderr
    assert names(app) == ["Ada"]


def test_purge_older_than(app: Flask, runner: FlaskCliRunner, stored: Path) -> None:
    add(
        app,
        Entry(name="Old", message="Hi", created_at=now() - timedelta(days=31), picture=PICTURE),
        Entry(name="New", message="Hi", created_at=now() - timedelta(days=29)),
    )
    result = runner.invoke(args=["guestbook", "purge", "--older-than", "30", "--yes"])
    assert result.exit_code == 0, result.output
    assert "Deleted: 1" in result.stderr
    assert names(app) == ["New"]
    assert not stored.exists()


@pytest.mark.parametrize(("answer", "left"), [("y\n", []), ("n\n", ["Ada"]), ("", ["Ada"])])
def test_purge_asks_first(
    app: Flask, runner: FlaskCliRunner, stored: Path, answer: str, left: list[str]
) -> None:
    add(app, Entry(name="Ada", message="Hi", picture=PICTURE))
    result = runner.invoke(args=["guestbook", "purge", "--all"], input=answer)
    assert "Delete entries: 1. Are you sure?" in result.output
    assert result.exit_code == (1 if left else 0)
    assert names(app) == left
    assert stored.exists() == bool(left)


def test_purge_of_nothing_does_not_ask(runner: FlaskCliRunner) -> None:
    result = runner.invoke(args=["guestbook", "purge", "--all"])
    assert (result.exit_code, result.stdout) == (0, "")


@pytest.mark.parametrize(
    "options",
    [[], ["--all", "--older-than", "3"], ["--older-than", "0"], ["--older-than", "99999999999"]],
)
def test_purge_wants_one_clear_choice(
    app: Flask, runner: FlaskCliRunner, options: list[str]
) -> None:
    add(app, Entry(name="Ada", message="Hi"))
    assert runner.invoke(args=["guestbook", "purge", "--yes", *options]).exit_code == 2
    assert names(app) == ["Ada"]


@pytest.mark.parametrize(
    "command", [["export"], ["import"], ["purge", "--all", "--yes"]], ids=lambda args: args[0]
)
def test_commands_before_init_db(make_app: MakeApp, command: list[str]) -> None:
    runner = make_app().test_cli_runner()
    result = runner.invoke(args=["guestbook", *command], input=document({}))
    assert result.exit_code == 1
    assert NOT_READY_COMMAND in result.stderr
    assert isinstance(result.exception, SystemExit)


def test_init_db_when_the_database_does_not_answer(make_app: MakeApp, tmp_path: Path) -> None:
    app = make_app(SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path}")
    result = app.test_cli_runner().invoke(args=["guestbook", "init-db"])
    assert result.exit_code == 1
    assert "The database does not answer." in result.stderr
