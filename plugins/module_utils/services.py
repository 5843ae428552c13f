# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Services of the host that have to run with the files that they have now."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.emperor.flask.plugins.module_utils import units
from ansible_collections.emperor.flask.plugins.module_utils.units import Unit


@dataclass(frozen=True)
class Service:
    """A unit and the files that it reads at its start."""

    name: str
    files: Sequence[str] = ()
    # Whether it shall run; else it goes on as others have it, once our files are gone.
    wanted: bool = True
    # Else it is up to others whether it runs, such as to a socket; if it does, it is with its files.
    start: bool = True


@dataclass(frozen=True)
class Steps:
    """What has to be done until all run as they should, each a list of names."""

    enable: list[str]
    start: list[str]
    # They run with what their files were before.
    restart: list[str]

    def __bool__(self) -> bool:
        return bool(self.enable or self.start or self.restart)


def steps(services: Iterable[Service], found: Mapping[str, Unit], written: Collection[str] = ()) -> Steps:
    """Compare what is wanted with what systemd says; `written` are files that this run has changed."""
    known = list(services)
    wanted = [service for service in known if service.wanted]
    started = [service for service in wanted if service.start]
    outdated = [service for service in wanted if _is_outdated(found[service.name], service.files)]
    left = [service for service in known if not service.wanted and set(service.files) & set(written)]
    return Steps(
        # A unit that only others start, such as the journal's, is neither enabled nor disabled.
        enable=[service.name for service in started if found[service.name]["UnitFileState"] in ("", "disabled")],
        start=[service.name for service in started if not found[service.name].is_running],
        restart=[service.name for service in (*outdated, *left) if found[service.name].is_active],
    )


def _is_outdated(unit: Unit, files: Iterable[str]) -> bool:
    started = unit.since("ExecMainStart")
    return started is not None and started < units.last_change(*map(Path, files))
