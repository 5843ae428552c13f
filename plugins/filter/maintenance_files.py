# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""The filter that names nginx's files of a closed app."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.emperor.flask.plugins.plugin_utils.maintenance import MaintenanceError, files

DOCUMENTATION = r"""
name: maintenance_files
short_description: Name the files of nginx that close an app
version_added: 0.1.0
author: The emperor.flask maintainers
description:
  - Checks what was typed, and returns the files for M(emperor.flask.managed_files).
options:
  _input:
    description: The app, as M(emperor.flask.status) returns it.
    type: dict
    required: true
  state:
    description: C(on) closes the app, C(off) opens it.
    type: str
    required: true
  retry_after:
    description: Time such as C(10m), after which a visitor should come back.
    type: str
    default: 10m
  allow:
    description: Addresses and networks, with commas, that are let in.
    type: str
    default: ""
  message:
    description: Text of the page; empty for a general one.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Close the shop
  emperor.flask.managed_files:
    files: "{{ shop | emperor.flask.maintenance_files('on', retry_after='30m', allow='192.0.2.0/24') }}"
    validate: [nginx, -t]
"""

RETURN = r"""
_value:
  description: Files, each with C(path), and C(template) and C(vars), or C(state).
  type: list
  elements: dict
"""


def maintenance_files(
    app: dict[str, Any], state: str, retry_after: str = "10m", allow: str = "", message: str = ""
) -> list[dict[str, Any]]:
    """Return files, or raise a filter error."""
    try:
        health_path, mount = app.get("health_path") or "/", app.get("mount") or ""
        return files(app["name"], state, health_path, retry_after, allow, message, mount)
    except MaintenanceError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Registers the filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter under its name."""
        return {"maintenance_files": maintenance_files}
