# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Runs releases as vassals of the emperor: what it is told, through links in its directory, and what it tells."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.emperor.flask.plugins.module_utils import layout
from ansible_collections.emperor.flask.plugins.module_utils.files import point_link, user_id
from ansible_collections.emperor.flask.plugins.module_utils.vassals import (
    STARTED,
    RunError,
    View,
    processes_of,
    read_stats,
    remove_sockets_of,
    socket_of,
    sockets_of,
    stats_of,
    until,
    wait_idle,
)

_STILL_LOADED = "the app is still being loaded; give it more time with health.timeout, or make its import shorter"
_GIVEN_UP = "the emperor has given it up; look at: journalctl -u flask-emperor"


class EmperorError(RunError):
    """The emperor does not do what it was told."""


class EmperorDownError(EmperorError):
    """There is no emperor."""


def scan() -> dict[str, Any]:
    """Make the emperor look at its directory now, which reading its statistics does, and return them."""
    try:
        return read_stats(layout.EMPEROR_STATS)
    except (ConnectionRefusedError, FileNotFoundError) as error:
        raise EmperorDownError("the emperor does not run; look at: systemctl status flask-emperor") from error
    except (OSError, ValueError) as error:
        raise EmperorError(f"the emperor does not answer ({error}); look at: systemctl status flask-emperor") from error


def link_of(vassal: str) -> Path:
    """Return the link by which the emperor knows a vassal."""
    return layout.VASSALS / f"{vassal}.ini"


def is_started(vassal: str) -> bool:
    """Tell whether the emperor knows a vassal and has a socket for it."""
    return link_of(vassal).is_symlink() and socket_of(vassal).is_socket()


def start(vassal: str, release: Path, user: str, timeout: float = 10.0) -> bool:
    """Hand a release to the emperor and wait for its socket; return whether anything had to be done."""
    changed = point_link(link_of(vassal), str(release / layout.VASSAL_FILE), owner=user)
    changed |= point_link(release / STARTED, str(socket_of(vassal)))

    def bound() -> bool:
        scan()
        return socket_of(vassal).is_socket()

    if not until(bound, timeout):
        raise EmperorError(
            f"the emperor bound no socket for {vassal} within {timeout:.0f} s; look at: journalctl -u flask-emperor"
        )
    return changed


def drain(vassal: str, timeout: float) -> None:
    """Wait until a vassal has no request in flight, for `timeout` seconds at most."""
    # After a restart they are those of the new vassal, which has all the traffic and is never idle.
    for stats in stats_of(vassal):
        wait_idle(stats, timeout)


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
    return remove_sockets_of(vassal) or existed


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

    if not until(gone, timeout):
        raise EmperorError(f"vassal {vassal} did not end within {timeout:.0f} s; look at: journalctl -u flask-emperor")
    return existed


def _kill(master: int, user: int) -> None:
    """Kill a vassal's master and its workers, all of which are the app's; they have no process group of their own."""
    for process in processes_of(master):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{process}").stat().st_uid == user:
                os.kill(process, signal.SIGKILL)


def ending(vassal: str, mark: Path) -> list[str]:
    """Return the command that ends a vassal and removes a file: the emperor sees what is gone."""
    return ["rm", "-f", "--", *map(str, [link_of(vassal), socket_of(vassal), *sockets_of(vassal), mark])]


def flaw(vassal: str, release: Path, user: str) -> str:
    """Return what differs from how a vassal was started, or an empty text."""
    if not is_started(vassal):
        return f"vassal {vassal} has no link or no socket"
    link = link_of(vassal)
    if str(link.readlink()) != str(release / layout.VASSAL_FILE) or link.lstat().st_uid != user_id(user):
        return f"vassal {vassal} was changed by hand"
    return ""


def views() -> dict[str, View]:
    """Return how the emperor sees each of its vassals. Raises EmperorError."""
    stats = scan()
    cursed = {entry.get("id") for entry in stats.get("blacklist", [])}
    known = {entry["id"]: entry for entry in stats.get("vassals", [])}
    return {
        name.removesuffix(".ini"): _view(known.get(name, {}), name in cursed)
        for name in {*known, *cursed}
        if isinstance(name, str)
    }


def unknown(_vassal: str) -> View:
    """Return the view of a vassal that the emperor does not know."""
    return View(0, 0, "the emperor does not know the vassal", _GIVEN_UP)


def _view(entry: Mapping[str, Any], cursed: bool) -> View:
    pid, restarts = max(int(entry.get("pid", 0)), 0), int(entry.get("respawns", 0))
    if cursed:
        return View(pid, restarts, "the emperor has blacklisted the vassal: it died young")
    running = f"pid {pid}" if pid else "no process"
    loaded = "app loaded" if entry.get("ready") else "app not loaded yet"
    advice = _STILL_LOADED if pid and not entry.get("ready") else ""
    return View(pid, restarts, f"the emperor sees: {running}, {loaded}, {restarts} restarts", advice)
