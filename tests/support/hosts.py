"""A host in a temporary directory; tests/unit/conftest.py makes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.emperor.flask.plugins.module_utils import emperor
from ansible_collections.emperor.flask.plugins.modules import release
from ansible_collections.emperor.flask.tests.support.modules import run_module

ID, NEXT = "0123456789ab", "ba9876543210"
STEPS: dict[str, Any] = {"name": "shop", "release": ID, "revision": "v1"}


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


def build(root: Path, release_id: str = ID) -> None:
    """Assemble a release that has no file."""
    (root / f"releases/{release_id}.tmp/src").mkdir(parents=True)
    (root / "venvs/77ab").mkdir(exist_ok=True)
    (root / "venvs/77ab").chmod(0o750)
    (root / "venvs/77ab.complete").touch()
    found = run_module(
        release,
        name="shop",
        id=release_id,
        revision="v1",
        virtualenv=str(root / "venvs/77ab"),
        vassal="[uwsgi]\n",
        environment={"A": "1", "B": "x"},
        secrets={"KEY": "k%40y"},
        parts={"idle": "00"},
    )
    assert found["path"] == str(root / "releases" / release_id)


def mark_started(release: Path, vassal: str) -> None:
    """Leave the link that a start leaves."""
    link = release / emperor.STARTED
    link.unlink(missing_ok=True)
    link.symlink_to(emperor.socket_of(vassal))
