# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""What the emperor is told, through links in its directory, and what it tells, through its statistics."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from ansible_collections.emperor.flask.plugins.module_utils import layout
from ansible_collections.emperor.flask.plugins.module_utils.files import point_link

# Links of a release to a socket: what was started last, to be checked; and what nginx connects to.
STARTED, SERVING = "started.sock", "uwsgi.sock"
# 1,000 vassals, or 1,000 workers of one, fill a tenth of it.
_MAX_STATS = 8 << 20


class EmperorError(Exception):
    """The emperor does not do what it was told."""


class EmperorDownError(EmperorError):
    """There is no emperor."""


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


def scan() -> dict[str, Any]:
    """Make the emperor look at its directory now, which reading its statistics does, and return them."""
    try:
        return read_stats(layout.EMPEROR_STATS)
    except (ConnectionRefusedError, FileNotFoundError) as error:
        raise EmperorDownError("the emperor does not run; look at: systemctl status flask-emperor") from error
    except (OSError, ValueError) as error:
        raise EmperorError(f"the emperor does not answer ({error}); look at: systemctl status flask-emperor") from error


def socket_of(vassal: str) -> Path:
    """Return the socket that the emperor binds for a vassal."""
    return layout.SOCKETS / f"{vassal}.socket"


def next_vassal(app: str, release: str, last: str | None) -> str:
    """Return a name that the emperor has not seen die: `last` is the name of the release's last start."""
    match = layout.VASSAL_NAME.fullmatch(last) if last else None
    if match is None:
        return f"{app}.{release}"
    return f"{app}.{release}-{int(match['start'] or 1) + 1}"


def serving_vassal(release: Path) -> str | None:
    """Return the vassal that gets a release's traffic."""
    return _vassal_behind(release / SERVING)


def last_vassal(release: Path) -> str | None:
    """Return the vassal that a release was last started as."""
    return _vassal_behind(release / STARTED)


def latest_trace(app: str, release: str) -> str | None:
    """Return the newest vassal of a release that left a link or a socket, when the release cannot tell."""
    found = [match for name in layout.traces_of(app) if (match := layout.VASSAL_NAME.fullmatch(name))]
    starts = {int(match["start"] or 1): match[0] for match in found if match["release"] == release}
    return starts[max(starts)] if starts else None


def _vassal_behind(link: Path) -> str | None:
    return link.readlink().stem if link.is_symlink() else None


def link_of(vassal: str) -> Path:
    """Return the link by which the emperor knows a vassal."""
    return layout.VASSALS / f"{vassal}.ini"


def is_started(vassal: str) -> bool:
    """Tell whether the emperor knows a vassal and has a socket for it."""
    return link_of(vassal).is_symlink() and socket_of(vassal).is_socket()


def start(vassal: str, release: Path, user: str, timeout: float = 10.0) -> bool:
    """Hand a release to the emperor and wait for its socket; return whether anything had to be done."""
    changed = point_link(link_of(vassal), str(release / "vassal.ini"), owner=user)
    changed |= point_link(release / STARTED, str(socket_of(vassal)))

    def bound() -> bool:
        scan()
        return socket_of(vassal).is_socket()

    if not _until(bound, timeout):
        raise EmperorError(
            f"the emperor bound no socket for {vassal} within {timeout:.0f} s; look at: journalctl -u flask-emperor"
        )
    return changed


def dismiss(vassal: str) -> bool:
    """Take a vassal from the emperor, which lets it end its requests; return whether there was one."""
    link = link_of(vassal)
    existed = link.is_symlink()
    link.unlink(missing_ok=True)
    with contextlib.suppress(EmperorDownError):  # vassals end with their emperor
        scan()
    # The emperor leaves the socket of a vassal that is gone behind, and so does the vassal its own.
    existed |= socket_of(vassal).is_socket()
    socket_of(vassal).unlink(missing_ok=True)
    for leftover in sockets_of(vassal):
        existed |= leftover.is_socket()
        with contextlib.suppress(OSError):  # in the app's own folder, where it may make anything of that name
            leftover.unlink()
    return existed


def stop(vassal: str, timeout: float, at_once: bool = False) -> bool:
    """Dismiss a vassal and wait until it has ended, if need be by force; return whether there was one."""
    existed = dismiss(vassal)

    def gone() -> bool:
        try:
            left = [entry for entry in scan()["vassals"] if entry["id"] == f"{vassal}.ini"]
        except EmperorDownError:
            return True
        if left and at_once:
            _kill(left[0]["pid"], left[0]["uid"])
        return not left

    if not _until(gone, timeout):
        raise EmperorError(f"vassal {vassal} did not end within {timeout:.0f} s; look at: journalctl -u flask-emperor")
    return existed


def _kill(master: int, user: int) -> None:
    """Kill a vassal's master and its workers, all of which are the app's; they have no process group of their own."""
    for process in processes_of(master):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{process}").stat().st_uid == user:
                os.kill(process, signal.SIGKILL)


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


def stats_of(vassal: str) -> list[Path]:
    """Return the statistics socket of a vassal, unless another start of its release uses it."""
    return [app.stats(release) for app, release in _sole_release(vassal)]


def sockets_of(vassal: str) -> list[Path]:
    """Return the sockets that a vassal binds by itself, unless another start of its release uses them."""
    told = [path for app, release in _sole_release(vassal) for path in app.tracebackers(release)]
    return [*stats_of(vassal), *told]


def _sole_release(vassal: str) -> list[tuple[layout.AppLayout, str]]:
    """Return the app and the release of a vassal, if it is the only start of that release."""
    match = layout.VASSAL_NAME.fullmatch(vassal)
    if match is None:
        return []
    others = (layout.VASSAL_NAME.fullmatch(name) for name in layout.vassals_of(match["app"]) if name != vassal)
    if any(other and other["release"] == match["release"] for other in others):
        return []
    return [(layout.AppLayout(match["app"]), match["release"])]


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

    return _until(idle, timeout)


def _in_request(worker: dict[str, Any]) -> bool:
    return any(core.get("in_request") for core in worker.get("cores", []))


def _until(condition: Callable[[], bool], timeout: float, pause: float = 0.1) -> bool:
    deadline = monotonic() + timeout
    while not condition():
        if monotonic() > deadline:
            return False
        sleep(pause)
    return True
