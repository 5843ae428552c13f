# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: validate_apps
short_description: Refuse wrong app descriptions before any host is touched
description:
  - Runs on the controller and needs no connection.
  - Fails with all mistakes at once, each with the path of the variable, the value and what to write instead.
extends_documentation_fragment:
  - emperor.flask.attributes.check
author: The emperor.flask maintainers
version_added: 0.1.0

options:
  apps:
    description: The apps, as in C(flask_apps) of the role P(emperor.flask.flask_app#role).
    type: list
    elements: dict
    required: true
  tls:
    description: C(tls) of apps that say nothing of it.
    type: str
    choices: [acme, selfsigned, files, "off"]
    default: "off"
  acme_dns:
    description: Whether an ACME authority is shown by DNS whose a name is, which it asks for names with C(*).
    type: bool
    default: true
  only:
    description: >-
      Name of the app that the run is about; empty for all. No certificate of another one holds it up by its date.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Check the apps
  emperor.flask.validate_apps:
    apps: "{{ flask_apps }}"
"""

RETURN = r"""
names:
  description: Names of the apps.
  returned: success
  type: list
  elements: str
"""
