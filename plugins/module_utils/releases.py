# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Releases on disk: assembled aside, made live by one rename."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible_collections.emperor.flask.plugins.module_utils.commands import SYSTEM_PYTHON
from ansible_collections.emperor.flask.plugins.module_utils.files import (
    copy_public,
    own_tree,
    point_link,
    remove_tree,
    set_access,
    sync_directory,
    sync_tree,
    write_file,
)
from ansible_collections.emperor.flask.plugins.module_utils.layout import WEB_GROUP, AppLayout

MANIFEST = "release.json"


class ReleaseError(Exception):
    """A release cannot be assembled from what was given."""


@dataclass(frozen=True)
class ReleaseParts:
    """All that a release consists of, besides the source, which is in `<id>.tmp/src` already."""

    release_id: str
    virtualenv: Path
    vassal: str
    environment: Mapping[str, str] = field(repr=False)
    static: Sequence[Mapping[str, Any]]
    outliving: Sequence[str]
    manifest: Mapping[str, Any]


def is_built(layout: AppLayout, release_id: str) -> bool:
    """Tell whether a release is complete; an unfinished one bears another name."""
    return (layout.release(release_id) / MANIFEST).is_file()


def staging(layout: AppLayout, release_id: str) -> Path:
    """Return where a release is assembled."""
    return layout.releases / f"{release_id}.tmp"


def served_release(layout: AppLayout) -> str | None:
    """Return the id of the release that gets the traffic."""
    return layout.current.readlink().name if layout.current.is_symlink() else None


def assemble(layout: AppLayout, parts: ReleaseParts) -> None:
    """Complete the staged release and give it its final name."""
    stage = staging(layout, parts.release_id)
    source = stage / "src"
    for path in parts.outliving:
        _link_outliving(source, path, layout.shared)
    _copy_static(stage, parts.static)
    # Without site and environment, so that nothing of the app's own runs here; a file that is no
    # valid Python (a template of one, say) is no error.
    subprocess.run(
        [SYSTEM_PYTHON, "-I", "-S", "-m", "compileall", "-q", str(source)],
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
    write_file(stage / "vassal.ini", parts.vassal.encode("utf-8"), "root", layout.user, 0o640)
    point_link(stage / "venv", os.path.relpath(parts.virtualenv, layout.release(parts.release_id)))
    manifest = json.dumps(parts.manifest, indent=2, sort_keys=True) + "\n"
    write_file(stage / MANIFEST, manifest.encode("utf-8"), "root", "root", 0o600)
    set_access(stage, "root", "root", 0o751)
    sync_tree(stage)
    remove_tree(layout.release(parts.release_id))
    stage.rename(layout.release(parts.release_id))
    sync_directory(layout.releases)


def _link_outliving(source: Path, path: str, shared: Path) -> None:
    link = source / path
    if any(parent.is_symlink() for parent in link.parents if parent.is_relative_to(source)):
        raise ReleaseError(f"writable path {path} goes through a symbolic link of the source")
    link.parent.mkdir(parents=True, exist_ok=True)
    remove_tree(link)
    link.symlink_to(shared / path)


def _copy_static(stage: Path, static: Sequence[Mapping[str, Any]]) -> None:
    public = stage / "public"
    remove_tree(public)
    public.mkdir()
    for entry in static:
        folder = stage / "src" / entry["path"]
        if not folder.is_dir():
            raise ReleaseError(f"static path {entry['path']} is no folder of the source")
        target = public / entry["url"].lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            copy_public(folder, target, stage / "src")
        except (ValueError, FileExistsError) as error:
            raise ReleaseError(f"static path {entry['path']}: {error}") from error
    own_tree(public, WEB_GROUP)


def activate(layout: AppLayout, release_id: str) -> bool:
    """Move all traffic to a release: the one rename that counts. Return whether it changed anything."""
    if not is_built(layout, release_id):
        raise ReleaseError(f"release {release_id} is not complete")
    return point_link(layout.current, f"releases/{release_id}")


def record(layout: AppLayout, entry: Mapping[str, Any]) -> None:
    """Append a line to the app's history; one write, so that lines never mix."""
    line = json.dumps({"time": datetime.now(timezone.utc).isoformat(timespec="seconds"), **entry}) + "\n"
    handle = os.open(layout.root / "history.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(handle, line.encode("utf-8"))
        os.fsync(handle)
    finally:
        os.close(handle)
