# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Where everything of an app is on a host, and who may do what with it.

All paths follow from the name of the app. The modes let nginx (`www-data`) pass through to the
socket and to `public/`, and give the app read access to its own code and nothing else.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

APPS_ROOT = Path("/srv/apps")
CACHE = Path("/var/cache/flask-emperor")
VASSALS = Path("/etc/flask-emperor/vassals")
SOCKETS = Path("/run/flask-emperor/sockets")
# The emperor of the listeners starts one for each file here.
LISTENERS = Path("/etc/flask-emperor/listeners")
EMPEROR_STATS = Path("/run/flask-emperor/control/emperor.stats")
# nginx reads *.conf of the first folder. Sites include the apps that are mounted in them from the second, and the file
# that closes an app from the third, if there are any.
SITES = Path("/etc/nginx/flask-apps")
MOUNTS = Path("/etc/nginx/flask-mounts")
MAINTENANCE = Path("/etc/nginx/flask-maintenance")
# systemd's files of what apps do beside requests; what the units of all apps share stands in flask-app-.service.d.
UNITS = Path("/etc/systemd/system")
# What each unit that runs a release begins with, before the name of the vassal.
RELEASE_UNIT = "flask-release@"
WEB_GROUP = "www-data"
# Files of a release that say how it is run: one of what serves it, and the unit of its own if it has one.
VASSAL_FILE, GUNICORN_FILE, UNIT_FILE = "vassal.ini", "gunicorn.conf.py", "release.service"
RUN_FILES = (VASSAL_FILE, GUNICORN_FILE, UNIT_FILE)
# File of a release with whom nginx lets in; there only if the app asks for passwords.
HTPASSWD = "htpasswd"

APP_NAME = re.compile(r"[a-z][a-z0-9-]{0,22}")
# A daemon, or a command on a schedule.
WORK_NAME = APP_NAME
# A name that has died young stays on the emperor's blacklist even when its file is gone, so a
# release that is started again gets a new suffix.
VASSAL_NAME = re.compile(r"(?P<app>[a-z][a-z0-9-]{0,22})\.(?P<release>[0-9a-f]{12})(-(?P<start>[1-9]\d*))?")
# No app has a dot in its name: that of a unit begins no other app's.
UNIT_NAME = re.compile(rf"flask-app-(?P<app>{APP_NAME.pattern})\.(?P<work>{WORK_NAME.pattern})\.(service|timer)")
# Of one release; more than workers that a host can run.
_MOST_TRACEBACKERS = 1024


class Directory(NamedTuple):
    """A directory, or file, of an app with the owner, group and mode that it must have."""

    path: Path
    owner: str
    group: str
    mode: int


@dataclass(frozen=True)
class AppLayout:
    """The paths of one app."""

    name: str

    @property
    def user(self) -> str:
        return f"app-{self.name}"

    @property
    def builder(self) -> str:
        """Return the user that builds the virtualenvs: code of packages runs as neither root nor the app."""
        return f"build-{self.name}"

    @property
    def cache(self) -> Path:
        """Return the builder's home, with its caches; one for all apps would let them change each other's code."""
        return CACHE / self.name

    @property
    def root(self) -> Path:
        return APPS_ROOT / self.name

    @property
    def current(self) -> Path:
        return self.root / "current"

    @property
    def releases(self) -> Path:
        return self.root / "releases"

    @property
    def virtualenvs(self) -> Path:
        return self.root / "venvs"

    @property
    def repository(self) -> Path:
        return self.root / "repository.git"

    @property
    def shared(self) -> Path:
        return self.root / "shared"

    @property
    def temporary(self) -> Path:
        """Return what the app finds as TMPDIR; in a folder for all, one app could put what another is about to open."""
        return self.root / "tmp"

    @property
    def history(self) -> Path:
        return self.root / "history.jsonl"

    @property
    def site(self) -> Path:
        return SITES / f"{self.name}.conf"

    def mounted_at(self, domain: str) -> Path:
        """Return the site of a mounted app, which apps of the same first domain include."""
        return MOUNTS / domain.replace("*", "_") / f"{self.name}.conf"

    @property
    def mounted(self) -> list[Path]:
        """Return where the app is mounted, or was before a run that did not come to its end."""
        return sorted(MOUNTS.glob(f"*/{self.name}.conf"))

    @property
    def listener(self) -> Path:
        return LISTENERS / f"{self.name}.ini"

    @property
    def redirect(self) -> Path:
        """Return nginx's file of the names that lead to the app's first; no app has a dot in its name."""
        return SITES / f"{self.name}.redirect.conf"

    @property
    def maintenance(self) -> tuple[Path, Path]:
        """Return nginx's files of a closed app: who is let in, and the page."""
        return SITES / f"{self.name}.maintenance.conf", MAINTENANCE / f"{self.name}.conf"

    def release(self, release_id: str) -> Path:
        return self.releases / release_id

    def unit(self, work: str, kind: str = "service") -> str:
        """Return the name of systemd's unit of a daemon, or of a command on a schedule."""
        return f"flask-app-{self.name}.{work}.{kind}"

    def stats(self, release_id: str) -> Path:
        """Return the statistics socket of a release's vassal."""
        return self.root / "run" / f"{release_id}.stats"

    def tracebackers(self, release_id: str) -> list[Path]:
        """Return the sockets, one of each worker, that tell where a release's vassal is at; 1,024 at most."""
        # The folder is the app's, which may put any name there; these go onto command lines of root.
        own = re.compile(rf"{re.escape(release_id)}\.traceback\.[0-9]{{1,5}}")
        try:
            with os.scandir(self.root / "run") as entries:
                names = list(islice((entry.name for entry in entries if own.fullmatch(entry.name)), _MOST_TRACEBACKERS))
        except OSError:
            return []
        return sorted(self.root / "run" / name for name in names)

    def directories(self, writable: list[str], media: list[str]) -> list[Directory]:
        """Return the directories that an app needs, parents first."""
        return [
            Directory(APPS_ROOT, "root", "root", 0o755),
            Directory(CACHE, "root", "root", 0o755),
            Directory(self.root, "root", "root", 0o751),
            Directory(self.releases, "root", "root", 0o751),
            Directory(self.virtualenvs, "root", "root", 0o751),
            Directory(self.shared, "root", "root", 0o751),
            Directory(self.cache, self.builder, self.builder, 0o700),
            # Holds the statistics socket of each vassal, which the vassal binds by itself.
            Directory(self.root / "run", self.user, self.user, 0o700),
            Directory(self.temporary, self.user, self.user, 0o700),
            *self._shared_directories(writable, self.user, 0o700),
            # The set-group-id bit hands uploaded files to nginx's group, whatever the app does.
            *self._shared_directories(media, WEB_GROUP, 0o2750),
        ]

    def release_parts(self, release: Path) -> list[Directory]:
        """Return what a release must have, with owner, group and mode."""
        return [
            Directory(release, "root", "root", 0o751),
            Directory(release / "src", "root", self.user, 0o750),
            Directory(release / "env", "root", self.user, 0o750),
            Directory(release / "public", "root", WEB_GROUP, 0o750),
            *(Directory(release / name, "root", self.user, 0o640) for name in RUN_FILES if (release / name).exists()),
            *([Directory(release / HTPASSWD, "root", WEB_GROUP, 0o640)] if (release / HTPASSWD).exists() else []),
        ]

    def _shared_directories(self, paths: list[str], group: str, mode: int) -> list[Directory]:
        found = []
        for path in paths:
            parents = [parent for parent in reversed(Path(path).parents) if parent.parts]
            found += [Directory(self.shared / parent, "root", "root", 0o751) for parent in parents]
            found.append(Directory(self.shared / path, self.user, group, mode))
        return found


def release_sandbox() -> Path:
    """Return what all units that run a release may not do, by the role uwsgi."""
    return UNITS / f"{RELEASE_UNIT}.service.d/sandbox.conf"


def release_sockets() -> Path:
    """Return where systemd finds the sockets of releases that it binds when the host starts."""
    return UNITS / "sockets.target.wants"


def release_units() -> list[str]:
    """Return the vassals of all apps that are run by a unit of their own."""
    names = (path.stem.removeprefix(RELEASE_UNIT) for path in UNITS.glob(f"{RELEASE_UNIT}*.service"))
    return sorted(name for name in names if VASSAL_NAME.fullmatch(name))


def vassals_of(app: str) -> list[str]:
    """Return the vassals of exactly this app; `web` never matches one of `web2`."""
    return sorted({*_names_of(app, VASSALS, ".ini"), *_names_of(app, UNITS, ".service", RELEASE_UNIT)})


def nameless_links_of(app: str) -> list[Path]:
    """Return what was made of exactly this app for what runs its vassals, but never got its name."""
    units = (folder.glob(f".{RELEASE_UNIT}{app}.*.tmp") for folder in (UNITS, release_sockets()))
    return sorted([*VASSALS.glob(f".{app}.*.tmp"), *(path for found in units for path in found)])


def traces_of(app: str) -> list[str]:
    """Return the vassals of exactly this app, and those of which only the socket is left."""
    wishes = _names_of(app, release_sockets(), ".socket", RELEASE_UNIT)
    return sorted({*vassals_of(app), *wishes, *_names_of(app, SOCKETS, ".socket")})


def units_of(app: str) -> list[str]:
    """Return the units of exactly this app that have a file."""
    return sorted(path.name for path in UNITS.glob(f"flask-app-{app}.*") if UNIT_NAME.fullmatch(path.name))


def apps_on_host() -> list[str]:
    """Return the names of all apps that have a release here."""
    if not APPS_ROOT.is_dir():
        return []
    return sorted(entry.name for entry in APPS_ROOT.iterdir() if (entry / "current").is_symlink())


def apps_with_history() -> list[str]:
    """Return the names of all apps that a history is kept of, removed ones too."""
    if not APPS_ROOT.is_dir():
        return []
    folders = (entry for entry in APPS_ROOT.iterdir() if APP_NAME.fullmatch(entry.name))
    return sorted(entry.name for entry in folders if (entry / "history.jsonl").is_file())


def _names_of(app: str, directory: Path, suffix: str, prefix: str = "") -> list[str]:
    if not directory.is_dir():
        return []
    found = (entry for entry in directory.iterdir() if entry.suffix == suffix and entry.name.startswith(prefix))
    names = (entry.stem.removeprefix(prefix) for entry in found)
    return sorted(name for name in names if (match := VASSAL_NAME.fullmatch(name)) and match["app"] == app)
