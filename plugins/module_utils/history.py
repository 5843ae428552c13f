# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""What has happened to an app: one line of JSON for each activation and each failure."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from ansible_collections.emperor.flask.plugins.module_utils.layout import AppLayout

# Of a history that grows for ever, the end is enough as a rule: some hundred entries.
_TAIL = 1 << 16
# What an app says may be the reason of a failure, at any length.
_LONGEST_REASON = 500

ACTIVATED, ROLLED_BACK, FAILED, REMOVED = "activated", "rolled back", "failed", "removed"


def now() -> str:
    """Return the time of an entry."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def record(layout: AppLayout, entry: Mapping[str, Any]) -> None:
    """Append a line; one write, so that lines never mix. Raises OSError."""
    why = {"why": str(entry["why"])[:_LONGEST_REASON]} if "why" in entry else {}
    line = (json.dumps({"time": now(), **entry, **why}) + "\n").encode("ascii")
    handle = os.open(layout.history, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        size = os.fstat(handle).st_size
        if size and os.pread(handle, 1, size - 1) != b"\n":
            # The disk was full in the middle of the last entry.
            line = b"\n" + line
        if os.write(handle, line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(layout.history))
        os.fsync(handle)
    finally:
        os.close(handle)


def read(layout: AppLayout, size: int = -1) -> list[dict[str, Any]]:
    """Return the entries in the last `size` bytes, or all, the oldest first; a line that is cut off is left out."""
    try:
        with layout.history.open("rb") as file:
            if size >= 0:
                file.seek(max(file.seek(0, os.SEEK_END) - size, 0))
            lines = file.read()
    except FileNotFoundError:
        return []
    found = []
    for line in lines.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            found.append(entry)
    return found


def last_live(layout: AppLayout) -> str | None:
    """Return the release that was activated last, as far as anybody wrote it down."""
    # At its end may be failures alone.
    found = went_live(read(layout, _TAIL)) or went_live(read(layout))
    return next(iter(found), None)


def went_live(entries: list[dict[str, Any]]) -> list[str]:
    """Return the releases that ever got traffic, each once, the last activated first."""
    live = [entry.get("release", "") for entry in reversed(entries) if entry.get("result") in (ACTIVATED, ROLLED_BACK)]
    return [release for release in dict.fromkeys(live) if release]
