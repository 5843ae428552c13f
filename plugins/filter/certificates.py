# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""The filter that names the certificates that the apps of a host shall have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.emperor.flask.plugins.plugin_utils.rules.tls import FILES, OFF, certified
from ansible_collections.emperor.flask.plugins.plugin_utils.served import served_apps

DOCUMENTATION = r"""
name: certificates
short_description: Name the certificates that the apps of a host shall have
version_added: 0.1.0
author: The emperor.flask maintainers
description:
  - A certificate belongs to the release that gets the traffic, as a site does; one that is given is that of the
    inventory.
options:
  _input:
    description: Plans, as M(emperor.flask.plan) returns them.
    type: list
    elements: dict
    required: true
  apps:
    description: The apps of the inventory, for the certificates that they give.
    type: list
    elements: dict
    default: []
  failures:
    description: Apps that failed, each with C(name), and C(served), the release that gets the traffic.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Look at the certificates of the apps
  emperor.flask.certificates:
    wanted: "{{ __flask_app_plan.apps | emperor.flask.certificates(apps=flask_apps) }}"
"""

RETURN = r"""
_value:
  description: Certificates, as M(emperor.flask.certificates) takes them.
  type: list
  elements: dict
"""


def certificates(
    plans: list[dict[str, Any]],
    apps: list[dict[str, Any]] | None = None,
    failures: list[dict[str, Any]] | None = None,
) -> list[dict[str, Any]]:
    """Return a certificate for each app that has TLS; apps with the same domains share theirs."""
    given = {app["name"]: app for app in apps or []}
    served = [app for app in served_apps(plans, failures) if app["tls"] != OFF]
    found = []
    for app in served:
        entry = {"app": app["name"], "source": app["tls"], "domains": _shared(app, served)}
        if app["tls"] == FILES:
            # One that the inventory no longer gives is the one that the host has.
            pair = given.get(app["name"], {})
            if not pair.get("certificate"):
                continue
            entry.update({key: str(pair[key]) for key in ("certificate", "certificate_key")})
        found.append(entry)
    return found


def _shared(app: dict[str, Any], others: list[dict[str, Any]]) -> list[str]:
    """Return the names of an app, and those that lead to other apps of the same domains."""
    same = [other for other in others if other["domains"] == app["domains"]]
    return list(dict.fromkeys([*app["domains"], *(name for other in same for name in certified(other))]))


class FilterModule:
    """Registers the filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter under its name."""
        return {"certificates": certificates}
