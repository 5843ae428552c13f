# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""The filter that names the certificates that the apps of a host shall have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.emperor.flask.plugins.plugin_utils.pem import covers, has_ocsp
from ansible_collections.emperor.flask.plugins.plugin_utils.rules.tls import FILES, OFF, certified
from ansible_collections.emperor.flask.plugins.plugin_utils.served import served_apps

DOCUMENTATION = r"""
name: certificates
short_description: Name the certificates that the apps of a host shall have
version_added: 0.1.0
author: The emperor.flask maintainers
description:
  - A certificate belongs to the release that gets the traffic, as a site does; one that is given is that of the
    inventory, if it is for the names of that release. Else the host keeps the one that it has.
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
    """Return a certificate for each app that has TLS; those with the same names share theirs on the host."""
    given = {app["name"]: app for app in apps or []}
    served = [app for app in served_apps(plans, failures) if app["tls"] != OFF]
    return [
        {
            "app": app["name"],
            "source": app["tls"],
            # Of this app alone: a run may be about it alone, and must not want another one than a run of all.
            "domains": certified(app),
            **(_given(given.get(app["name"], {}), certified(app)) if app["tls"] == FILES else {}),
        }
        for app in served
    ]


def _given(app: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Return what the inventory gives, if it is for the names of the release that gets the traffic."""
    certificate = str(app.get("certificate") or "")
    if not certificate or not covers(certificate, names):
        return {}
    return {"certificate": certificate, "stapled": has_ocsp(certificate)}


class FilterModule:
    """Registers the filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter under its name."""
        return {"certificates": certificates}
