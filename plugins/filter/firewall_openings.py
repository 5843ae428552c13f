# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""The filter that says what the firewall lets through."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.emperor.flask.plugins.plugin_utils.apps import AppsError, read_apps
from ansible_collections.emperor.flask.plugins.plugin_utils.baseline import BaselineError, openings
from ansible_collections.emperor.flask.plugins.plugin_utils.rules.tls import OFF

DOCUMENTATION = r"""
name: firewall_openings
short_description: Say what the firewall lets through
version_added: 0.1.0
author: The emperor.flask maintainers
description:
  - Brings openings into one form, networks apart by the version of IP, and adds nginx's ports and those that apps have
    made public by C(listen). An app's HTTP port is open to everybody, unless an opening has the same port and decides.
  - Ports of uWSGI's own protocol and of statistics are never added; only an opening lets somebody reach them.
options:
  _input:
    description: Openings as in C(baseline_firewall_allow).
    type: list
    elements: dict
    required: true
  apps:
    description: Apps as in C(flask_apps).
    type: list
    elements: dict
    default: []
  tls:
    description: C(tls) of apps that say nothing of it.
    type: str
    choices: [acme, selfsigned, files, "off"]
    default: "off"
  web:
    description: Ports of nginx, each with C(port) and C(protocol).
    type: list
    elements: dict
    default: []
  ssh:
    description: Ports of sshd.
    type: list
    elements: int
    default: []
  ssh_from:
    description: Networks that may reach these; everybody if there is none.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Show what is open
  ansible.builtin.debug:
    msg: "{{ baseline_firewall_allow | emperor.flask.firewall_openings(apps=flask_apps) }}"
"""

RETURN = r"""
_value:
  description: >-
    The openings, each with C(port) (one, or a range), C(protocol), C(from4) and C(from6) (networks; everybody if both
    are empty), C(to) (an address of the host, or empty) and C(why).
  type: list
  elements: dict
"""


def firewall_openings(
    allow: Any,
    apps: Any = (),
    web: Sequence[dict[str, Any]] = (),
    ssh: Sequence[int] = (),
    ssh_from: Sequence[str] = (),
    tls: str = OFF,
) -> list[dict[str, Any]]:
    """Return the openings or raise a filter error that lists all mistakes."""
    try:
        return openings(allow, read_apps(list(apps), tls=tls), web, ssh, ssh_from)
    except (AppsError, BaselineError) as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Registers the filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter under its name."""
        return {"firewall_openings": firewall_openings}
