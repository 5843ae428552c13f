"""Tells how it was asked; what it does beside that, nginx has to bring to the visitor."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Iterator
from typing import Any

PAUSE = 0.5


def events() -> Iterator[bytes]:
    for number in range(3):
        yield f"data: {number}\n\n".encode()
        time.sleep(PAUSE)


def digest(body: Any) -> bytes:
    found, size = hashlib.sha256(), 0
    while block := body.read(1 << 16):
        found.update(block)
        size += len(block)
    return f"{size} {found.hexdigest()}".encode()


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    path, kind = environ["PATH_INFO"], "text/plain"
    if path == "/die":
        os._exit(1)
    status = "404 Not Found" if path == "/missing" else "200 OK"
    if path == "/events":
        kind = "text/event-stream"
    start_response(status, [("Content-Type", kind)])
    if path == "/events":
        return events()
    if path == "/upload":
        return [digest(environ["wsgi.input"])]
    seen = (environ.get("SCRIPT_NAME", ""), path, environ["HTTP_HOST"], environ["SERVER_NAME"])
    return [" ".join(seen).encode()]
