"""The guestbook as a visitor sees it, through nginx, the socket and uWSGI."""

from __future__ import annotations

import re
import struct
import zlib
from typing import Any

import pytest

from visitor import Answer, Visitor


@pytest.fixture
def visitor(host: Any) -> Visitor:
    """A new visitor of the guestbook."""
    return Visitor(host, "localhost")


def sign(visitor: Visitor, message: str, picture: bytes | None = None) -> Answer:
    """Sign the book through its form."""
    token = re.search(r'name="csrf_token" value="([^"]+)"', visitor.get("/").text)
    assert token is not None
    fields = {"csrf_token": token[1], "name": "Ada", "message": message}
    if picture is None:
        return visitor.post_form("/", fields)
    return visitor.post_file("/", fields, "picture", "me.png", picture)


def png() -> bytes:
    """Return a real picture of one red pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    parts = (b"IHDR", head), (b"IDAT", zlib.compress(b"\0\xff\0\0")), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in parts)


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "localhost:18008"])
def test_health_names_the_release_that_is_current(host: Any, name: str) -> None:
    answer = Visitor(host, name).get("/healthz")
    current = host.check_output("readlink /srv/apps/guestbook/current")
    assert (answer.status, answer.json["status"]) == (200, "ok")
    assert current == f"releases/{answer.json['release']}"


def test_the_proof_of_the_health_check_stays_inside(visitor: Visitor) -> None:
    assert visitor.get("/").header("X-Emperor-Release") is None


def test_about_names_flask_and_its_libraries_and_a_worker(host: Any, visitor: Visitor) -> None:
    text = visitor.get("/about").text
    for library in ("Flask", "Werkzeug", "Jinja2", "MarkupSafe", "ItsDangerous", "Click"):
        assert library in text
    workers = host.check_output("pgrep -u app-guestbook -f worker").split()
    assert any(re.search(rf"\b{pid}\b", text) for pid in workers)


def test_a_visitor_is_remembered_and_its_text_is_escaped(visitor: Visitor) -> None:
    answer = sign(visitor, "<script>alert('hello')</script>")
    assert answer.status in (302, 303)
    page = visitor.get("/").text
    assert "Welcome back, Ada" in page
    assert "&lt;script&gt;alert(" in page
    assert "<script" not in page


def test_nobody_else_is_greeted_by_that_name(host: Any, visitor: Visitor) -> None:
    sign(visitor, "me again")
    assert "Welcome back" not in Visitor(host, "localhost").get("/").text


def test_a_form_without_its_token_is_refused(visitor: Visitor) -> None:
    answer = visitor.post_form("/", {"name": "Eve", "message": "forged"})
    assert answer.status == 400
    assert "forged" not in visitor.get("/").text


def test_a_picture_goes_up_and_comes_back_inert(host: Any, visitor: Visitor) -> None:
    content = png()
    assert sign(visitor, "with a picture", content).status in (302, 303)
    link = re.search(r'src="(/media/[^"]+)"', visitor.get("/").text)
    assert link is not None
    answer = visitor.get(link[1])
    assert (answer.status, answer.body) == (200, content)
    assert answer.header("Content-Type") == "image/png"
    assert answer.header("Content-Disposition") == "inline"
    assert answer.header("X-Content-Type-Options") == "nosniff"
    assert answer.header("Content-Security-Policy") == "default-src 'none'; sandbox"
    stored = host.file(f"/srv/apps/guestbook/shared{link[1]}")
    assert (stored.user, stored.group, stored.mode) == ("app-guestbook", "www-data", 0o640)


@pytest.mark.parametrize("name", ["page.html", "drawing.svg", "script.js"])
def test_what_is_no_picture_is_saved_not_shown(host: Any, visitor: Visitor, name: str) -> None:
    path = f"/srv/apps/guestbook/shared/media/{name}"
    host.check_output("install -o app-guestbook -g www-data -m 640 /dev/null %s", path)
    answer = visitor.get(f"/media/{name}")
    host.check_output("rm %s", path)
    assert answer.status == 200
    assert answer.header("Content-Type") == "application/octet-stream"
    assert answer.header("Content-Disposition") == "attachment"


@pytest.mark.parametrize("path", ["/media../instance/guestbook.sqlite", "/static../src/README.md"])
def test_nothing_beside_a_served_folder_can_be_had(visitor: Visitor, path: str) -> None:
    assert visitor.get(path).status == 404


def test_a_link_in_the_media_leads_nowhere(host: Any, visitor: Visitor) -> None:
    link = "/srv/apps/guestbook/shared/media/passwd.png"
    host.check_output("ln -s /etc/passwd %s", link)
    answer = visitor.get("/media/passwd.png")
    host.check_output("rm %s", link)
    assert answer.status in (403, 404)


def test_static_files_come_from_nginx(host: Any, visitor: Visitor) -> None:
    before = requests_served(host)
    answer = visitor.get("/static/style.css")
    assert requests_served(host) == before
    assert answer.status == 200
    assert answer.header("Content-Type") == "text/css"
    assert answer.header("Cache-Control") == "max-age=3600"
    assert "{" in answer.text


def requests_served(host: Any) -> int:
    """Return how many requests the app has served, as uWSGI counts them."""
    script = (
        "import json, os, socket; c = socket.socket(socket.AF_UNIX); "
        "release = os.path.basename(os.readlink('/srv/apps/guestbook/current')); "
        "c.connect(f'/srv/apps/guestbook/run/{release}.stats'); "
        "d = b''.join(iter(lambda: c.recv(65536), b'')); "
        "print(sum(w['requests'] for w in json.loads(d)['workers']))"
    )
    return int(host.check_output("python3 -c %s", script))


def test_an_unknown_page_has_a_page_of_its_own(visitor: Visitor) -> None:
    answer = visitor.get("/no-such-page")
    assert answer.status == 404
    assert "<html" in answer.text
    assert "style.css" in answer.text


def test_a_wrong_method_is_refused(visitor: Visitor) -> None:
    answer = visitor.get("/", method="DELETE")
    assert answer.status == 405
    assert "POST" in (answer.header("Allow") or "")


def test_a_cookie_of_5_kb_is_accepted(visitor: Visitor) -> None:
    assert visitor.get("/healthz", {"Cookie": "big=" + "x" * 5000}).status == 200


def test_a_head_of_24_kb_is_accepted(visitor: Visitor) -> None:
    headers = {f"X-Filler-{number}": "x" * 6000 for number in range(4)}
    assert visitor.get("/healthz", headers).status == 200


def test_76_mb_are_refused_by_nginx(host: Any, visitor: Visitor) -> None:
    before = requests_served(host)
    assert visitor.post_form("/", {"message": "long"}, padding=76).status == 413
    assert requests_served(host) == before


def test_74_mb_reach_the_app(host: Any, visitor: Visitor) -> None:
    before = requests_served(host)
    # The app's own limit is lower; that it could say so shows that nginx let the body pass.
    answer = visitor.post_form("/", {"message": "long"}, padding=74)
    assert answer.status == 413
    assert "style.css" in answer.text
    assert requests_served(host) == before + 1
