# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Reads nginx's access log from its end, for one app."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

ACCESS_LOG = Path("/var/log/nginx/access.log")
# As nginx.conf has it: nothing before the app's name can be forged by a visitor.
_LINE = re.compile(r"\S+ \[(?P<time>[^\]]+)\] app=(?P<app>\S+) ")
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


def lines_of(app: str, lines: Iterable[str], count: int, since: float | None = None) -> list[str]:
    """Return the last lines of exactly this app, the oldest first; the lines come the newest first."""
    found: deque[str] = deque()
    for line in lines:
        match = _LINE.match(line)
        if match is None:
            continue
        if since is not None and _is_before(match["time"], since):
            break
        if match["app"] == app:
            found.appendleft(line)
            if len(found) >= count:
                break
    return list(found)


def _is_before(time: str, since: float) -> bool:
    try:
        return datetime.fromisoformat(time).timestamp() < since
    except ValueError:
        return False


def requests_of(app: str, count: int, since: float | None = None, log: Path = ACCESS_LOG) -> list[str]:
    """Return an app's last requests, also those before the last rotation of the log."""
    found: list[str] = []
    for path in (log, log.with_name(f"{log.name}.1")):
        if len(found) < count and path.is_file():
            found = [*lines_of(app, backwards(path), count - len(found), since), *found]
    return found
