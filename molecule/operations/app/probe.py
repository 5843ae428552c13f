"""Answers with what a visitor needs to see, and fails on demand."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    environ["wsgi.errors"].write(f"asked for {path}\n")
    environ["wsgi.errors"].flush()
    good = path != "/healthz" or not Path("instance/ill").exists()
    start_response("200 OK" if good else "500 Internal Server Error", [("Content-Type", "text/plain")])
    return [f"{os.environ['EMPEROR_APP']} at {path}\n".encode()]
