"""The client of apps that gunicorn serves, against a real little server."""

from __future__ import annotations

import socket
from pathlib import Path

from ansible_collections.emperor.flask.plugins.module_utils import http_client
from ansible_collections.emperor.flask.tests.support.servers import serve


def test_it_asks_as_nginx_does(short_tmp: Path) -> None:
    asked = []

    def handle(connection: socket.socket) -> None:
        asked.append(connection.recv(65536).decode())
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Emperor-Release: abc\r\n\r\nbody")

    with serve(short_tmp / "s", handle):
        answer = http_client.get("/up?full=1", "shop.test", str(short_tmp / "s"), "https", 5.0, "/shop")
    assert (answer.status, answer.headers["x-emperor-release"], answer.body) == (200, "abc", b"body")
    lines = asked[0].split("\r\n")
    # The mount is the release's own matter.
    assert lines[0] == "GET /up?full=1 HTTP/1.0"
    assert {"Host: shop.test", "X-Forwarded-Proto: https", "X-Forwarded-Port: 443"} <= set(lines)
    assert asked[0].endswith("\r\n\r\n")
