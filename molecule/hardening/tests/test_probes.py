"""What a stranger tries at the door. Each probe is made at a host that answers the same request when it is honest."""

from __future__ import annotations

import json
from typing import Any

import pytest

from door import Door
from inside import wait_for_listener
from visitor import Answer

testinfra_hosts = ["ansible://app"]


def head(door: Door, *lines: str, request: str = "GET / HTTP/1.1", app: str = "echo") -> bytes:
    """Return the head of a request, the lines as they are."""
    known = [request, f"Host: {app}.{door.domain}", *lines, "Connection: close"]
    return "".join(f"{line}\r\n" for line in known).encode("latin-1") + b"\r\n"


def asked(door: Door) -> int:
    """Return how many requests the app has had."""
    return int(door.visitor("echo").get("/count").json["count"])


def told(answer: Answer) -> dict[str, str]:
    assert answer.status == 200, answer
    return dict(answer.json["environ"])


# --- smuggling: nginx and the app must never disagree about where a request ends

_HIDDEN = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
_CHUNKED = b"5\r\nhello\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("lines", "body"),
    [
        (["Content-Length: 6", "Transfer-Encoding: chunked"], b"0\r\n\r\nG"),
        (["Transfer-Encoding: chunked", "Content-Length: 6"], b"0\r\n\r\nG"),
        (["Content-Length: 5", "Content-Length: 6"], b"helloG"),
        (["Content-Length: 5", "Content-Length: 5"], b"hello"),
        (["Content-Length: 5, 6"], b"helloG"),
        (["Content-Length: +5"], b"hello"),
        (["Content-Length: -1"], b""),
        (["Content-Length: 5 5"], b"hello"),
        (["Content-Length: 99999999999999999999"], b"hello"),
        (["Transfer-Encoding: xchunked"], _CHUNKED),
        (["Transfer-Encoding: chunked, identity"], _CHUNKED),
        (["Transfer-Encoding: chunked", "Transfer-Encoding: x"], _CHUNKED),
        (["Transfer-Encoding : chunked"], _CHUNKED),
        (["Transfer-Encoding: \x0bchunked"], _CHUNKED),
        (["Transfer-Encoding: chunked"], b"xyz\r\nhello\r\n0\r\n\r\n"),
        (["Transfer-Encoding: chunked"], b"ffffffffffffffff1\r\nhello\r\n0\r\n\r\n"),
        (["Transfer-Encoding: chunked"], b"-5\r\nhello\r\n0\r\n\r\n"),
        (["Host: other.example.org"], b""),
        (["X-Name: a\0b"], b""),
        ([" folded: name"], b""),
        (["na me: x"], b""),
    ],
    ids=lambda part: repr(part)[:60] if isinstance(part, list) else "",
)
def test_a_request_of_two_meanings_is_refused(door: Door, lines: list[str], body: bytes) -> None:
    before = asked(door)
    answer = door.visitor("echo").send_raw(head(door, *lines, request="POST / HTTP/1.1"), body + _HIDDEN)
    assert answer.status in (400, 411, 413, 501), answer
    assert answer.body.count(b"HTTP/1.1") == 0, "there is a second answer"
    assert asked(door) == before + 1, "the app was asked"


def test_an_honest_body_arrives(door: Door) -> None:
    """Else the probes above would be refused for another reason."""
    for lines, body in ((["Content-Length: 5"], b"hello"), (["Transfer-Encoding: chunked"], _CHUNKED)):
        answer = door.visitor("echo").send_raw(head(door, *lines, request="POST / HTTP/1.1"), body)
        assert (answer.status, answer.json["body"]) == (200, "hello"), lines


@pytest.mark.parametrize(
    "request_line", ["GET / HTTP/9.9", "GET /\0 HTTP/1.1", "GET", "G\0T / HTTP/1.1", "GET / HTTP/1.1 x"]
)
def test_a_request_line_that_is_none_is_refused(door: Door, request_line: str) -> None:
    assert door.visitor("echo").send_raw(head(door, request=request_line)).status in (400, 405, 505)


def test_a_bare_carriage_return_starts_no_header(door: Door) -> None:
    raw = head(door, "X-One: 1\rX-Forwarded-For: 6.6.6.6")
    answer = door.visitor("echo").send_raw(raw)
    assert answer.status == 400 or "6.6.6.6" not in json.dumps(told(answer).get("HTTP_X_FORWARDED_FOR", ""))


# --- traversal


@pytest.mark.parametrize("prefix", ["/static", "/media"])
@pytest.mark.parametrize(
    "path",
    [
        *("../src/guestbook/__init__.py", "/../src/guestbook/__init__.py", "/../../../../etc/passwd"),
        *("/%2e%2e/src/guestbook/__init__.py", "/..%2fsrc%2fguestbook%2f__init__.py", "%2f..%2f..%2fetc%2fpasswd"),
        *("/%252e%252e/env/SECRET_KEY", "/..;/env/SECRET_KEY", "/....//env/SECRET_KEY", "/..\\env\\SECRET_KEY"),
        *(
            "/%c0%ae%c0%ae/env/SECRET_KEY",
            "/x/../../env/SECRET_KEY",
            "//env/SECRET_KEY",
            "/style.css/../../../vassal.ini",
        ),
    ],
)
def test_no_path_leads_out_of_what_is_served(door: Door, prefix: str, path: str) -> None:
    raw = head(door, request=f"GET {prefix}{path} HTTP/1.1", app="guestbook")
    answer = door.visitor("guestbook").send_raw(raw)
    assert answer.status in (301, 308, 400, 403, 404), answer
    for secret in (b"not-secret-in-a-test", b"root:x:0", b"create_app", b"[uwsgi]"):
        assert secret not in answer.body


# --- spoofing

_CLAIMS = {
    "X-Forwarded-For": "6.6.6.6",
    "X-Forwarded-Proto": "gopher",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Port": "6666",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-Server": "evil.example",
    "X-Real-IP": "6.6.6.6",
    "Forwarded": "for=6.6.6.6;host=evil.example",
    "Proxy": "http://evil.example:6666",
    "X-Request-Id": "evil",
    "X_Forwarded_For": "6.6.6.6",
}


@pytest.mark.parametrize("name", _CLAIMS)
def test_nobody_speaks_for_a_proxy(door: Door, name: str) -> None:
    found = told(door.visitor("echo").get("/", {name: _CLAIMS[name]}))
    assert [key for key, value in found.items() if _CLAIMS[name] in value] == []
    assert (found["REQUEST_SCHEME"], found["HTTPS"], found["SERVER_PORT"]) == ("https", "on", "443")
    assert found["REMOTE_ADDR"] == found["HTTP_X_FORWARDED_FOR"]


@pytest.mark.parametrize("name", ["UWSGI_FILE", "SCRIPT_NAME", "REMOTE_USER", "HTTPS", "wsgi.url_scheme"])
def test_no_header_becomes_a_variable_of_the_server(door: Door, name: str) -> None:
    honest = told(door.visitor("echo").get("/"))
    found = told(door.visitor("echo").get("/", {name: "/etc/passwd"}))
    assert found.get(name) == honest.get(name)


# --- hosts


@pytest.mark.parametrize(
    "name",
    ["evil.example", "", "echo.{domain}.evil.example", "x@echo.{domain}", "127.0.0.1", "localhost", "_", "[::1]"],
)
def test_no_other_name_is_answered(door: Door, name: str) -> None:
    for tls in (False, True):
        raw = f"GET / HTTP/1.1\r\nHost: {name.format(domain=door.domain)}\r\nConnection: close\r\n\r\n".encode()
        answer = door.visitor("echo", tls=tls).send_raw(raw)
        assert answer.status in (0, 400, 421), (tls, answer)


def test_the_name_of_the_request_line_counts_and_is_the_one_that_the_app_sees(door: Door) -> None:
    raw = f"GET https://echo.{door.domain}/ HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n".encode()
    found = told(door.visitor("echo").send_raw(raw))
    assert "evil" not in json.dumps(found)
    raw = f"GET https://evil.example/ HTTP/1.1\r\nHost: echo.{door.domain}\r\nConnection: close\r\n\r\n".encode()
    assert door.visitor("echo").send_raw(raw).status in (0, 400, 421)


def test_an_address_without_a_name_is_not_answered(door: Door) -> None:
    address = door.run("getent hosts %s", door.domain).split()[0]
    raw = f"GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode()
    assert door.visitor("echo", tls=False).send_raw(raw).status == 0
    assert door.visitor("echo", tls=False).send_raw(b"GET / HTTP/1.0\r\n\r\n").status == 0


# --- too much


@pytest.mark.parametrize(
    ("lines", "request_line", "status"),
    [
        (["X-Large: " + "x" * 9000], "GET / HTTP/1.1", 400),
        ([f"X-{number}: {'x' * 4000}" for number in range(12)], "GET / HTTP/1.1", 400),
        ([], f"GET /{'x' * 9000} HTTP/1.1", 414),
        ([f"Content-Length: {11 << 20}"], "POST / HTTP/1.1", 413),
        ([f"Content-Length: {(1 << 63) - 1}"], "POST / HTTP/1.1", 413),
    ],
)
def test_what_is_too_large_is_refused_before_the_app_is_asked(
    door: Door, lines: list[str], request_line: str, status: int
) -> None:
    before = asked(door)
    assert door.visitor("echo").send_raw(head(door, *lines, request=request_line)).status == status
    assert asked(door) == before + 1


def test_a_chunked_body_has_the_same_limit(door: Door) -> None:
    before = asked(door)
    raw = head(door, "Transfer-Encoding: chunked", request="POST / HTTP/1.1")
    answer = door.visitor("echo").send_raw(raw + f"{12 << 20:x}\r\n".encode(), padding=12)
    assert answer.status == 413
    assert asked(door) == before + 1


@pytest.mark.parametrize("method", ["TRACE", "CONNECT"])
def test_methods_that_tell_or_tunnel_are_refused(door: Door, method: str) -> None:
    target = f"echo.{door.domain}:443" if method == "CONNECT" else "/"
    assert door.visitor("echo").send_raw(head(door, request=f"{method} {target} HTTP/1.1")).status in (400, 405)


# --- uploads

_PLANTED = {
    "page.html": "<script>alert(1)</script>",
    "picture.svg": "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    "feed.xml": "<?xml version='1.0'?><x/>",
    "code.js": "alert(1)",
    "page.shtml": "<!--#include file='x'-->",
    "paper.pdf": "%PDF-1.7",
    "trick.png.html": "<script>alert(1)</script>",
    "noname": "<html><script>alert(1)</script>",
}


_LINKS = {
    "link": "/etc/passwd",
    "linked.png": "/srv/apps/guestbook/current/env/SECRET_KEY",
    "up": "/",
}
_PLANT = """
import json, os, sys
os.chdir("/srv/apps/guestbook/shared/media")
files, links = json.loads(sys.argv[1])
for name, text in files.items():
    with open(name, "w") as file:
        file.write(text)
for name, target in links.items():
    if not os.path.lexists(name):
        os.symlink(target, name)
"""


@pytest.fixture
def planted(host: Any) -> None:
    """Uploads that the app would never take, as if it had a hole."""
    become = "setpriv --reuid=app-guestbook --regid=app-guestbook --clear-groups"
    host.check_output(f"{become} python3 -c %s %s", _PLANT, json.dumps([_PLANTED, _LINKS]))


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize("name", _PLANTED)
def test_an_upload_runs_in_no_browser(door: Door, name: str) -> None:
    answer = door.visitor("guestbook").get(f"/media/{name}")
    assert answer.status == 200
    assert answer.header("Content-Type") == "application/octet-stream"
    assert str(answer.header("Content-Disposition")).startswith("attachment")
    assert answer.header("Content-Security-Policy") == "default-src 'none'; sandbox"
    assert answer.header("X-Content-Type-Options") == "nosniff"


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize("path", ["link", "linked.png", "up/etc/passwd", "up/"])
def test_a_link_among_uploads_leads_nowhere(door: Door, path: str) -> None:
    answer = door.visitor("guestbook").get(f"/media/{path}")
    assert answer.status in (403, 404)
    assert b"root:x:0" not in answer.body


# --- past nginx


# A firewall says nothing to who knocks at a closed port. So many knock at once, and who was let in is looked for
# after a while: the kernel answers even where this process is late. A packet that got lost is sent again after 1 s.
_OPEN_PORTS = """
import errno, resource, socket, sys, time
resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
def knock(port):
    visitor = socket.socket()
    visitor.setblocking(False)
    visitor.connect_ex((sys.argv[1], port))
    return visitor
def is_open(visitor):
    try:
        return bool(visitor.getpeername())
    except OSError:
        # One that takes a visitor in and sends it off at once is open, too.
        return visitor.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET
    finally:
        visitor.close()
for first in range(1, 65536, 8000):
    visitors = {port: knock(port) for port in range(first, min(first + 8000, 65536))}
    time.sleep(1.5)
    print(*(port for port, visitor in visitors.items() if is_open(visitor)))
"""


def test_only_three_ports_can_be_reached(host: Any, door: Door) -> None:
    # Something that listens for everybody, as a database that somebody has installed.
    listen = "import socket,time; s = socket.create_server(('0.0.0.0', 5432)); time.sleep(90)"
    host.check_output("systemd-run --quiet --unit=emperor-flask-forgotten python3 -c %s", listen)
    address = door.run("getent hosts %s", door.domain).split()[0]
    try:
        wait_for_listener(host, 5432)
        assert door.run("python3 -c %s %s", _OPEN_PORTS, address).split() == ["22", "80", "443"]
    finally:
        host.check_output("systemctl stop emperor-flask-forgotten")


@pytest.mark.parametrize(
    "path", ["/nginx_status", "/stub_status", "/server-status", "/.git/config", "/.env", "/.errors/502.html"]
)
def test_nothing_of_the_server_is_served(door: Door, path: str) -> None:
    assert door.visitor("guestbook").get(path).status == 404
