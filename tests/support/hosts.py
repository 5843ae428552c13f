"""A host in a temporary directory, and an app on it; tests/unit/conftest.py makes both."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.emperor.flask.plugins.action.plan import describe
from ansible_collections.emperor.flask.plugins.module_utils import emperor, history, releases, vassals
from ansible_collections.emperor.flask.plugins.module_utils.layout import AppLayout
from ansible_collections.emperor.flask.plugins.module_utils.virtualenvs import marker
from ansible_collections.emperor.flask.tests.support.apps import complete, minimal

ID, NEXT = "0123456789ab", "ba9876543210"
LOCK = {"run": "4194305-controller-0a1b2c3d", "who": "ada@controller"}
OTHER = {"run": "4194306-controller-4e5f6071", "who": "bob@controller"}
# What each step of a release is given.
STEP: dict[str, Any] = {"name": "shop", "release": ID, "lock": LOCK}


@dataclass(frozen=True)
class Accounts:
    """Whom a tree was given to, by path; the file system itself says nothing of it."""

    given: dict[Path, tuple[int, int]]


@dataclass(frozen=True)
class Host:
    """The directories of a host that has the roles nginx and uwsgi."""

    apps: Path
    cache: Path
    vassals: Path
    sockets: Path
    stats: Path
    locks: Path
    warm: Path
    units: Path


def request(name: str = "shop", revision: str | None = "rev", **changes: Any) -> dict[str, Any]:
    """Return what the plan asks about an app, as the controller sends it and the host completes it."""
    app = complete(minimal(name=name, media=[{"url": "/media", "path": "media"}], **changes))
    asked = {key: value for key, value in describe(app, "recipe").items() if key not in ("git", "version")}
    # The controller's own layout, wherever that of the host is in a test.
    description = {**asked["description"], "root": f"/srv/apps/{name}"}
    return {**asked, "description": description, "revision": revision, "interpreter": "py", "again": False}


def bind(vassal: str) -> None:
    """Leave the socket that the emperor binds."""
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(vassals.socket_of(vassal)))


class App:
    """An app with its directories, and releases as the engine leaves them."""

    def __init__(self, name: str = "shop") -> None:
        self.layout = AppLayout(name)
        self.description = request(name)["description"]
        for entry in self.layout.directories(["instance"], ["media"]):
            entry.path.mkdir(exist_ok=True)
            entry.path.chmod(entry.mode)

    @property
    def root(self) -> Path:
        return self.layout.root

    @property
    def virtualenv(self) -> Path:
        """Return one that is complete."""
        return self.make_virtualenv("77ab")

    def make_virtualenv(self, name: str) -> Path:
        path = self.layout.virtualenvs / name
        path.mkdir(exist_ok=True)
        path.chmod(0o750)
        marker(path).touch()
        return path

    def build(
        self,
        release: str = ID,
        revision: str = "rev",
        virtualenv: Path | None = None,
        files: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Path:
        """Assemble a release that has no source; `more` goes into its manifest."""
        (releases.staging(self.layout, release) / "src").mkdir(parents=True)
        manifest = {"id": release, "revision": revision, "description": self.description, **more}
        parts = releases.ReleaseParts(
            release_id=release,
            virtualenv=virtualenv or self.virtualenv,
            files=files or {"vassal.ini": "[uwsgi]\n"},
            environment={"KEY": "value", "EMPEROR_RELEASE": release},
            static=[],
            outliving=["instance", "media"],
            manifest=manifest,
        )
        releases.assemble(self.layout, parts)
        return self.layout.release(release)

    def mark_started(self, release: str = ID, vassal: str = "") -> str:
        """Leave the link that a start leaves, and no vassal."""
        name = vassal or f"{self.layout.name}.{release}"
        link = self.layout.release(release) / vassals.STARTED
        link.unlink(missing_ok=True)
        link.symlink_to(vassals.socket_of(name))
        return name

    def start(self, release: str = ID, vassal: str = "") -> str:
        """Leave a vassal that runs."""
        name = self.mark_started(release, vassal)
        emperor.link_of(name).symlink_to(self.layout.release(release) / "vassal.ini")
        bind(name)
        return name

    def activate(self, release: str = ID, result: str = history.ACTIVATED) -> None:
        """Move the traffic, and write it down."""
        releases.activate(self.layout, release)
        history.record(self.layout, {"release": release, "result": result})

    def serve(self, release: str = ID, result: str = history.ACTIVATED, **build: Any) -> str:
        """Build a release, start it and move the traffic there."""
        self.build(release, **build)
        name = self.start(release)
        self.activate(release, result)
        return name

    def end(self, vassal: str) -> None:
        """Take a vassal away, with its socket."""
        emperor.link_of(vassal).unlink()
        vassals.socket_of(vassal).unlink()
