# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""What can run a release, and which of it does; the steps of a release know nothing more of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from ansible_collections.emperor.flask.plugins.module_utils import emperor, release_units
from ansible_collections.emperor.flask.plugins.module_utils.layout import UNIT_FILE
from ansible_collections.emperor.flask.plugins.module_utils.vassals import RunError, View


class Runner(Protocol):
    """Runs releases, each as a vassal with a socket of its own. What it cannot do, it tells as a RunError."""

    def is_started(self, vassal: str, /) -> bool:
        """Tell whether a vassal is known, and has a socket."""

    def start(self, vassal: str, release: Path, user: str, timeout: float, /) -> bool:
        """Start a release as a vassal and wait for its socket; return whether anything had to be done."""

    def drain(self, vassal: str, timeout: float, /) -> None:
        """Wait until a vassal has no request in flight, for `timeout` seconds at most."""

    def dismiss(self, vassal: str, /) -> bool:
        """Let a vassal end its requests and go, without waiting for it; return whether there was one."""

    def stop(self, vassal: str, timeout: float, at_once: bool = False) -> bool:
        """Dismiss a vassal and wait until it has ended, if need be by force; return whether there was one."""

    def ending(self, vassal: str, mark: Path, /) -> list[str]:
        """Return the command that ends a vassal and removes a file, for when nothing of ours runs."""

    def flaw(self, vassal: str, release: Path, user: str, /) -> str:
        """Return what differs from how a vassal was started, or an empty text."""

    def views(self) -> Mapping[str, View]:
        """Return how each vassal is seen."""

    def unknown(self, vassal: str, /) -> View:
        """Return the view of a vassal that is not known."""


_ALL: tuple[Runner, ...] = (emperor, release_units)


def of_release(release: Path) -> Runner:
    """Return what runs a release."""
    return release_units if (release / UNIT_FILE).exists() else emperor


def of_vassal(vassal: str) -> Runner:
    """Return what runs a vassal, going by what there is of it."""
    return release_units if release_units.knows(vassal) else emperor


def views() -> tuple[dict[str, View], str]:
    """Return how the vassals of the host are seen, and why some are not."""
    seen = [_views(runner) for runner in _ALL]
    found = {vassal: view for part, _ in seen for vassal, view in part.items()}
    return found, "; ".join(cause for _, cause in seen if cause)


def _views(runner: Runner) -> tuple[Mapping[str, View], str]:
    try:
        return runner.views(), ""
    except RunError as error:
        return {}, str(error)
