"""What nginx does for an app, and where the app answers."""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Iterator
from pathlib import Path
from secrets import randbelow
from typing import Any

import pytest

from playbooks import play
from visitor import Visitor

INVENTORY = Path(__file__).resolve().parents[1] / "inventory"
DOWN = "Back in a moment"
# Seconds between the first and the last part of an answer, as they come.
_TIMES = r"""
import socket, sys, time
with socket.create_connection(("127.0.0.1", 80), timeout=30) as connection:
    connection.sendall(f"GET {sys.argv[2]} HTTP/1.0\r\nHost: {sys.argv[1]}\r\n\r\n".encode())
    data, came = b"", {}
    while block := connection.recv(65536):
        data += block
        for number in range(3):
            if b"data: %d" % number in data:
                came.setdefault(number, time.monotonic())
print(came[2] - came[0])
"""


@pytest.fixture
def portal(host: Any) -> Visitor:
    """A visitor of the app at the top of the domain, and of the one that is mounted in it."""
    return Visitor(host, "serving.test")


# Where the apps answer


@pytest.mark.parametrize("name", ["serving.test", "a.serving.test", "a.b.serving.test", "a.serving.test:18008"])
def test_a_wildcard_stands_for_all_names_below(host: Any, name: str) -> None:
    assert Visitor(host, name).get("/where").text == f" /where {name} {name.partition(':')[0]}"


@pytest.mark.parametrize("name", ["aserving.test", "old.test", "tenants.test", "serving.test.example"])
def test_it_stands_for_no_other_name(host: Any, name: str) -> None:
    assert Visitor(host, name).get("/where").status == 0


@pytest.mark.parametrize(
    ("name", "port"), [("www.example.test", ""), ("www.example.test", ":18008"), ("a.b.old.test", "")]
)
def test_other_names_lead_to_the_first(host: Any, name: str, port: str) -> None:
    answer = Visitor(host, name + port).get("/a%20b/?c=d&e=%2F")
    assert (answer.status, answer.header("Location")) == (301, f"http://serving.test{port}/a%20b/?c=d&e=%2F")


def test_a_mounted_app_needs_none_at_the_top(host: Any) -> None:
    visitor = Visitor(host, "a.tenants.test")
    assert visitor.get("/t/where").text == "/t /where a.tenants.test a.tenants.test"
    assert visitor.get("/t/").text == "/t / a.tenants.test a.tenants.test"
    assert [visitor.get(path).status for path in ("/", "/tx", "/where")] == [404, 404, 404]


def test_the_app_knows_where_it_is_mounted(host: Any) -> None:
    found = Visitor(host, "serving.test:18008").get("/shop/").json
    assert found == {
        "page": "/shop/page/a%20b",
        "static": "/shop/static/style.css",
        "absolute": "http://serving.test:18008/shop/",
    }


@pytest.mark.parametrize(
    ("path", "name"),
    [("a%20b", "a b"), ("a%3Fb", "a?b"), ("%2525", "%25"), ("a%2Fb?c=/shop/", "a/b")],
)
def test_what_is_left_of_a_path_is_as_it_was_sent(portal: Visitor, path: str, name: str) -> None:
    assert portal.get(f"/shop/page/{path}").json == ["/shop", f"/page/{name}", name]


def test_not_even_a_new_line_in_a_path_hides_the_mount(host: Any) -> None:
    answer = Visitor(host, "a.tenants.test").get("/t/a%0Ab")
    assert answer.text == "/t /a\nb a.tenants.test a.tenants.test"


def test_redirects_and_cookies_stay_below_the_mount(portal: Visitor) -> None:
    assert portal.get("/shop/go").header("Location") == "/shop/page/there"
    cookie = portal.get("/shop/").header("Set-Cookie")
    assert cookie is not None
    assert "Path=/shop" in [part.strip() for part in cookie.split(";")]


def test_the_slash_after_the_mount_is_added(host: Any) -> None:
    answer = Visitor(host, "serving.test:18008").get("/shop?a=b")
    assert (answer.status, answer.header("Location")) == (301, "http://serving.test:18008/shop/?a=b")


@pytest.mark.parametrize("path", ["/shopping", "/", "/page/a"])
def test_the_app_at_the_top_has_all_else(portal: Visitor, path: str) -> None:
    assert portal.get(path).text == f" {path} serving.test serving.test"


def test_the_log_names_the_app_below_the_mount(host: Any, portal: Visitor) -> None:
    mark = portal.get("/shop/static/style.css?mark").status
    portal.get("/shop/page/mark")
    lines = [line for line in host.check_output("tail -n 20 /var/log/nginx/access.log").splitlines() if "mark" in line]
    assert mark == 200
    assert all("shop" in line and "portal" not in line for line in lines[-2:]), lines


@pytest.fixture
def closed(host: Any) -> Iterator[None]:
    """Close the mounted app for the time of a test."""
    limit = host.check_output("hostname")
    play(INVENTORY, "maintenance", limit, app="shop", state="on").good()
    yield
    play(INVENTORY, "maintenance", limit, app="shop", state="off").good()


@pytest.mark.usefixtures("closed")
@pytest.mark.in_turns
def test_a_mounted_app_can_be_closed(portal: Visitor) -> None:
    answer = portal.get("/shop/page/a")
    assert (answer.status, "Back soon" in answer.text) == (503, True)
    assert [portal.get(path).status for path in ("/shop/up", "/shop/static/style.css", "/where")] == [200, 200, 200]


# Files


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/files/style.css", "max-age=3600"),
        ("/kept/style.css", "max-age=31536000, immutable"),
        ("/shop/static/style.css", "max-age=3600"),
    ],
)
def test_static_files_say_how_long_they_keep(portal: Visitor, path: str, kept: str) -> None:
    answer = portal.get(path)
    assert (answer.status, answer.header("Cache-Control"), answer.header("Content-Encoding")) == (200, kept, None)
    assert answer.header("Content-Type") == "text/css"


def test_what_an_app_has_nginx_say_is_for_all_but_files(portal: Visitor) -> None:
    assert portal.get("/where").header("Cache-Control") == "private"


def test_a_compressed_file_beside_is_sent_to_who_takes_it(portal: Visitor) -> None:
    """nginx itself compresses nothing that is so small."""
    answer = portal.get("/files/style.css", {"Accept-Encoding": "gzip"})
    assert answer.header("Content-Encoding") == "gzip"
    assert answer.header("Content-Type") == "text/css"
    assert gzip.decompress(answer.body) == portal.get("/files/style.css").body


@pytest.mark.parametrize(
    ("app", "name", "kind", "shown"),
    [
        ("shop", "a.txt", "text/plain", "inline"),
        ("shop", "a.png", "application/octet-stream", "attachment"),
        ("portal", "a.txt", "application/octet-stream", "attachment"),
        ("portal", "a.png", "image/png", "inline"),
        ("portal", "a.svg", "application/octet-stream", "attachment"),
    ],
)
def test_uploads_are_shown_as_the_app_says(
    host: Any, portal: Visitor, app: str, name: str, kind: str, shown: str
) -> None:
    path = f"/srv/apps/{app}/shared/media/{name}"
    host.check_output("install -o app-%s -g www-data -m 640 /dev/null %s", app, path)
    answer = portal.get(f"{'/shop' if app == 'shop' else ''}/media/{name}")
    host.check_output("rm %s", path)
    assert (answer.status, answer.header("Content-Type"), answer.header("Content-Disposition")) == (200, kind, shown)
    assert answer.header("X-Content-Type-Options") == "nosniff"


# Answers


def test_parts_of_an_answer_come_one_by_one_without_buffering(host: Any) -> None:
    assert float(host.check_output("python3 -c %s serving.test /events", _TIMES)) > 0.8


def test_they_come_together_with_it(host: Any) -> None:
    """The control: the same app, so it is nginx that holds them back."""
    assert float(host.check_output("python3 -c %s a.tenants.test /t/events", _TIMES)) < 0.2


def test_a_file_that_is_missing_has_the_page_of_the_app(portal: Visitor) -> None:
    answer = portal.get("/files/no-such.css")
    assert (answer.status, answer.header("Content-Type")) == (404, "text/html")
    assert "Not here" in answer.text
    assert answer.header("Cache-Control") == "no-store"


def test_an_answer_of_the_app_is_its_own_unless_it_says_otherwise(portal: Visitor) -> None:
    assert portal.get("/missing").text == " /missing serving.test serving.test"
    answer = portal.get("/shop/fail")
    assert (answer.status, DOWN in answer.text) == (500, True)
    assert portal.get("/shop/no-such").status == 404


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_worker_that_dies_leaves_a_page(portal: Visitor, method: str) -> None:
    answer = portal.send(method, "/die", {}, b"x" if method == "POST" else b"")
    assert (answer.status, DOWN in answer.text) == (502, True)


@pytest.mark.parametrize("path", ["/.errors/502.html", "/shop/.errors/500.html"])
def test_an_error_page_is_no_page(portal: Visitor, path: str) -> None:
    answer = portal.get(path)
    assert (answer.status, DOWN in answer.text) == (404, False)


def test_a_visitor_who_is_refused_gets_the_page_of_the_app(host: Any) -> None:
    answer = Visitor(host, "serving.test", source="127.0.0.66").get("/where/closed")
    assert (answer.status, "Not for you" in answer.text) == (403, True)
    assert Visitor(host, "serving.test").get("/where/closed").status == 200


# Who may reach a mounted app


def test_the_rules_of_a_mounted_app_are_its_own(host: Any) -> None:
    refused = Visitor(host, "serving.test", source="127.0.0.66")
    paths = ["/shop/", "/shop/static/style.css", "/shop/media/a.txt", "/shop/no-such", "//shop/", "/%73hop/page/a"]
    assert {path: refused.get(path).status for path in paths} == dict.fromkeys(paths, 403)
    # Its health path, and what is not its own.
    assert {path: refused.get(path).status for path in ("/shop/up", "/where", "/files/style.css")} == {
        "/shop/up": 200,
        "/where": 200,
        "/files/style.css": 200,
    }


def test_a_mounted_app_asks_for_its_own_passwords(portal: Visitor) -> None:
    known = {"Authorization": "Basic " + base64.b64encode(b"bob:correct horse").decode()}
    asked = portal.get("/shop/page/private")
    assert (asked.status, asked.header("WWW-Authenticate")) == (401, 'Basic realm="app shop"')
    assert portal.get("/shop/page/private", known).json == ["/shop", "/page/private", "private"]
    assert portal.get("/shop/page/privately").status == 200


def test_the_app_at_the_top_locks_and_counts_what_is_below(host: Any) -> None:
    known = {"Authorization": "Basic " + base64.b64encode(b"bob:correct horse").decode()}
    visitor = Visitor(host, "serving.test", source=f"127.4.{randbelow(256)}.{randbelow(254) + 1}")
    assert [visitor.get(path).status for path in ("/tea/", "/tea/where", "/tea/up")] == [401, 401, 401]
    # One a minute, and none above that.
    assert [visitor.get("/tea/rare", known).status for _ in range(2)] == [200, 429]
    assert visitor.get("/tea/where", known).text == "/tea /where serving.test serving.test"


def test_a_mounted_app_counts_its_own_requests(host: Any) -> None:
    visitor = Visitor(host, "serving.test", source=f"127.3.{randbelow(256)}.{randbelow(254) + 1}")
    assert [visitor.get("/shop/page/rare").status for _ in range(3)] == [200, 200, 429]
    assert [visitor.get("/shop/page/b").status, visitor.get("/where").status] == [200, 200]


@pytest.mark.parametrize("size", [75, 76])
def test_a_body_may_have_its_75_megabytes_and_no_more(portal: Visitor, size: int) -> None:
    answer = portal.send("POST", "/upload", {"Content-Type": "application/octet-stream"}, b"", size)
    assert answer.status == (200 if size == 75 else 413)
    if size == 75:
        length = 75 << 20
        assert answer.text == f"{length} {hashlib.sha256(b'x' * length).hexdigest()}"


def test_a_mounted_app_has_its_own_limit(portal: Visitor) -> None:
    assert portal.send("POST", "/shop/page/a", {}, b"", 11).status == 413
