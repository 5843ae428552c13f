# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""What systemd runs for apps beside requests: a service for each daemon, a service and a timer for each schedule."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.emperor.flask.plugins.module_utils import layout, vassals
from ansible_collections.emperor.flask.plugins.module_utils.layout import AppLayout

# When a timer went off last, which outlives boots; one that comes back shall not make up for what it never missed.
_STAMPS = Path("/var/lib/systemd/timers")
# What starts a unit at a boot.
_WANTS = {"service": "multi-user.target.wants", "timer": "timers.target.wants"}
# What all units of apps share, by the role uwsgi.
SHARED = "flask-app-.service.d/sandbox.conf"
_PROPERTIES = (
    "Id", "LoadState", "ActiveState", "UnitFileState", "NeedDaemonReload", "ActiveEnterTimestampMonotonic",
    "MainPID", "Result", "NRestarts", "ExecMainStartTimestampMonotonic", "ExecMainCode", "ExecMainStatus",
    "LastTriggerUSec", "NextElapseUSecRealtime",
)  # fmt: skip
_KILLED = ("2", "3")
# Seconds after which a daemon that was started again counts as up.
_STEADY = 10.0
_MOMENT = re.compile(r"\w+ (\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(\.\d+)? UTC")


@dataclass(frozen=True)
class Unit:
    """What systemd says of a unit, each property as it prints it."""

    name: str
    properties: Mapping[str, str]

    def __getitem__(self, key: str) -> str:
        return self.properties.get(key, "")

    @property
    def is_active(self) -> bool:
        return self["ActiveState"] in ("active", "reloading")

    @property
    def is_running(self) -> bool:
        """Tell whether it is at work, or systemd about to start it again."""
        return self.is_active or self["ActiveState"] == "activating"

    @property
    def restarts(self) -> int:
        return int(self["NRestarts"] or 0)

    @property
    def stays_up(self) -> bool:
        """Tell whether it is at work, and has not only just been started again."""
        started = self.since("ExecMainStart") or 0.0
        return self.is_active and (self.restarts == 0 or time.time() - started > _STEADY)

    @property
    def work(self) -> str:
        """Return what a person calls it, such as `daemon mails`."""
        match = layout.UNIT_NAME.fullmatch(self.name)
        kind = "cron" if self.name.endswith(".timer") else "daemon"
        return f"{kind} {match['work']}" if match else self.name

    @property
    def cause(self) -> str:
        """Return how its process ended last, if that was bad."""
        if self["Result"] in ("", "success"):
            return ""
        if self["Result"] == "timeout":
            return "took too long"
        status = self["ExecMainStatus"]
        if self["ExecMainCode"] in _KILLED and status.isdigit():
            return f"was ended by {_signal_name(int(status))}"
        return f"ended with {status}" if self["Result"] == "exit-code" else f"failed: {self['Result']}"

    @property
    def flaw(self) -> str:
        """Return why it does not stay up; while it is being started again, its last end is forgotten."""
        again = f"was started again {self.restarts} times" if self.restarts else ""
        return self.cause or again or f"is {self['ActiveState'] or 'unknown'}"

    def since(self, key: str) -> float | None:
        """Return a moment of the monotonic clock in seconds since 1970; None for never.

        The other form of it, by the clock on the wall, is wrong if that was set meanwhile, as after a boot.
        """
        microseconds = int(self[f"{key}TimestampMonotonic"] or 0)
        return time.time() - (time.monotonic() - microseconds / 1e6) if microseconds else None

    def moment(self, key: str) -> str | None:
        """Return a time that systemd has printed, as ISO 8601; None for never."""
        match = _MOMENT.fullmatch(self[key])
        return f"{match[1]}T{match[2]}+00:00" if match else None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def show(names: Iterable[str]) -> dict[str, Unit]:
    """Ask systemd for all units at once. Raises OSError."""
    wanted = list(names)
    if not wanted:
        return {}
    answer = _systemctl("show", f"--property={','.join(_PROPERTIES)}", "--timestamp=us+utc", "--", *wanted)
    found = {}
    for block in answer.split("\n\n"):
        pairs = (line.partition("=") for line in block.splitlines())
        properties = {key: value for key, _, value in pairs}
        if "Id" in properties:
            found[properties["Id"]] = Unit(properties["Id"], properties)
    return {name: found.get(name, Unit(name, {})) for name in wanted}


def kinds(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the daemons, and the timers; the service of a timer is started by it alone."""
    known = set(names)
    timers = sorted(name for name in known if name.endswith(".timer"))
    scheduled = {f"{name.removesuffix('.timer')}.service" for name in timers}
    return sorted(known - scheduled - set(timers)), timers


def switched(app: AppLayout) -> float:
    """Return when traffic moved last: to another release, or to another vassal of the same."""
    return last_change(app.current, vassals.serving_link(app.current))


def is_outdated(unit: Unit, app: AppLayout) -> bool:
    """Tell whether a unit that runs was started before what it was started from has changed."""
    file = layout.UNITS / unit.name
    if unit.name.endswith(".timer"):
        started, changed = unit.since("ActiveEnter"), last_change(file)
    else:
        started = unit.since("ExecMainStart")
        changed = max(switched(app), last_change(file, layout.UNITS / SHARED))
    return started is not None and started < changed


def last_change(*paths: Path) -> float:
    """Return when one of the files was last written or renamed, in seconds since 1970; 0 if there is none."""
    found = [0.0]
    for path in paths:
        with contextlib.suppress(OSError):
            # Of a link itself. Not st_mtime, which a rename leaves as it was.
            found.append(path.lstat().st_ctime)
    return max(found)


def reload() -> None:
    """Make systemd read its files. Raises OSError."""
    _systemctl("daemon-reload")


def enable(names: Sequence[str]) -> None:
    """Let units start with the host. Raises OSError."""
    if names:
        _systemctl("enable", "--quiet", "--", *names)


def restart(names: Sequence[str]) -> None:
    """Stop and start units, all at the same time; one that does not start is told by its state."""
    if names:
        subprocess.run(["systemctl", "restart", "--", *names], capture_output=True, check=False)


def former_daemons(names: Iterable[str]) -> list[str]:
    """Return the services of timers that still start with the host, as those of daemons do."""
    known = list(names)
    daemons, _ = kinds(known)
    return [name for name in known if name not in daemons and _wants(name).is_symlink() and name.endswith(".service")]


def stop(names: Sequence[str]) -> None:
    """Stop units as gently as they want it, now and for the host's next start. Raises OSError."""
    if names:
        _systemctl("stop", "--", *names)
    for name in names:
        _wants(name).unlink(missing_ok=True)


def _wants(name: str) -> Path:
    return layout.UNITS / _WANTS[name.rpartition(".")[2]] / name


def remove(names: Sequence[str]) -> None:
    """Stop units and take all of them away. Raises OSError."""
    if not names:
        return
    # While systemd knows their files: without, it knows no time limit of theirs. Timers first, so that nothing
    # is started anew.
    for kind in ("timer", "service"):
        stop([name for name in names if name.endswith(f".{kind}")])
    for name in names:
        (layout.UNITS / name).unlink(missing_ok=True)
        (_STAMPS / f"stamp-{name}").unlink(missing_ok=True)
    reload()
    # One that has failed would be remembered without its file.
    subprocess.run(["systemctl", "reset-failed", "--", *names], capture_output=True, check=False)


def refused_schedules(schedules: Iterable[str]) -> dict[str, str]:
    """Return the schedules that systemd does not understand, each with its words. Raises OSError."""
    chosen = sorted(set(schedules))
    # One question, as a rule.
    if not chosen or not _refusal(chosen):
        return {}
    return {schedule: why for schedule in chosen if (why := _refusal([schedule]))}


def _refusal(schedules: Sequence[str]) -> str:
    command = ["systemd-analyze", "calendar", "--", *schedules]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stderr.strip() or f"it ended with {done.returncode}") if done.returncode else ""


def _systemctl(*arguments: str) -> str:
    done = subprocess.run(["systemctl", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"systemctl {arguments[0]}: {done.stderr.strip() or f'it ended with {done.returncode}'}")
    return done.stdout
