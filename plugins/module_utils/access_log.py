# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Reads nginx's access log from its end, for one app."""

from __future__ import annotations

import json
import os
import re
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

ACCESS_LOG = Path("/var/log/nginx/access.log")
# The format before JSON; nothing before the app's name can be forged by a visitor.
_FORMER = re.compile(r"\S+ \[(?P<time>[^\]]+)\] app=(?P<app>\S+) ")
_BLOCK = 1 << 18


def backwards(path: Path) -> Iterator[str]:
    """Yield the lines of a file, the last first, without reading more of it than is asked for."""
    with path.open("rb") as file:
        position = file.seek(0, os.SEEK_END)
        rest = b""
        while position > 0:
            size = min(_BLOCK, position)
            position -= size
            file.seek(position)
            rest, *lines = (file.read(size) + rest).split(b"\n")
            for line in reversed(lines):
                if line:
                    yield line.decode("utf-8", "replace")
        if rest:
            yield rest.decode("utf-8", "replace")


def fields(line: str) -> dict[str, Any]:
    """Return what a line says, at least `time` and `app`; nothing for one that is none of ours."""
    if match := _FORMER.match(line):
        return match.groupdict()
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) and {"time", "app"} <= found.keys() else {}


def seconds_of(time: str) -> float:
    """Return a time of the log in seconds since 1970; infinity for what is no time, so that nothing is before it."""
    try:
        return datetime.fromisoformat(time).timestamp()
    except ValueError:
        return float("inf")


def lines_of(app: str, lines: Iterable[str], count: int, since: float | None = None) -> list[str]:
    """Return the last lines of exactly this app, the oldest first; the lines come the newest first."""
    found: deque[str] = deque()
    for line in lines:
        entry = fields(line)
        if not entry:
            continue
        if since is not None and seconds_of(entry["time"]) < since:
            break
        if entry["app"] == app:
            found.appendleft(line)
            if len(found) >= count:
                break
    return list(found)


def requests_of(app: str, count: int, since: float | None = None, log: Path = ACCESS_LOG) -> list[str]:
    """Return an app's last requests, also those before the last rotation of the log."""
    return lines_of(app, _newest_first(log), count, since)


def find_request(app: str, request_id: str, log: Path = ACCESS_LOG) -> str | None:
    """Return the line of one request of an app."""
    lines = (line for line in _newest_first(log) if request_id in line)
    return next((line for line in lines if _is(fields(line), app, request_id)), None)


def _is(entry: dict[str, Any], app: str, request_id: str) -> bool:
    return (entry.get("app"), entry.get("request_id")) == (app, request_id)


def _newest_first(log: Path) -> Iterator[str]:
    files = (log, log.with_name(f"{log.name}.1"))
    return chain.from_iterable(backwards(path) for path in files if path.is_file())
