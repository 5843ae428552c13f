# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""A client of the uwsgi protocol, as nginx is one, for one GET request over a Unix socket.

Protocol: https://uwsgi-docs.readthedocs.io/en/latest/Protocol.html
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from time import monotonic
from typing import Any
from urllib.parse import unquote

# Enough for the head and the begin of a body, which is all that a check looks at.
_MAX_ANSWER = 1 << 20


@dataclass(frozen=True)
class Answer:
    """Status, headers (names in lower case) and body of an answer."""

    status: int
    headers: dict[str, str]
    body: bytes


def get(path: str, host: str, socket_path: str, scheme: str = "http", timeout: float = 5.0, mount: str = "") -> Answer:
    """Ask as nginx would, for a path below a mount. Raises OSError, or ValueError if no HTTP answer comes."""
    return exchange(_request(path, host, scheme, mount), socket_path, timeout)


def exchange(request: bytes, socket_path: str, timeout: float) -> Answer:
    """Send a request and read the answer, up to the end of the connection. Raises OSError or ValueError."""
    deadline = monotonic() + timeout
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        connection.connect(socket_path)
        connection.sendall(request)
        data = b""
        while len(data) < _MAX_ANSWER:
            # One deadline for the whole answer: a trickle of bytes must not stretch it.
            connection.settimeout(max(deadline - monotonic(), 0.001))
            block = connection.recv(65536)
            if not block:
                break
            data += block
    return parse_answer(data)


def _request(path: str, host: str, scheme: str, mount: str) -> bytes:
    route, _, query = path.partition("?")
    port = "443" if scheme == "https" else "80"
    variables = {
        "REQUEST_METHOD": "GET",
        "REQUEST_URI": mount + path,
        **({"SCRIPT_NAME": mount} if mount else {}),
        "PATH_INFO": unquote(route),
        "QUERY_STRING": query,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "REMOTE_ADDR": "127.0.0.1",
        "REQUEST_SCHEME": scheme,
        "UWSGI_SCHEME": scheme,
        "HTTP_HOST": host,
        "HTTP_USER_AGENT": "emperor.flask health check",
        **({"HTTPS": "on"} if scheme == "https" else {}),
    }
    body = b"".join(
        struct.pack("<H", len(part)) + part
        for name, value in variables.items()
        for part in (name.encode("ascii"), value.encode("utf-8"))
    )
    return struct.pack("<BHB", 0, len(body), 0) + body


def parse_answer(data: bytes) -> Answer:
    """Take an HTTP answer apart. Raises ValueError if it is none."""
    head, separator, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    words: list[Any] = lines[0].split(" ", 2)
    if not separator or len(words) < 2 or not words[0].startswith("HTTP/") or not words[1].isdigit():
        raise ValueError("the connection was closed without an HTTP answer" if not data else "no HTTP answer")
    fields = (line.partition(":") for line in lines[1:])
    return Answer(int(words[1]), {name.strip().lower(): value.strip() for name, _, value in fields}, body)
