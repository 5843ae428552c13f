# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""The filter that gives roles and templates complete apps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.emperor.flask.plugins.plugin_utils.apps import AppsError, read_apps
from ansible_collections.emperor.flask.plugins.plugin_utils.rules.tls import OFF

DOCUMENTATION = r"""
name: complete_apps
short_description: Complete and check app descriptions
version_added: 0.1.0
author: The emperor.flask maintainers
description:
  - Fills in every default of the role P(emperor.flask.flask_app#role) and checks every value.
  - Fails with all mistakes at once, each with the path of the variable, the value and what to write instead.
options:
  _input:
    description: Apps as in C(flask_apps).
    type: list
    elements: dict
    required: true
  tls:
    description: C(tls) of apps that say nothing of it.
    type: str
    choices: [acme, selfsigned, files, "off"]
    default: "off"
"""

EXAMPLES = r"""
- name: Show the domains of all apps
  ansible.builtin.debug:
    msg: "{{ flask_apps | emperor.flask.complete_apps | map(attribute='domains') | flatten }}"
"""

RETURN = r"""
_value:
  description: The apps with every key present, times in seconds, and the keys C(user), C(builder) and C(root) added.
  type: list
  elements: dict
"""


def complete_apps(apps: Any, tls: str = OFF) -> list[dict[str, Any]]:
    """Return complete apps or raise a filter error that lists all mistakes."""
    try:
        return read_apps(apps, tls=tls)
    except AppsError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Registers the filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter under its name."""
        return {"complete_apps": complete_apps}
