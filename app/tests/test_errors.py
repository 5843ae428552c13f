"""Error pages and the health check."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from guests import MakeApp, Sign, close_body, token
from sqlalchemy import text

from guestbook.database import NOT_READY_COMMAND, db


def assert_pretty(text: str, title: str) -> None:
    """Check that a page is one of ours."""
    assert text.startswith("<!doctype html>")
    assert f"<h1>{title}</h1>" in text
    assert "Back to the guestbook" in text


def test_404(client: FlaskClient) -> None:
    response = client.get("/<script>")
    assert response.status_code == 404
    assert response.content_type == "text/html; charset=utf-8"
    assert_pretty(response.text, "Page not found")


def test_405(client: FlaskClient) -> None:
    response = client.delete("/", data={"csrf_token": token(client)})
    assert response.status_code == 405
    assert "GET" in response.headers["Allow"]
    assert_pretty(response.text, "Not possible here")


def test_413(make_app: MakeApp, app: Flask) -> None:
    small = make_app(MAX_PICTURE_BYTES=2 * 1024 * 1024)
    client = small.test_client()
    assert small.config["MAX_CONTENT_LENGTH"] == 3 * 1024 * 1024
    data = {"name": "Ada", "picture": (io.BytesIO(b"\0" * 4 * 1024 * 1024), "a.png")}
    response = client.post("/", data={**data, "csrf_token": token(client)})
    assert response.status_code == 413
    assert_pretty(response.text, "Too large")
    assert "2 MB" in response.text
    close_body(response)


def test_400(make_app: MakeApp) -> None:
    app = make_app()

    @app.get("/wrong")
    def wrong() -> str:
        return str(request.args["missing"])

    response = app.test_client().get("/wrong")
    assert response.status_code == 400
    assert_pretty(response.text, "Bad request")


def test_500(make_app: MakeApp) -> None:
    app = make_app(TESTING=False, PROPAGATE_EXCEPTIONS=False)

    @app.get("/broken")
    def broken() -> str:
        raise RuntimeError("a secret detail")

    response = app.test_client().get("/broken")
    assert response.status_code == 500
    assert_pretty(response.text, "Something broke")
    assert "secret detail" not in response.text


@pytest.mark.parametrize("wrong", [{}, {"csrf_token": ""}, {"csrf_token": "forged"}])
@pytest.mark.parametrize("path", ["/", "/forget"])
def test_csrf_is_refused(client: FlaskClient, path: str, wrong: dict[str, str]) -> None:
    client.get("/")
    response = client.post(path, data={"name": "Ada", "message": "Hi", **wrong})
    assert response.status_code == 400
    assert_pretty(response.text, "Form not accepted")
    assert "0 entries" in client.get("/").text


def test_token_of_another_visitor_is_refused(app: Flask, sign: Sign) -> None:
    stolen = token(app.test_client())
    assert sign(csrf_token=stolen).status_code == 400


@pytest.mark.parametrize("exists", [True, False])
def test_database_that_was_never_initialised(
    make_app: MakeApp, tmp_path: Path, exists: bool
) -> None:
    if exists:
        (tmp_path / "instance").mkdir()
    response = make_app().test_client().get("/")
    assert response.status_code == 503
    assert_pretty(response.text, "Be right back")
    assert f"<code>{NOT_READY_COMMAND}</code>" in response.text


def test_database_that_does_not_answer(make_app: MakeApp, tmp_path: Path) -> None:
    app = make_app(SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path}")
    client = app.test_client()
    response = client.get("/")
    assert response.status_code == 503
    assert "The database does not answer." in response.text
    assert client.get("/about").status_code == 200


def test_an_error_of_our_own_is_not_hidden(make_app: MakeApp, app: Flask) -> None:
    live = make_app(TESTING=False, PROPAGATE_EXCEPTIONS=False)

    @live.get("/broken")
    def broken() -> str:
        return str(db.session.execute(text("SELECT nonsense FROM entry")))

    assert live.test_client().get("/broken").status_code == 500


def test_health(make_app: MakeApp, app: Flask) -> None:
    response = make_app(RELEASE="r-42").test_client().get("/healthz")
    assert response.status_code == 200
    assert response.json == {"status": "ok", "release": "r-42"}
    assert response.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in response.headers


def test_health_when_the_database_fails(make_app: MakeApp, tmp_path: Path) -> None:
    broken = tmp_path / "broken.sqlite"
    broken.write_bytes(b"this is no database, whatever its name says" * 100)
    for url in (f"sqlite:///{broken}", f"sqlite:///{tmp_path}/missing/file.sqlite"):
        app = make_app(RELEASE="r-42", SQLALCHEMY_DATABASE_URI=url)
        response = app.test_client().get("/healthz")
        assert response.status_code == 503
        assert response.json == {"status": "database failed", "release": "r-42"}
