# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""The filter that names systemd's units of each app."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ansible_collections.emperor.flask.plugins.module_utils.layout import AppLayout
from ansible_collections.emperor.flask.plugins.plugin_utils.rules import listen
from ansible_collections.emperor.flask.plugins.plugin_utils.served import served_apps

DOCUMENTATION = r"""
name: app_units
short_description: Name the units of systemd that run what apps do beside requests
version_added: 0.1.0
author: The emperor.flask maintainers
description:
  - Turns plans into the units of the daemons and of the schedules of each app that serves a release.
  - They belong to the release that gets the traffic, so an app that stays with its release keeps its units.
options:
  _input:
    description: Plans, as M(emperor.flask.plan) returns them.
    type: list
    elements: dict
    required: true
  failures:
    description: Apps that failed, each with C(name), and C(served), the release that gets the traffic.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Show the units of all apps
  ansible.builtin.debug:
    msg: "{{ __flask_app_plan.apps | emperor.flask.app_units | map(attribute='units') | flatten }}"
"""

RETURN = r"""
_value:
  description: >-
    For each app C(name), C(units), which are names, and C(files), as M(emperor.flask.managed_files) takes them.
  type: list
  elements: dict
"""


def app_units(plans: list[dict[str, Any]], failures: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
    """Return the units of each app that serves a release, also of one that has none; no value of a variable."""
    found = [(app["name"], list(_files(app))) for app in served_apps(plans, failures)]
    return [
        {"name": name, "units": [file["path"].rpartition("/")[2] for file in files], "files": files}
        for name, files in found
    ]


def _files(app: dict[str, Any]) -> Iterator[dict[str, Any]]:
    layout = AppLayout(app["name"])
    daemons = (*app["daemons"], *listen.daemons(app))
    works = [("daemon", work) for work in daemons] + [("cron", work) for work in app["cron"]]
    for kind, work in works:
        given = {"app": {key: app[key] for key in ("name", "user", "root", "isolation")}, "kind": kind, "work": work}
        given["command"] = quoted(work["command"])
        for suffix in ("service", "timer") if kind == "cron" else ("service",):
            path = f"/etc/systemd/system/{layout.unit(work['name'], suffix)}"
            yield {"path": path, "template": f"background.{suffix}.j2", "vars": given}


def quoted(command: str) -> str:
    """Return a command as one word of a unit's `ExecStart=:`, where nothing but these is syntax in quotes."""
    escaped = command.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


class FilterModule:
    """Registers the filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter under its name."""
        return {"app_units": app_units}
