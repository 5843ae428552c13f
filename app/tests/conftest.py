"""An app with its own database and media directory for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient, FlaskCliRunner
from flask_migrate import upgrade
from guests import MakeApp, Sign, token
from werkzeug.test import TestResponse

from guestbook import create_app
from guestbook.database import db

SETTINGS = (
    "SECRET_KEY",
    "DATABASE_URL",
    "EMPEROR_RELEASE",
    "FLASK_DEBUG",
    "LOG_LEVEL",
    "MAX_PICTURE_BYTES",
    "MEDIA_DIR",
    "SESSION_COOKIE_SECURE",
)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """Return the media directory, which does not exist yet."""
    return tmp_path / "media"


@pytest.fixture
def make_app(tmp_path: Path, media: Path) -> Iterator[MakeApp]:
    """Return a function that creates an app whose database is not initialised."""
    apps: list[Flask] = []

    def make(**config: Any) -> Flask:
        settings = {
            "TESTING": True,
            "SECRET_KEY": "test",
            "SQLALCHEMY_DATABASE_URI": f"sqlite:///{tmp_path}/instance/test.sqlite",
            "MEDIA_DIR": media,
        }
        app = create_app({**settings, **config})
        apps.append(app)
        return app

    yield make
    for app in apps:
        with app.app_context():
            db.engine.dispose()


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    """Return an app that is ready to serve."""
    app = make_app()
    with app.app_context():
        upgrade()
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Return a browser with its own cookies."""
    return app.test_client()


@pytest.fixture
def runner(app: Flask) -> FlaskCliRunner:
    """Return a command line."""
    return app.test_cli_runner()


@pytest.fixture
def sign(client: FlaskClient) -> Sign:
    """Return a function that signs the book."""

    def send(**fields: Any) -> TestResponse:
        valid = {"name": "Ada", "message": "Lovely place.", "csrf_token": token(client)}
        return client.post("/", data={**valid, **fields})

    return send
