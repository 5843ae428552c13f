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
# Characters; the journal's own limit for a line that was printed is thrice that, for one that was sent there is none.
_LONGEST = 16 << 10


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
    """Return the lines that `journalctl --output=json` has printed, but for those that cannot be read."""
    return [entry for line in output.split("\n") if (entry := _entry(line)) is not None]


def _entry(line: str) -> Entry | None:
    try:
        raw = json.loads(line)
        return Entry(
            time=int(text_of(raw.get("__REALTIME_TIMESTAMP")) or 0) / 1e6,
            pid=text_of(raw.get("_PID")),
            name=text_of(raw.get("SYSLOG_IDENTIFIER")),
            message=text_of(raw.get("MESSAGE")),
        )
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def text_of(value: object) -> str:
    """Return a field of an entry, the last 16,384 characters of it.

    It comes as a text; as a list of its bytes, if it is not printable or no UTF-8; as a list of those, if an app that
    writes to the journal itself has sent several; as nothing, if it is too long for journalctl. Raises TypeError or
    ValueError for a list of anything else.
    """
    if not isinstance(value, list):
        return value[-_LONGEST:] if isinstance(value, str) else ""
    if all(isinstance(part, int) for part in value):
        return bytes(value[-_LONGEST:]).decode("utf-8", "replace")
    if not all(part is None or isinstance(part, (str, list)) for part in value):
        raise TypeError("no field of the journal has such parts")
    # Each is one character, or the end of a line, at least.
    return "\n".join(map(text_of, value[-_LONGEST:]))[-_LONGEST:]


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
