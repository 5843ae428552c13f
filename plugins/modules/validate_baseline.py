# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: validate_baseline
short_description: Refuse wrong variables of the role baseline before any host is touched
description:
  - Runs on the controller and needs no connection.
  - Fails with all mistakes at once, each with the variable, the value and what to write instead.
  - Warns of ports that an app makes public and the firewall keeps closed, and of variables that the role does not
    know.
extends_documentation_fragment:
  - emperor.flask.attributes.check
author: The emperor.flask maintainers
version_added: 0.1.0

options:
  variables:
    description: The variables of the role P(emperor.flask.baseline#role), by their names.
    type: dict
    required: true
  apps:
    description: The apps of the host, as in C(flask_apps) of the role P(emperor.flask.flask_app#role).
    type: list
    elements: dict
    default: []
  tls:
    description: C(tls) of apps that say nothing of it.
    type: str
    choices: [acme, selfsigned, files, "off"]
    default: "off"
"""

EXAMPLES = r"""
- name: Check the baseline
  emperor.flask.validate_baseline:
    variables:
      baseline_firewall: true
      baseline_firewall_allow: [{port: 9090, protocol: tcp}]
"""

RETURN = r"""
{}
"""
