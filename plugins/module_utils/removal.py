# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""What goes when an app is removed, and what stays. Exact names only: `web` never reaches `web2`."""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep

from ansible_collections.emperor.flask.plugins.module_utils import certificates, layout, runners, warm
from ansible_collections.emperor.flask.plugins.module_utils.files import remove_tree, user_id
from ansible_collections.emperor.flask.plugins.module_utils.layout import APP_NAME, AppLayout
from ansible_collections.emperor.flask.plugins.module_utils.retirement import end, prune
from ansible_collections.emperor.flask.plugins.module_utils.vassals import RunError
from ansible_collections.emperor.flask.plugins.module_utils.virtualenvs import MARKER_SUFFIX

# Seconds that a process gets to end by itself once nobody asks it anything.
_END_TIMEOUT = 10.0


@dataclass(frozen=True)
class Removal:
    """What there is to remove: nginx's files, systemd's units, vassals, all else on disk, accounts; and what stays."""

    files: list[Path] = field(default_factory=list)
    units: list[str] = field(default_factory=list)
    vassals: list[str] = field(default_factory=list)
    releases: list[Path] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Return all that goes, in the order in which it goes."""
        return [
            *map(str, self.files),
            *(f"unit {name}" for name in self.units),
            *(f"vassal {name}" for name in self.vassals),
            *map(str, self.releases),
            *map(str, self.paths),
            *(f"user {name}" for name in self.users),
        ]


def find(app: AppLayout, purge: bool) -> Removal:
    """Look what there is of an app. Its data, its history and the user that they belong to go with `purge` alone."""
    data = [path for path in (app.shared, app.history) if _exists(path)]
    virtualenvs = [path for path in _below(app.virtualenvs) if path.suffix != MARKER_SUFFIX]
    releases = [*_below(app.releases), *virtualenvs]
    folders = [certificates.link_of(app.name), app.listener, app.current, app.releases, app.virtualenvs, app.repository]
    folders += [app.root / "run", app.temporary, app.cache]
    # With the user gone, its number would go to the next app, and the data with it.
    kept_user = [app.user] if not purge and user_id(app.user) is not None else []
    users = [app.builder, *([app.user] if purge else [])]
    return Removal(
        files=[
            *([app.site] if _is_site(app) else []),
            *filter(_exists, (*app.mounted, app.redirect, *app.maintenance)),
        ],
        units=layout.units_of(app.name),
        vassals=layout.traces_of(app.name),
        releases=releases,
        paths=[path for path in [*folders, *([app.root] if purge else [])] if _exists(path)],
        users=[name for name in users if user_id(name) is not None],
        kept=[] if purge else [*map(str, data), *(f"user {name}" for name in kept_user)],
    )


def is_here(app: AppLayout) -> bool:
    """Tell whether there is anything of an app on the host; a folder or a file of another kind is none."""
    parts = (app.current, app.releases, app.shared, app.history)
    return (
        _is_site(app)
        or any(map(_exists, parts))
        or bool(layout.units_of(app.name) or layout.traces_of(app.name))
        or any(user_id(name) is not None for name in (app.user, app.builder))
    )


def apps_with_traces() -> list[str]:
    """Return the names of all apps of which there is a folder or a site here."""
    names = [entry.name for entry in layout.APPS_ROOT.iterdir()] if layout.APPS_ROOT.is_dir() else []
    if layout.SITES.is_dir():
        names += [entry.stem for entry in layout.SITES.glob("*.conf")]
    return sorted({name for name in names if APP_NAME.fullmatch(name) and is_here(AppLayout(name))})


def _is_site(app: AppLayout) -> bool:
    try:
        return f"# Role flask_app, app {app.name}" in app.site.read_text(encoding="utf-8").splitlines()[:2]
    except (OSError, ValueError):
        return False


def stop(vassals: list[str], drain_timeout: int) -> None:
    """Let requests in flight end, then the vassals, by force if need be. Raises RunError."""
    for name in vassals:
        warm.forget(name)
    end(vassals, drain_timeout)
    for name in vassals:
        _wait_for_the_end(name)


def _wait_for_the_end(vassal: str) -> None:
    runner = runners.of_vassal(vassal)
    try:
        runner.stop(vassal, _END_TIMEOUT)
    except RunError:
        runner.stop(vassal, _END_TIMEOUT, at_once=True)


def end_processes(user: str) -> None:
    """End whatever else runs as a user, such as a command of an operator."""
    uid = user_id(user)
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = monotonic() + _END_TIMEOUT
        while uid and (left := _processes_of(uid)) and monotonic() < deadline:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            sleep(0.2)


def _processes_of(uid: int) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # A zombie is nobody's to end; whoever started it will.
            state = (folder / "stat").read_text(encoding="latin-1").rpartition(")")[2].split()[0]
            if folder.stat().st_uid == uid and state != "Z":
                found.append(int(folder.name))
    return found


def clear(removal: Removal) -> None:
    """Remove what is on disk; a release loses first what makes it complete."""
    prune(removal.releases)
    for path in removal.paths:
        remove_tree(path)


def _exists(path: Path) -> bool:
    return path.is_symlink() or path.exists()


def _below(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []
