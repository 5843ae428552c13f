"""Pictures: what is accepted, how it is stored, how it is served."""

from __future__ import annotations

import io
import os
import re
import stat
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from guests import MakeApp, Sign, close_body, token
from sqlalchemy.exc import OperationalError

from guestbook import pictures
from guestbook.database import db

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 40
GIF = b"GIF89a" + b"\0" * 40
WEBP = b"RIFF\x24\0\0\0WEBPVP8 " + b"\0" * 40


def upload(content: bytes, name: str = "holiday.png") -> tuple[io.BytesIO, str]:
    """Return a file as the form would send it."""
    return io.BytesIO(content), name


@pytest.mark.parametrize(
    ("content", "extension", "mimetype"),
    [
        (PNG, "png", "image/png"),
        (JPEG, "jpg", "image/jpeg"),
        (GIF, "gif", "image/gif"),
        (WEBP, "webp", "image/webp"),
    ],
)
def test_picture_is_stored_and_served(
    client: FlaskClient, sign: Sign, media: Path, content: bytes, extension: str, mimetype: str
) -> None:
    assert sign(picture=upload(content, "../../evil.html")).status_code == 303

    (stored,) = media.iterdir()
    assert re.fullmatch(rf"[0-9a-f]{{32}}\.{extension}", stored.name)
    assert stored.read_bytes() == content

    page = client.get("/").text
    assert f'src="/media/{stored.name}"' in page
    assert "evil" not in page
    response = client.get(f"/media/{stored.name}")
    assert response.data == content
    assert response.mimetype == mimetype
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    response.close()


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077])
def test_picture_can_be_read_by_the_group(sign: Sign, media: Path, umask: int) -> None:
    media.mkdir()
    before = os.umask(umask)
    try:
        # Large enough for Werkzeug to keep it in a temporary file.
        close_body(sign(picture=upload(PNG + b"\0" * 800_000)))
    finally:
        os.umask(before)
    (stored,) = media.iterdir()
    assert stat.S_IMODE(stored.stat().st_mode) == 0o640


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<script>alert(1)</script>",
        b"RIFF\x24\0\0\0WAVEfmt ",
        b" " + PNG,
    ],
)
def test_other_files_are_refused(
    client: FlaskClient, sign: Sign, media: Path, content: bytes
) -> None:
    response = sign(message="Kept message", picture=(*upload(content), "image/png"))
    assert response.status_code == 422
    assert "not a PNG, JPEG, GIF or WebP picture" in response.text
    assert "Kept message" in response.text
    assert not media.exists()
    assert "0 entries" in client.get("/").text


def test_no_picture_is_fine(sign: Sign, media: Path) -> None:
    assert sign(picture=upload(b"", "")).status_code == 303
    assert not media.exists()


def test_a_good_picture_must_be_chosen_again(sign: Sign, media: Path) -> None:
    response = sign(name="", picture=upload(PNG))
    assert "choose the picture again" in response.text
    assert not media.exists()


def test_size_limit(make_app: MakeApp, media: Path) -> None:
    app = make_app(MAX_PICTURE_BYTES=len(PNG))
    with app.app_context():
        upgrade()
    client = app.test_client()
    form = {"name": "Ada", "message": "Hi", "csrf_token": token(client)}

    response = client.post("/", data={**form, "picture": upload(PNG + b"\0")})
    assert response.status_code == 422
    assert "too large" in response.text
    assert not media.exists()

    response = client.post("/", data={**form, "picture": upload(PNG)})
    assert response.status_code == 303
    assert len(list(media.iterdir())) == 1


def test_a_failed_save_leaves_no_picture(
    app: Flask, sign: Sign, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise OperationalError("INSERT", {}, Exception("disk full"))

    monkeypatch.setattr(db.session, "commit", fail)
    with pytest.raises(OperationalError):
        sign(picture=upload(PNG))
    assert list(media.iterdir()) == []


def test_a_failed_write_leaves_nothing(app: Flask, media: Path) -> None:
    class Broken(io.BytesIO):
        def read(self, *_: object) -> bytes:
            raise OSError("gone")

    with app.app_context(), pytest.raises(OSError, match="gone"):
        pictures.store(Broken(), "png")
    assert list(media.iterdir()) == []


@pytest.mark.parametrize(
    "name",
    ["secret.txt", "..%2Ftest.sqlite", "%2Fetc%2Fpasswd", ".hidden.png", "0" * 32 + ".png"],
)
def test_only_stored_pictures_are_served(client: FlaskClient, media: Path, name: str) -> None:
    media.mkdir()
    (media / "secret.txt").write_text("secret")
    (media / ".hidden.png").write_bytes(PNG)
    assert client.get(f"/media/{name}").status_code == 404
