# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Takes away what an app needs no more: vassals without traffic, unfinished builds, old releases."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ansible_collections.emperor.flask.plugins.module_utils import history, runners
from ansible_collections.emperor.flask.plugins.module_utils.files import remove_tree
from ansible_collections.emperor.flask.plugins.module_utils.layout import (
    VASSAL_NAME,
    AppLayout,
    nameless_links_of,
    vassals_of,
)
from ansible_collections.emperor.flask.plugins.module_utils.releases import MANIFEST, previous_release, served_release
from ansible_collections.emperor.flask.plugins.module_utils.virtualenvs import MARKER_SUFFIX


def end(vassals: Iterable[str], drain_timeout: int) -> None:
    """Let vassals finish the requests in flight, and dismiss them, one after the other.

    Nothing is in flight by then, or it has had its time; what runs them still lets it end gracefully, so a request that
    came in just now ends too, and nobody need wait for that. Raises RunError.
    """
    for name in vassals:
        runner = runners.of_vassal(name)
        runner.drain(name, drain_timeout)
        runner.dismiss(name)


def unfinished(layout: AppLayout) -> list[Path]:
    """Return what interrupted runs have left: builds, and files and links that were about to be renamed."""
    folders = (layout.root, layout.releases, *layout.releases.glob("*/"), layout.virtualenvs)
    found = [path for folder in folders for path in folder.glob("*.tmp")]
    return sorted({*found, *nameless_links_of(layout.name)})


def prunable(layout: AppLayout, keep: int) -> list[Path]:
    """Return the releases and virtualenvs that go when `keep` releases that were live stay.

    The served release, the one before it and those that run stay in any case; of those that never went live, the
    newest stays, so that a deploy that failed for a reason outside need not build again.
    """
    served = served_release(layout)
    if served is None or not layout.releases.is_dir():
        return []
    here = {entry.name: entry for entry in layout.releases.iterdir() if entry.suffix != ".tmp"}
    live = [name for name in history.went_live(history.read(layout)) if name in here]
    running = (VASSAL_NAME.fullmatch(name) for name in vassals_of(layout.name))
    kept = {served, previous_release(layout, served), *live[:keep], *(match["release"] for match in running if match)}
    complete = (name for name in here if name not in live and (here[name] / MANIFEST).is_file())
    never_live = sorted((here[name].stat().st_mtime, name) for name in complete)
    kept |= {name for _, name in never_live[-1:]}
    gone = [entry for name, entry in sorted(here.items()) if name not in kept]
    return [*gone, *_unused_virtualenvs(layout, [here[name] for name in here if name in kept])]


def prune(paths: Iterable[Path]) -> None:
    """Remove releases and virtualenvs. Each loses first what makes it complete, so that a crash leaves no half one."""
    for path in paths:
        for name in (path / MANIFEST, path.with_name(path.name + MARKER_SUFFIX)):
            name.unlink(missing_ok=True)
        remove_tree(path)


def _unused_virtualenvs(layout: AppLayout, releases: Iterable[Path]) -> list[Path]:
    used = {(release / "venv").resolve() for release in releases}
    if not layout.virtualenvs.is_dir():
        return []
    found = (entry for entry in layout.virtualenvs.iterdir() if entry.is_dir() and not entry.is_symlink())
    return sorted(entry for entry in found if entry.resolve() not in used)
