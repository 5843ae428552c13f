"""Answers with the id of the request; fails, or takes its time, where it is asked to."""

from __future__ import annotations

import time
from typing import Any


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    path, request_id = environ["PATH_INFO"], environ.get("HTTP_X_REQUEST_ID", "-")
    environ["wsgi.errors"].write(f"asked for {path}\n")
    environ["wsgi.errors"].flush()
    if path == "/fail":
        raise RuntimeError(f"failed at {environ['QUERY_STRING']}")
    if path == "/slow":
        # More than the 5000 ms above which uWSGI writes a line.
        time.sleep(5.2)
    body = request_id.encode()
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body))), ("X-Request-Id", "of the app")]
    start_response("200 OK", headers)
    return [body]
