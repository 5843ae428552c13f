"""Settings from the environment, the session cookie, and what starting must not do."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from flask import Flask
from guests import MakeApp, token

from guestbook import create_app
from guestbook.config import ConfigurationError, from_environment


def test_secret_key_is_required() -> None:
    with pytest.raises(ConfigurationError, match=r"^SECRET_KEY is not set: set it to .*$"):
        create_app()


def test_secret_key_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "from outside")
    assert create_app().secret_key == "from outside"


def test_debug_needs_no_secret_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASK_DEBUG", "1")
    assert create_app().secret_key


def test_defaults() -> None:
    app = create_app({"TESTING": True})
    home = Path(app.root_path).parent
    assert app.config["SQLALCHEMY_DATABASE_URI"].database == f"{home}/instance/guestbook.sqlite"
    assert app.config["MEDIA_DIR"] == home / "media"
    assert app.config["MAX_PICTURE_BYTES"] == 10 * 1024 * 1024
    assert app.config["MAX_CONTENT_LENGTH"] == 11 * 1024 * 1024
    assert app.config["RELEASE"] == "development"
    assert app.logger.level == logging.INFO


def test_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/other.sqlite")
    monkeypatch.setenv("EMPEROR_RELEASE", "r-42")
    monkeypatch.setenv("LOG_LEVEL", "warning")
    monkeypatch.setenv("MAX_PICTURE_BYTES", "1000")
    monkeypatch.setenv("MEDIA_DIR", str(tmp_path))
    app = create_app({"TESTING": True})
    assert app.config["SQLALCHEMY_DATABASE_URI"] == f"sqlite:///{tmp_path}/other.sqlite"
    assert app.config["RELEASE"] == "r-42"
    assert app.config["MAX_PICTURE_BYTES"] == 1000
    assert app.config["MEDIA_DIR"] == str(tmp_path)
    assert app.logger.level == logging.WARNING


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgres://u:p@db/guestbook", "postgresql://u:p@db/guestbook"),
        ("postgresql://db/guestbook", "postgresql://db/guestbook"),
    ],
)
def test_postgres_url(monkeypatch: pytest.MonkeyPatch, url: str, expected: str) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    assert from_environment(Flask("guestbook"))["SQLALCHEMY_DATABASE_URI"] == expected


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MAX_PICTURE_BYTES", "10M"),
        ("MAX_PICTURE_BYTES", "0"),
        ("SESSION_COOKIE_SECURE", "maybe"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_wrong_values_are_named(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=f"(?i)^{variable} is '{value}': set it to "):
        create_app({"TESTING": True})


@pytest.mark.parametrize(
    ("setting", "base_url", "secure"),
    [
        ("", "http://127.0.0.1:5000", False),
        ("0", "http://127.0.0.1:5000", False),
        ("1", "http://127.0.0.1:5000", True),
        ("", "https://book.example", True),
    ],
)
def test_session_cookie(
    monkeypatch: pytest.MonkeyPatch,
    make_app: MakeApp,
    app: Flask,
    setting: str,
    base_url: str,
    secure: bool,
) -> None:
    monkeypatch.setenv("SESSION_COOKIE_SECURE", setting)
    response = make_app().test_client().get("/", base_url=base_url)
    attributes = response.headers["Set-Cookie"].split("; ")
    assert attributes[0].startswith("guestbook_session=")
    assert "HttpOnly" in attributes
    assert "SameSite=Lax" in attributes
    assert ("Secure" in attributes) is secure


def test_signing_over_https(app: Flask) -> None:
    client = app.test_client()
    base_url = "https://book.example"
    page = client.get("/", base_url=base_url)
    assert page.headers["Referrer-Policy"] == "same-origin"
    form = {"name": "Ada", "message": "Hi"}
    form["csrf_token"] = page.text.split('name="csrf_token" value="')[1].split('"')[0]
    headers = {"Referer": f"{base_url}/"}
    assert client.post("/", data=form, base_url=base_url, headers=headers).status_code == 303
    headers = {"Referer": "https://elsewhere.example/"}
    assert client.post("/", data=form, base_url=base_url, headers=headers).status_code == 400


def test_starting_and_reading_create_no_directory(make_app: MakeApp, tmp_path: Path) -> None:
    client = make_app().test_client()
    for path in ("/", "/about", "/healthz", "/media/" + "0" * 32 + ".png"):
        client.get(path)
    assert list(tmp_path.iterdir()) == []


def test_directories_may_be_links(make_app: MakeApp, tmp_path: Path, media: Path) -> None:
    for name in ("instance", "media"):
        (tmp_path / "shared" / name).mkdir(parents=True)
        (tmp_path / name).symlink_to(tmp_path / "shared" / name)
    app = make_app()
    assert app.test_cli_runner().invoke(args=["guestbook", "init-db"]).exit_code == 0
    client = app.test_client()
    form = {"name": "Ada", "message": "Hi", "csrf_token": token(client)}
    assert client.post("/", data=form).status_code == 303
    assert (tmp_path / "shared" / "instance" / "test.sqlite").is_file()
