# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""The filter that names the files by which requests reach each app."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from ansible_collections.emperor.flask.plugins.module_utils.layout import MOUNTS, AppLayout
from ansible_collections.emperor.flask.plugins.plugin_utils.rules.listen import ROUTED
from ansible_collections.emperor.flask.plugins.plugin_utils.served import served_apps
from ansible_collections.emperor.flask.plugins.plugin_utils.site import site_variables

DOCUMENTATION = r"""
name: site_files
short_description: Name the files by which requests reach each app
version_added: 0.1.0
author: The emperor.flask maintainers
description:
  - Turns plans into the files that M(emperor.flask.managed_files) writes, or takes away, for each app that serves a
    release.
  - The listener's file is there for an app with C(listen) alone, and absent for others.
  - A site belongs to the release that gets the traffic, so an app that stays with its release keeps its site.
options:
  _input:
    description: Plans, as M(emperor.flask.plan) returns them.
    type: list
    elements: dict
    required: true
  between:
    description:
      - Files for while these apps go from the release that serves to the planned one. The sites are those of the
        former, and reach the app by the server of either.
    type: bool
    default: false
  failures:
    description: Apps that failed, each with C(name), and C(served), the release that gets the traffic.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Serve the apps
  emperor.flask.managed_files:
    files: "{{ __flask_app_plan.apps | emperor.flask.site_files }}"
"""

RETURN = r"""
_value:
  description: Files, each with C(path), and C(template) and C(vars), or C(state).
  type: list
  elements: dict
"""


def site_files(
    plans: list[dict[str, Any]], failures: list[dict[str, Any]] | None = None, between: bool = False
) -> list[dict[str, Any]]:
    """Return the files of each app that serves a release; no secret is among their variables."""
    if between:
        # Each stays with its release as yet.
        failures = [{"name": plan["name"], "served": plan["served"]} for plan in plans]
    servers = {plan["name"]: [plan["description"].get("server", "uwsgi")] for plan in plans} if between else {}
    return [file for app in served_apps(plans, failures) for file in files_of(app, servers.get(app["name"], ()))]


def files_of(app: dict[str, Any], servers: Collection[str] = ()) -> list[dict[str, Any]]:
    """Return the files of a complete app: those that it has, and those that it may have had."""
    layout = AppLayout(app["name"])
    site = layout.mounted_at(app["domains"][0]) if app["mount"] else layout.site
    listens = any(app["listen"][protocol] for protocol in ROUTED)
    present = {
        site: ("site.conf.j2", site_variables(app, servers)),
        **({layout.site: ("mount.conf.j2", site_variables(app))} if app["mount"] else {}),
        **({layout.redirect: ("redirect.conf.j2", site_variables(app))} if app["redirect_domains"] else {}),
        **({layout.listener: ("listener.ini.j2", {"app": app})} if listens else {}),
    }
    return [
        *({"path": str(path), "template": name, "vars": given} for path, (name, given) in present.items()),
        # What stands above stays.
        *(
            {"path": str(path), "state": "absent"}
            for path in (f"{MOUNTS}/*/{layout.name}.conf", layout.redirect, layout.listener)
        ),
    ]


class FilterModule:
    """Registers the filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter under its name."""
        return {"site_files": site_files}
