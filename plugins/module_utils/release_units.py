# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Runs releases as units of systemd: a service with a file of its own, and a socket that systemd binds for it.

The socket's file is one for all, from the role uwsgi. systemd starts the service on the first connection, as the
emperor does with its vassals, and holds the socket while there is none.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from ansible_collections.emperor.flask.plugins.module_utils import layout, units
from ansible_collections.emperor.flask.plugins.module_utils.files import (
    differs,
    make_directory,
    point_link,
    write_file,
)
from ansible_collections.emperor.flask.plugins.module_utils.layout import RELEASE_UNIT, UNIT_FILE
from ansible_collections.emperor.flask.plugins.module_utils.provisioned import need
from ansible_collections.emperor.flask.plugins.module_utils.vassals import (
    STARTED,
    RunError,
    View,
    connections,
    remove_sockets_of,
    socket_of,
    sockets_of,
    until,
)

_SOCKET_TEMPLATE = f"{RELEASE_UNIT}.socket"
# Seconds that a service which has nothing in flight takes to end; one that takes longer ends by itself.
_PATIENCE = 5.0
# Not by a shell: systemd would take its `$1` for a variable of its own.
_END = """
import os, subprocess, sys
subprocess.run(["systemctl", "stop", *sys.argv[1:3]], check=False)
for path in sys.argv[3:]:
    try:
        os.unlink(path)
    except OSError:
        pass  # gone already, or something that the app made of that name
"""


class UnitError(RunError):
    """systemd does not do what it was told."""


def service_of(vassal: str) -> str:
    """Return the name of the service that runs a vassal."""
    return f"{RELEASE_UNIT}{vassal}.service"


def file_of(vassal: str) -> Path:
    """Return the file of a vassal's service."""
    return layout.UNITS / service_of(vassal)


def wish_of(vassal: str) -> Path:
    """Return the link by which systemd binds a vassal's socket when the host starts."""
    return layout.release_sockets() / _socket_unit(vassal)


def knows(vassal: str) -> bool:
    """Tell whether anything is left of a vassal here."""
    return file_of(vassal).is_file() or wish_of(vassal).is_symlink()


def is_started(vassal: str) -> bool:
    """Tell whether systemd has a service and a socket for a vassal."""
    return file_of(vassal).is_file() and wish_of(vassal).is_symlink() and socket_of(vassal).is_socket()


def start(vassal: str, release: Path, _user: str, _timeout: float) -> bool:
    """Give systemd the files of a release and let it bind the socket; return whether anything had to be done.

    Raises UnitError, and NotProvisionedError before anything is done.
    """
    need(layout.UNITS / _SOCKET_TEMPLATE, layout.release_sandbox())
    changed = not is_started(vassal)
    content = (release / UNIT_FILE).read_bytes()
    if _is_changed(vassal, content):
        write_file(file_of(vassal), content, "root", "root", 0o644)
        changed = True
    make_directory(layout.release_sockets())
    changed |= point_link(wish_of(vassal), f"../{_SOCKET_TEMPLATE}")
    changed |= point_link(release / STARTED, str(socket_of(vassal)))
    done = _systemctl("start", _socket_unit(vassal))
    if done.returncode != 0 or not socket_of(vassal).is_socket():
        why = done.stderr.strip() or "there is none"
        raise UnitError(
            f"systemd bound no socket for {vassal}: {why}; look at: systemctl status {_socket_unit(vassal)}"
        )
    return changed


def drain(vassal: str, timeout: float) -> None:
    """Wait until nobody is connected to a vassal's socket, twice in a row, for `timeout` seconds at most."""
    calm = 0

    def idle() -> bool:
        nonlocal calm
        calm = 0 if connections(socket_of(vassal)) else calm + 1
        return calm >= 2

    until(idle, timeout)


def dismiss(vassal: str) -> bool:
    """Let a vassal end its requests and go; return whether there was one."""
    existed = knows(vassal) or socket_of(vassal).is_socket()
    # First, or the next connection would start the service again.
    _systemctl("stop", _socket_unit(vassal))
    _systemctl("stop", "--no-block", service_of(vassal))
    # Without its file, systemd would know no time limit of its.
    until(lambda: not _runs(vassal), _PATIENCE)
    for path in (wish_of(vassal), file_of(vassal), socket_of(vassal)):
        path.unlink(missing_ok=True)
    remove_sockets_of(vassal)
    # One that has failed would be remembered without its file.
    _systemctl("reset-failed", service_of(vassal), _socket_unit(vassal))
    return existed


def stop(vassal: str, timeout: float, at_once: bool = False) -> bool:
    """Dismiss a vassal and wait until it has ended, if need be by force; return whether there was one."""
    if at_once:
        _systemctl("stop", _socket_unit(vassal))
        _systemctl("kill", "--signal=KILL", service_of(vassal))
    existed = dismiss(vassal)
    if not until(lambda: not _runs(vassal), timeout):
        service = service_of(vassal)
        raise UnitError(f"{service} did not end within {timeout:.0f} s; look at: journalctl --unit={service}")
    return existed


def ending(vassal: str, mark: Path) -> list[str]:
    """Return the command that ends a vassal and removes a file."""
    gone = [wish_of(vassal), file_of(vassal), socket_of(vassal), *sockets_of(vassal), mark]
    return ["/usr/bin/python3", "-I", "-c", _END, _socket_unit(vassal), service_of(vassal), *map(str, gone)]


def flaw(vassal: str, release: Path, _user: str) -> str:
    """Return what differs from how a vassal was started, or an empty text."""
    if not is_started(vassal):
        return f"{service_of(vassal)} has no file or no socket"
    by_hand = str(wish_of(vassal).readlink()) != f"../{_SOCKET_TEMPLATE}"
    try:
        by_hand |= _is_changed(vassal, (release / UNIT_FILE).read_bytes())
    except OSError:
        by_hand = True
    return f"{service_of(vassal)} was changed by hand" if by_hand else ""


def views() -> dict[str, View]:
    """Return how systemd sees each vassal that it runs. Raises UnitError."""
    services = {service_of(vassal): vassal for vassal in layout.release_units()}
    try:
        found = units.show(services)
    except OSError as error:
        raise UnitError(str(error)) from error
    return {vassal: _view(found[service]) for service, vassal in services.items()}


def unknown(vassal: str) -> View:
    """Return the view of a vassal that systemd does not know."""
    return View(0, 0, f"systemd has no {service_of(vassal)}", "run again")


def _view(unit: units.Unit) -> View:
    pid = int(unit["MainPID"] or 0)
    running = f"pid {pid}" if pid else "no process"
    words = ", ".join(filter(None, (f"systemd sees: {running}", f"{unit.restarts} restarts", unit.cause)))
    return View(pid, unit.restarts, words, f"look at: journalctl --unit={unit.name}")


def _socket_unit(vassal: str) -> str:
    return f"{RELEASE_UNIT}{vassal}.socket"


def _is_changed(vassal: str, content: bytes) -> bool:
    file = file_of(vassal)
    return differs(file, "root", "root", 0o644) or file.read_bytes() != content


def _runs(vassal: str) -> bool:
    state = _systemctl("show", "--property=ActiveState", "--value", service_of(vassal)).stdout.strip()
    return state in ("active", "activating", "deactivating", "reloading")


def _systemctl(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemctl", *arguments], capture_output=True, text=True, check=False)
