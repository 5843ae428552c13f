# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""The filter that names nginx's file for each app."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

DOCUMENTATION = r"""
name: site_files
short_description: Name nginx's site file of each app
version_added: 0.1.0
author: The emperor.flask maintainers
description: Turns complete apps into the files that M(emperor.flask.managed_files) writes, one for each app.
options:
  _input:
    description: Complete apps, see P(emperor.flask.complete_apps#filter).
    type: list
    elements: dict
    required: true
  without:
    description: Names of apps to leave out.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Serve the apps
  emperor.flask.managed_files:
    files: "{{ flask_apps | emperor.flask.complete_apps | emperor.flask.site_files }}"
"""

RETURN = r"""
_value:
  description: Files, each with C(path), C(template) and C(vars).
  type: list
  elements: dict
"""


def site_files(apps: list[dict[str, Any]], without: list[str] | None = None) -> list[dict[str, Any]]:
    """Return one file for each app but those named in `without`; no secret is among its variables."""
    return [
        {
            "path": f"/etc/nginx/flask-apps/{app['name']}.conf",
            "template": "site.conf.j2",
            "vars": {"app": {key: value for key, value in app.items() if key != "secrets"}},
        }
        for app in apps
        if app["name"] not in (without or [])
    ]


class FilterModule:
    """Registers the filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter under its name."""
        return {"site_files": site_files}
