# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""What is started of a release, whoever runs it: its name, its sockets, the links to them, what it says of itself."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from ansible_collections.emperor.flask.plugins.module_utils import layout, servers

# Link of a release to the socket that was started last, to be checked; what nginx connects to is its server's.
STARTED = "started.sock"
# 1,000 vassals, or 1,000 workers of one, fill a tenth of it.
_MAX_STATS = 8 << 20
# A row of /proc/net/unix, as the kernel writes it: address, references, protocol, flags, type (a stream), state (not
# accepted yet, or accepted), inode in five places or more, name.
_CONNECTION = rb"[0-9a-f]{%d}: [0-9A-F]{8} [0-9A-F]{8} [0-9A-F]{8} 0001 0[23] (?=[ 0-9]{5}) *[0-9]+ %b"


class RunError(Exception):
    """What runs releases does not do what it was told."""


@dataclass(frozen=True)
class View:
    """How what runs a vassal sees it: its first process (0 for none), how often it was started again, a sentence.

    `advice` is what to do if nothing else says that.
    """

    pid: int
    restarts: int
    words: str
    advice: str = ""


def next_vassal(app: str, release: str, last: str | None) -> str:
    """Return a name that the emperor has not seen die: `last` is the name of the release's last start."""
    match = layout.VASSAL_NAME.fullmatch(last) if last else None
    if match is None:
        return f"{app}.{release}"
    return f"{app}.{release}-{int(match['start'] or 1) + 1}"


def socket_of(vassal: str) -> Path:
    """Return the socket of a vassal, which the emperor binds, or systemd for one in a unit of its own."""
    return layout.SOCKETS / f"{vassal}.socket"


def serving_link(release: Path) -> Path:
    """Return the link of a release that nginx connects to."""
    return release / servers.of_release(release).link


def serving_vassal(release: Path) -> str | None:
    """Return the vassal that gets a release's traffic."""
    return _vassal_behind(serving_link(release))


def last_vassal(release: Path) -> str | None:
    """Return the vassal that a release was last started as."""
    return _vassal_behind(release / STARTED)


def _vassal_behind(link: Path) -> str | None:
    return link.readlink().stem if link.is_symlink() else None


def latest_trace(app: str, release: str) -> str | None:
    """Return the newest vassal of a release that left a link or a socket, when the release cannot tell."""
    found = [match for name in layout.traces_of(app) if (match := layout.VASSAL_NAME.fullmatch(name))]
    starts = {int(match["start"] or 1): match[0] for match in found if match["release"] == release}
    return starts[max(starts)] if starts else None


def stats_of(vassal: str) -> list[Path]:
    """Return the statistics socket of a vassal, unless another start of its release uses it."""
    return [app.stats(release) for app, release in _sole_release(vassal)]


def sockets_of(vassal: str) -> list[Path]:
    """Return the sockets that a vassal binds by itself, unless another start of its release uses them."""
    told = [path for app, release in _sole_release(vassal) for path in app.tracebackers(release)]
    return [*stats_of(vassal), *told]


def remove_sockets_of(vassal: str) -> bool:
    """Remove the sockets that a vassal has bound by itself; return whether there was any."""
    existed = False
    for leftover in sockets_of(vassal):
        existed |= leftover.is_socket()
        with contextlib.suppress(OSError):  # in the app's own folder, where it may make anything of that name
            leftover.unlink()
    return existed


def _sole_release(vassal: str) -> list[tuple[layout.AppLayout, str]]:
    """Return the app and the release of a vassal, if it is the only start of that release."""
    match = layout.VASSAL_NAME.fullmatch(vassal)
    if match is None:
        return []
    others = (layout.VASSAL_NAME.fullmatch(name) for name in layout.vassals_of(match["app"]) if name != vassal)
    if any(other and other["release"] == match["release"] for other in others):
        return []
    return [(layout.AppLayout(match["app"]), match["release"])]


def read_stats(path: Path, timeout: float = 5.0) -> dict[str, Any]:
    """Return what a uWSGI statistics socket says. Raises OSError or ValueError.

    The socket of a vassal is the app's, which may send anything for ever: so one limit for the whole time
    and one for the size.
    """
    deadline = monotonic() + timeout
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        connection.connect(str(path))
        data = b""
        while block := connection.recv(65536):
            data += block
            if len(data) > _MAX_STATS or monotonic() > deadline:
                raise ValueError(f"{path} sends more than statistics")
    try:
        stats = json.loads(data)
    except RecursionError as error:
        raise ValueError(f"{path} sends no statistics") from error
    if not isinstance(stats, dict):
        raise ValueError(f"{path} sends no statistics")
    return stats


def wait_idle(stats: Path, timeout: float) -> bool:
    """Wait until no worker is busy and nobody queues, twice in a row; return whether that came in time."""
    calm = 0

    def idle() -> bool:
        nonlocal calm
        try:
            state = read_stats(stats)
            # `busy` also covers a worker with several threads of which one is at work.
            busy = any(worker["status"] == "busy" or _in_request(worker) for worker in state["workers"])
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return True  # no process, so nothing in flight; or an app that answers for uWSGI
        calm = 0 if busy or state.get("listen_queue") else calm + 1
        return calm >= 2

    return until(idle, timeout)


def _in_request(worker: dict[str, Any]) -> bool:
    return any(core.get("in_request") for core in worker.get("cores", []))


def connections(socket_path: Path, table: Path = Path("/proc/net/unix")) -> int:
    """Return how many are connected to a socket, or wait for that; the kernel tells, not the app."""
    # The names in there are as whoever bound them wrote them, with ends of lines; all else of a row is the kernel's. So
    # a false row must stand within one name, two do not make one. It takes 60 bytes besides the path, of which the
    # shortest of ours has 48; a name without a file has 107 at most. What is left: that of a file has 108, enough for a
    # row of an app whose name is one letter. It would prolong a wait, and show one request too many.
    _heading, *rows = table.read_bytes().split(b"\n")
    # As wide as a pointer of this kernel is.
    address = rows[0].find(b":") if rows else -1
    if address <= 0:
        return 0
    # Each connection stands there with the socket's name, besides the socket itself.
    row = re.compile(_CONNECTION % (address, re.escape(os.fsencode(socket_path))))
    return sum(row.fullmatch(line) is not None for line in rows)


def processes_of(master: int) -> list[int]:
    """Return a vassal's master and its workers."""
    if master < 2:
        # Is no vassal: one that sleeps is told as -1, which to kill means everybody.
        return []
    return [master, *(int(path.name) for path in Path("/proc").glob("[0-9]*") if _parent(path) == master)]


def _parent(process: Path) -> int | None:
    try:
        # After the name, which stands in brackets and may hold anything.
        return int((process / "stat").read_text(encoding="latin-1").rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return None


def until(condition: Callable[[], bool], timeout: float, pause: float = 0.1) -> bool:
    deadline = monotonic() + timeout
    while not condition():
        if monotonic() > deadline:
            return False
        sleep(pause)
    return True
