# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""What the journal has of a request.

uWSGI writes a line for a request that failed or took long (`log-format` of the vassal's file). It bears the id, and
the journal knows which worker wrote it, and when; what that worker wrote while the request ran belongs to it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

# The journal notes when it has read a line, which may be later than it was written.
_LATE = 0.1


@dataclass(frozen=True)
class Entry:
    """A line of the journal; the time in seconds since 1970."""

    time: float
    pid: str
    name: str
    message: str

    def __str__(self) -> str:
        when = datetime.fromtimestamp(self.time).astimezone().isoformat(timespec="seconds")
        return f"{when} {self.name}[{self.pid}]: {self.message}"


def entries(output: str) -> list[Entry]:
    """Return the lines that `journalctl --output=json` has printed."""
    return [_entry(json.loads(line)) for line in output.splitlines() if line]


def _entry(raw: dict[str, object]) -> Entry:
    return Entry(
        time=int(_text(raw.get("__REALTIME_TIMESTAMP")) or 0) / 1e6,
        pid=_text(raw.get("_PID")),
        name=_text(raw.get("SYSLOG_IDENTIFIER")),
        message=_text(raw.get("MESSAGE")),
    )


def _text(value: object) -> str:
    # A text that is not printable, or no UTF-8, comes as a list of its bytes.
    if isinstance(value, list):
        return bytes(value).decode("utf-8", "replace")
    return value if isinstance(value, str) else ""


def lines_of_request(request_id: str, written: Sequence[Entry]) -> list[Entry]:
    """Return what bears the id, and what the worker that answered wrote meanwhile, if uWSGI has noted it."""
    answered = re.compile(rf"request {request_id}: status \d+, (?P<milliseconds>\d+) ms")
    spans = [
        (entry.pid, entry.time - int(match["milliseconds"]) / 1000 - _LATE, entry.time)
        for entry in written
        if (match := answered.fullmatch(entry.message))
    ]
    return [entry for entry in written if request_id in entry.message or _is_within(entry, spans)]


def _is_within(entry: Entry, spans: Iterable[tuple[str, float, float]]) -> bool:
    return any(entry.pid == pid and begin <= entry.time <= end for pid, begin, end in spans)
