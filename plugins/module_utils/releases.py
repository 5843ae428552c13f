# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Releases on disk: assembled aside, made live by one rename."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.emperor.flask.plugins.module_utils import vassals
from ansible_collections.emperor.flask.plugins.module_utils.commands import SYSTEM_PYTHON
from ansible_collections.emperor.flask.plugins.module_utils.digests import digest
from ansible_collections.emperor.flask.plugins.module_utils.engines import ENGINE, OF_VIRTUALENV
from ansible_collections.emperor.flask.plugins.module_utils.files import (
    copy_public,
    differs,
    own_tree,
    point_link,
    remove_tree,
    set_access,
    sync_directory,
    sync_tree,
    write_file,
)
from ansible_collections.emperor.flask.plugins.module_utils.history import now
from ansible_collections.emperor.flask.plugins.module_utils.layout import (
    HTPASSWD,
    RUN_FILES,
    WEB_GROUP,
    AppLayout,
)
from ansible_collections.emperor.flask.plugins.module_utils.virtualenvs import is_complete

MANIFEST = "release.json"
# Says by its presence that the release command has succeeded.
COMMAND_LOG = "release-command.log"
# Link to the release that was served before: nginx looks there for static files of pages loaded before the switch.
PREVIOUS = "previous"
# Says by its presence that somebody rolled back from the release.
ROLLED_BACK = "rolled-back.json"
# Of a release, with its environment: what nobody may change.
_COUNTED = (*RUN_FILES, HTPASSWD)


class ReleaseError(Exception):
    """A release cannot be assembled from what was given."""


@dataclass(frozen=True)
class ReleaseParts:
    """All that a release consists of, besides the source, which is in `<id>.tmp/src` already."""

    release_id: str
    virtualenv: Path
    files: Mapping[str, str]
    environment: Mapping[str, str] = field(repr=False)
    static: Sequence[Mapping[str, Any]]
    outliving: Sequence[str]
    manifest: Mapping[str, Any]
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    error_pages: Sequence[Mapping[str, Any]] = ()
    # Whether the uWSGI of the virtualenv runs it.
    own_engine: bool = False
    python: str = SYSTEM_PYTHON


def is_built(layout: AppLayout, release_id: str) -> bool:
    """Tell whether a release is complete and as it was built; an unfinished one bears another name.

    The code itself is not read again: that would cost each run as much as the apps are large.
    """
    return not flaws(layout, release_id)


def flaws(layout: AppLayout, release_id: str) -> list[str]:
    """Return what a release lacks, or has otherwise than it was built, one a line."""
    release = layout.release(release_id)
    try:
        intact = read_manifest(release)["digest"] == _digest_of(release)
        virtualenv = (release / "venv").resolve()
    except (OSError, ValueError, LookupError, RuntimeError) as error:
        return [f"release {release_id} cannot be read: {error}"]
    named = ", ".join([*(name for name in RUN_FILES if (release / name).exists()), HTPASSWD, ENGINE])
    found = [] if intact else [f"{named} or a file in env of release {release_id} has another content"]
    parts = [entry for entry in layout.release_parts(release) if differs(*entry)]
    found += [f"{entry.path} has another owner or mode than it must have" for entry in parts]
    if not is_complete(virtualenv, layout.user):
        found.append(f"virtualenv {virtualenv} is gone or incomplete")
    return found


def read_manifest(release: Path) -> dict[str, Any]:
    """Return what a release says of itself. Raises OSError or ValueError."""
    manifest = json.loads((release / MANIFEST).read_text(encoding="utf-8"))
    if not isinstance(manifest, dict):
        raise ValueError(f"{release / MANIFEST} is no mapping")
    return manifest


def _digest_of(release: Path) -> str:
    """Return a digest of what a vassal starts with, files, environment and engine, and of nginx's users."""
    counted = [path for name in _COUNTED if (path := release / name).exists()]
    files = [*counted, *sorted((release / "env").iterdir())]
    found = [[path.name, hashlib.sha256(path.read_bytes()).hexdigest()] for path in files]
    links = [[ENGINE, str(link.readlink())] for link in [release / ENGINE] if link.is_symlink()]
    return digest([*found, *links], length=64)


def staging(layout: AppLayout, release_id: str) -> Path:
    """Return where a release is assembled."""
    return layout.releases / f"{release_id}.tmp"


def served_release(layout: AppLayout) -> str | None:
    """Return the id of the release that gets the traffic."""
    return layout.current.readlink().name if layout.current.is_symlink() else None


def misled(layout: AppLayout, release_id: str) -> list[Path]:
    """Return those of the two links on the way to a served release's socket that lead elsewhere.

    Their last part alone, which says what is served, can be right in another folder, too.
    """
    serving = vassals.serving_link(layout.release(release_id))
    vassal = vassals.serving_vassal(serving.parent)
    ways = {layout.current: f"releases/{release_id}"}
    if vassal is not None:
        ways[serving] = str(vassals.socket_of(vassal))
    return [link for link, target in ways.items() if link.is_symlink() and str(link.readlink()) != target]


def assemble(layout: AppLayout, parts: ReleaseParts, preflight: Callable[[Path], None] | None = None) -> None:
    """Complete the staged release and give it its final name.

    `preflight` is called with the place where all stands as yet; what it raises leaves the release unmade.
    """
    stage = staging(layout, parts.release_id)
    source = stage / "src"
    # Before any link leads to where the app may write.
    _copy_public_files(stage, parts.static, parts.error_pages)
    for path in parts.outliving:
        _link_outliving(source, path, layout.shared)
    # Without site and environment, so that nothing of the app's own runs here; a file that is no
    # valid Python (a template of one, say) is no error.
    subprocess.run(
        [parts.python, "-I", "-S", "-m", "compileall", "-q", str(source)],
        capture_output=True,
        check=False,
    )
    own_tree(source, layout.user)
    environment = stage / "env"
    remove_tree(environment)
    environment.mkdir()
    set_access(environment, "root", layout.user, 0o750)
    for name, value in parts.environment.items():
        write_file(environment / name, value.encode("utf-8"), "root", layout.user, 0o640)
    for name, text in parts.files.items():
        write_file(stage / name, text.encode("utf-8"), "root", layout.user, 0o640)
    if parts.users:
        lines = "".join(f"{name}:{hashed}\n" for name, hashed in parts.users.items())
        write_file(stage / HTPASSWD, lines.encode("utf-8"), "root", WEB_GROUP, 0o640)
    point_link(stage / "venv", os.path.relpath(parts.virtualenv, layout.release(parts.release_id)))
    if parts.own_engine:
        point_link(stage / ENGINE, f"venv/{OF_VIRTUALENV}")
    manifest = json.dumps({**parts.manifest, "digest": _digest_of(stage)}, indent=2, sort_keys=True) + "\n"
    write_file(stage / MANIFEST, manifest.encode("utf-8"), "root", "root", 0o600)
    set_access(stage, "root", "root", 0o751)
    if preflight is not None:
        preflight(stage)
    release = layout.release(parts.release_id)
    for name in (vassals.STARTED, vassals.serving_link(stage).name, PREVIOUS):
        # One that was changed by hand is replaced; its vassal goes on until the new one is checked.
        if (release / name).is_symlink():
            point_link(stage / name, str((release / name).readlink()))
    if (release / COMMAND_LOG).is_file():
        # The release command has done its work, whatever happened to the files.
        write_file(stage / COMMAND_LOG, (release / COMMAND_LOG).read_bytes(), "root", "root", 0o600)
    sync_tree(stage)
    broken = layout.releases / f"{parts.release_id}.broken.tmp"
    remove_tree(broken)
    if release.exists():
        release.rename(broken)
    stage.rename(release)
    sync_directory(layout.releases)
    remove_tree(broken)


def _link_outliving(source: Path, path: str, shared: Path) -> None:
    link = source / path
    if any(parent.is_symlink() for parent in link.parents if parent.is_relative_to(source)):
        raise ReleaseError(f"writable path {path} goes through a symbolic link of the source")
    link.parent.mkdir(parents=True, exist_ok=True)
    remove_tree(link)
    link.symlink_to(shared / path)


def _copy_public_files(stage: Path, static: Sequence[Mapping[str, Any]], pages: Sequence[Mapping[str, Any]]) -> None:
    remove_tree(stage / "public")
    (stage / "public").mkdir()
    # Outer addresses first: what nginx serves under an inner one is the inner folder's alone.
    for entry in sorted(static, key=lambda entry: entry["url"]):
        if not (stage / "src" / entry["path"]).is_dir():
            raise ReleaseError(f"static path {entry['path']} is no folder of the source")
        _copy_public(stage, entry, "static path")
    for page in pages:
        if not (stage / "src" / page["path"]).is_file():
            raise ReleaseError(f"error page {page['path']} is no file of the source")
        _copy_public(stage, page, "error page")
    own_tree(stage / "public", WEB_GROUP)


def _copy_public(stage: Path, entry: Mapping[str, Any], what: str) -> None:
    target = stage / "public" / entry["url"].lstrip("/")
    try:
        remove_tree(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        copy_public(stage / "src" / entry["path"], target, stage / "src")
    except (ValueError, OSError) as error:
        raise ReleaseError(f"{what} {entry['path']}: {error}") from error


def previous_release(layout: AppLayout, release_id: str) -> str | None:
    """Return the id of the release that was served before this one."""
    link = layout.release(release_id) / PREVIOUS
    return link.readlink().name if link.is_symlink() else None


def mark_rolled_back(layout: AppLayout, release_id: str, who: str) -> None:
    """Remember that somebody went back from a release: it stays away until somebody asks for it by name."""
    mark = json.dumps({"time": now(), "who": who}) + "\n"
    write_file(layout.release(release_id) / ROLLED_BACK, mark.encode("utf-8"), "root", "root", 0o600)


def activate(layout: AppLayout, release_id: str) -> bool:
    """Move all traffic to what was started last of a release. Return whether it changed anything.

    For a release that serves already, the link of its server is renamed; else `current`, the one rename that counts.
    """
    if not is_built(layout, release_id):
        raise ReleaseError(f"release {release_id} is not complete")
    release = layout.release(release_id)
    vassal = vassals.last_vassal(release)
    if vassal is None:
        raise ReleaseError(f"release {release_id} was never started")
    changed = point_link(vassals.serving_link(release), str(vassals.socket_of(vassal)))
    served = served_release(layout)
    if served not in (None, release_id):
        point_link(release / PREVIOUS, f"../{served}")
    (release / ROLLED_BACK).unlink(missing_ok=True)
    return point_link(layout.current, f"releases/{release_id}") or changed
