# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""A client of HTTP, as nginx is one for apps that gunicorn serves, for one GET request over a Unix socket."""

from __future__ import annotations

from ansible_collections.emperor.flask.plugins.module_utils.uwsgi_client import Answer, exchange


def get(path: str, host: str, socket_path: str, scheme: str = "http", timeout: float = 5.0, _mount: str = "") -> Answer:
    """Ask as nginx would; the release knows its mount. Raises OSError, or ValueError if no HTTP answer comes."""
    port = "443" if scheme == "https" else "80"
    lines = [
        # Whose answers come as a whole, up to the end of the connection.
        f"GET {path} HTTP/1.0",
        f"Host: {host}",
        "X-Forwarded-For: 127.0.0.1",
        f"X-Forwarded-Proto: {scheme}",
        f"X-Forwarded-Host: {host}",
        f"X-Forwarded-Port: {port}",
        "User-Agent: emperor.flask health check",
    ]
    request = "".join(f"{line}\r\n" for line in [*lines, ""])
    return exchange(request.encode("utf-8"), socket_path, timeout)
