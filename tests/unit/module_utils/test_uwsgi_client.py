"""The client against a real little server."""

from __future__ import annotations

import socket
import struct
import time
from pathlib import Path

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import uwsgi_client
from ansible_collections.emperor.flask.tests.support.servers import serve


def read_packet(data: bytes) -> dict[str, str]:
    """Take a request apart, by the protocol's documentation."""
    modifier, size, kind = struct.unpack("<BHB", data[:4])
    assert (modifier, kind, size) == (0, 0, len(data) - 4)
    rest, words = data[4:], []
    while rest:
        (length,) = struct.unpack("<H", rest[:2])
        words.append(rest[2 : 2 + length].decode())
        rest = rest[2 + length :]
    return dict(zip(words[::2], words[1::2], strict=True))


def ask(
    folder: Path, answer: bytes, path: str = "/", scheme: str = "http", mount: str = ""
) -> tuple[uwsgi_client.Answer, dict[str, str]]:
    asked = []

    def handle(connection: socket.socket) -> None:
        asked.append(connection.recv(65536))
        connection.sendall(answer)

    with serve(folder / "s", handle):
        found = uwsgi_client.get(path, "shop.test", str(folder / "s"), scheme, mount=mount)
    return found, read_packet(asked[0])


OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nX-Emperor-Release:  abc \r\n\r\nbody\r\n\r\nmore"


def test_an_answer_is_taken_apart(short_tmp: Path) -> None:
    answer, _ = ask(short_tmp, OK)
    assert answer == uwsgi_client.Answer(
        200, {"content-type": "text/html", "x-emperor-release": "abc"}, b"body\r\n\r\nmore"
    )


def test_below_a_mount_the_app_sees_where_it_is_and_what_is_left(short_tmp: Path) -> None:
    _, request = ask(short_tmp, OK, path="/a%20b?x", mount="/shop")
    seen = {key: request[key] for key in ("REQUEST_URI", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING")}
    assert seen == {
        "REQUEST_URI": "/shop/a%20b?x",
        "SCRIPT_NAME": "/shop",
        "PATH_INFO": "/a b",
        "QUERY_STRING": "x",
    }


def test_the_request_is_as_nginx_would_send_it(short_tmp: Path) -> None:
    _, request = ask(short_tmp, OK, path="/a%20b/%C3%BC?x=%20y&z")
    assert request == {
        "REQUEST_METHOD": "GET", "REQUEST_URI": "/a%20b/%C3%BC?x=%20y&z", "PATH_INFO": "/a b/ü",
        "QUERY_STRING": "x=%20y&z", "SERVER_PROTOCOL": "HTTP/1.1", "SERVER_NAME": "shop.test",
        "SERVER_PORT": "80", "REMOTE_ADDR": "127.0.0.1", "REQUEST_SCHEME": "http", "UWSGI_SCHEME": "http",
        "HTTP_HOST": "shop.test", "HTTP_USER_AGENT": "emperor.flask health check",
    }  # fmt: skip


def test_the_app_sees_the_scheme_of_its_visitors(short_tmp: Path) -> None:
    _, request = ask(short_tmp, OK, scheme="https")
    assert (request["UWSGI_SCHEME"], request["HTTPS"], request["SERVER_PORT"]) == ("https", "on", "443")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"", "the connection was closed without an HTTP answer"),
        (b"HTTP/1.1 200 OK\r\n", "no HTTP answer"),
        (b"hello\r\n\r\n", "no HTTP answer"),
        (b"HTTP/1.1 abc\r\n\r\n", "no HTTP answer"),
        (b"\0\xff\r\n\r\n", "no HTTP answer"),
    ],
)
def test_anything_else_is_no_answer(short_tmp: Path, answer: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        ask(short_tmp, answer)


def test_a_status_without_words_is_one() -> None:
    assert uwsgi_client.parse_answer(b"HTTP/1.1 204\r\n\r\n").status == 204


def test_an_endless_answer_is_cut(short_tmp: Path) -> None:
    answer, _ = ask(short_tmp, b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (3 << 20))
    assert 1 << 19 < len(answer.body) <= (1 << 20) + 65536


@pytest.mark.parametrize("block", [b"", b"x"], ids=["silence", "a trickle"])
def test_neither_silence_nor_a_trickle_stretches_the_deadline(short_tmp: Path, block: bytes) -> None:
    def handle(connection: socket.socket) -> None:
        for _ in range(60):
            connection.sendall(block)
            time.sleep(0.05)

    begin = time.monotonic()
    with serve(short_tmp / "s", handle), pytest.raises(TimeoutError):
        uwsgi_client.get("/", "shop.test", str(short_tmp / "s"), timeout=0.3)
    assert time.monotonic() - begin < 1.5


def test_no_socket_is_an_error_of_the_system(short_tmp: Path) -> None:
    with pytest.raises(FileNotFoundError):
        uwsgi_client.get("/", "shop.test", str(short_tmp / "none"))
