"""Visits a host from a host, mostly itself: that has Python, and need not be reachable from outside."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

# Sends raw bytes and reads to the end, so that a test sees what a socket sees and no library mends.
_CLIENT = r"""
import base64, contextlib, json, socket, ssl, sys
order = json.loads(sys.argv[1])
answer = b""
source = (order["source"], 0) if order["source"] else None
with contextlib.ExitStack() as stack:
    where = (order["address"], order["port"])
    connection = stack.enter_context(socket.create_connection(where, timeout=30, source_address=source))
    if order["tls"]:
        connection = ssl._create_unverified_context().wrap_socket(connection, server_hostname=order["name"])
    try:
        connection.sendall(base64.b64decode(order["head"]))
        connection.sendall(base64.b64decode(order["body"]))
        for _ in range(order["padding"]):
            connection.sendall(b"x" * 1048576)
    except (BrokenPipeError, ConnectionResetError):
        pass  # refused before all of it was sent; the answer is there to be read
    try:
        while block := connection.recv(65536):
            answer += block
    except (ConnectionResetError, ssl.SSLError):
        pass
print(base64.b64encode(answer).decode())
"""


@dataclass(frozen=True)
class Answer:
    """An answer of HTTP; status 0 if the connection was closed without one."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8")

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        """Return the value of a header, which must not be there twice."""
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(found) < 2, f"{name} is there {len(found)} times: {found}"
        return found[0] if found else None


class Visitor:
    """A browser with its cookies, at the address `source` if that matters; by TLS, it takes any certificate."""

    def __init__(
        self, host: Any, name: str, address: str = "127.0.0.1", source: str = "", tls: bool = False, port: int = 0
    ) -> None:
        self.host = host
        self.name = name
        self.address = address
        self.source = source
        self.tls = tls
        self.port = port or (443 if tls else 80)
        self.cookies: dict[str, str] = {}

    def get(self, path: str, headers: dict[str, str] | None = None, method: str = "GET") -> Answer:
        return self.send(method, path, headers or {}, b"")

    def post_form(self, path: str, fields: dict[str, str], padding: int = 0) -> Answer:
        """Post a form; with `padding`, that many MiB more than the form are announced and sent."""
        body = urlencode(fields).encode()
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.send("POST", path, kind, body, padding)

    def post_file(self, path: str, fields: dict[str, str], name: str, file: str, content: bytes) -> Answer:
        boundary = "emperor-flask-form"
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
            for key, value in fields.items()
        ]
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{file}"\r\n\r\n'
        body = b"".join([*parts, head.encode(), content, f"\r\n--{boundary}--\r\n".encode()])
        return self.send("POST", path, {"Content-Type": f"multipart/form-data; boundary={boundary}"}, body)

    def send(self, method: str, path: str, headers: dict[str, str], body: bytes, padding: int = 0) -> Answer:
        lines = {"Host": self.name, "Connection": "close", **headers}
        if self.cookies:
            lines.setdefault("Cookie", "; ".join(f"{key}={value}" for key, value in self.cookies.items()))
        if body or padding:
            lines["Content-Length"] = str(len(body) + padding * 1048576)
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{key}: {value}\r\n" for key, value in lines.items())
        return self.send_raw(head.encode() + b"\r\n", body, padding)

    def send_raw(self, head: bytes, body: bytes = b"", padding: int = 0) -> Answer:
        connection = {"address": self.address, "source": self.source, "port": self.port}
        connection |= {"tls": self.tls, "name": self.name}
        order = {**connection, "head": _text(head), "body": _text(body), "padding": padding}
        result = self.host.run("python3 -c %s %s", _CLIENT, json.dumps(order))
        assert result.rc == 0, result.stderr
        answer = _parse(base64.b64decode(result.stdout))
        for key, value in answer.headers:
            if key.lower() == "set-cookie":
                name, _, rest = value.partition("=")
                self.cookies[name] = rest.partition(";")[0]
        return answer


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _parse(data: bytes) -> Answer:
    if not data:
        return Answer(0, [], b"")
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = [(key, value.strip()) for key, _, value in (line.partition(":") for line in lines)]
    if ("transfer-encoding", "chunked") in [(key.lower(), value) for key, value in headers]:
        body = _unchunk(body)
    return Answer(int(first.split()[1]), headers, body)


def _unchunk(data: bytes) -> bytes:
    whole = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size.partition(b";")[0], 16)
        whole, data = whole + data[:length], data[length + 2 :]
    return whole
