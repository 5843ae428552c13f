"""The book: reading, signing, remembering, turning pages."""

from __future__ import annotations

import logging
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from guests import MakeApp, Sign, token
from markupsafe import Markup
from sqlalchemy import select

from guestbook.database import db
from guestbook.filters import lines, megabytes
from guestbook.models import Entry, now


def test_empty_book(client: FlaskClient) -> None:
    response = client.get("/")
    assert response.status_code == 200
    assert "Be the first to sign" in response.text
    assert "0 entries" in response.text


def test_sign_redirects_and_shows_the_entry(
    app: Flask, client: FlaskClient, sign: Sign, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    response = sign(name="Grace  Hopper", message="One\r\ntwo")
    assert (response.status_code, response.location) == (303, "/")

    page = client.get("/").text
    assert "Thank you, Grace Hopper." in page
    assert "<h3>Grace Hopper</h3>" in page
    assert "One<br>\ntwo" in page
    assert "One entry" in page
    assert "Thank you" not in client.get("/").text

    with app.app_context():
        entry = db.session.scalars(select(Entry)).one()
        assert entry.message == "One\ntwo"
        assert abs((now() - entry.created_at).total_seconds()) < 60

    logged = [record.getMessage() for record in caplog.records if record.name == "guestbook"]
    assert logged == ["entry 1 created without a picture"]


@pytest.mark.parametrize("field", ["name", "message"])
def test_what_visitors_write_is_escaped(client: FlaskClient, sign: Sign, field: str) -> None:
    sign(**{field: "<script>alert('x')</script>\n\"&"})
    page = client.get("/").text
    assert "<script" not in page
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;" in page


def test_the_form_shown_again_is_escaped(sign: Sign) -> None:
    response = sign(name='"><script>', message="</textarea><script>" + "x" * 2000)
    assert response.status_code == 422
    assert "<script" not in response.text


def test_lines_filter() -> None:
    assert lines("<b>\nhttp://example.org") == Markup("&lt;b&gt;<br>\nhttp://example.org")
    assert isinstance(lines(""), Markup)


def test_megabytes_filter() -> None:
    assert megabytes(10 * 1024 * 1024) == "10 MB"
    assert megabytes(1536 * 1024) == "1.5 MB"


def test_name_is_remembered_and_forgotten(client: FlaskClient, sign: Sign) -> None:
    assert "Welcome back" not in client.get("/").text
    sign(name="Ada")
    page = client.get("/").text
    assert "<h1>Welcome back, Ada</h1>" in page
    assert 'value="Ada"' in page

    response = client.post("/forget", data={"csrf_token": token(client)})
    assert response.status_code == 303
    assert "Welcome back" not in client.get("/").text


def test_the_session_cannot_be_forged(app: Flask, client: FlaskClient, sign: Sign) -> None:
    sign(name="Ada")
    cookie = client.get_cookie("guestbook_session")
    assert cookie is not None
    other = app.test_client()
    other.set_cookie("guestbook_session", cookie.value)
    assert "Welcome back, Ada" in other.get("/").text
    other.set_cookie("guestbook_session", "x" + cookie.value)
    assert "Welcome back" not in other.get("/").text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": " "}, "Please tell us your name."),
        ({"name": "\x00"}, "Please tell us your name."),
        ({"name": "x" * 81}, "this one has 81."),
        ({"message": "\r\n \t"}, "Please write a message."),
        ({"message": "x" * 2001}, "this one has 2001."),
    ],
)
def test_mistakes_are_named_and_nothing_is_lost(
    client: FlaskClient, sign: Sign, fields: dict[str, str], words: str
) -> None:
    typed = {"name": "Kept name", "message": "Kept message", **fields}
    response = sign(**typed)
    assert response.status_code == 422
    assert words in response.text
    assert 'aria-invalid="true"' in response.text
    for field in typed.keys() - fields.keys():
        assert typed[field] in response.text
    assert "0 entries" in client.get("/").text


@pytest.mark.parametrize(("name", "message"), [("x", "y"), ("x" * 80, "y\r\n" * 999 + "yy")])
def test_limits_are_inclusive(sign: Sign, name: str, message: str) -> None:
    assert sign(name=name, message=message).status_code == 303


def test_missing_fields_are_mistakes(client: FlaskClient) -> None:
    response = client.post("/", data={"csrf_token": token(client)})
    assert response.status_code == 422


def test_pagination(make_app: MakeApp) -> None:
    app = make_app(ENTRIES_PER_PAGE=2)
    with app.app_context():
        upgrade()
        db.session.add_all(Entry(name=f"Guest {number}", message="Hi") for number in range(5))
        db.session.commit()
    client = app.test_client()

    def guests(page: int) -> list[str]:
        return re.findall(r"<h3>Guest (\d)</h3>", client.get(f"/?page={page}").text)

    assert [guests(page) for page in (1, 2, 3)] == [["4", "3"], ["2", "1"], ["0"]]
    assert 'rel="next"' in client.get("/").text
    assert 'rel="prev"' not in client.get("/").text
    assert 'href="/?page=2"' in client.get("/?page=3").text
    for wrong in ("4", "0", "-1", "x"):
        assert client.get(f"/?page={wrong}").status_code == 404


def test_about_names_what_is_running(make_app: MakeApp) -> None:
    page = make_app(RELEASE="r-42").test_client().get("/about").text
    versions = dict(re.findall(r'<th scope="row">([^<]+)</th><td>([^<]+)</td>', page))
    libraries = {"Flask", "Werkzeug", "Jinja2", "MarkupSafe", "ItsDangerous", "Click"}
    assert versions.keys() == libraries | {"Release", "Python", "Worker process"}
    assert versions["Release"] == "r-42"
    assert versions["Worker process"].isdigit()
    for library in libraries | {"Python"}:
        assert re.match(r"\d+\.\d+", versions[library])


def test_pages_obey_the_content_security_policy(client: FlaskClient, sign: Sign) -> None:
    sign()
    for path in ("/", "/about", "/nowhere"):
        response = client.get(path)
        assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert not re.search(r"<script|<style| style=| on\w+=", response.text)
        assert not re.search(r'(?:src|href)="(?:https?:)?//', response.text)


def test_static_files_change_address_with_the_release(make_app: MakeApp) -> None:
    client = make_app(RELEASE="r-42").test_client()
    for address in ("/static/style.css?v=r-42", "/static/icon.svg?v=r-42"):
        assert address in client.get("/about").text
        with client.get(address) as response:
            assert response.status_code == 200
