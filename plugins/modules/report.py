# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: report
short_description: Show what a task has found on all hosts
description:
  - Runs on the controller and needs no connection. Meant for C(run_once).
  - With the callback P(emperor.flask.report#callback), the lines are printed as they are; with any other, as a list.
extends_documentation_fragment:
  - emperor.flask.attributes.reads
author: The emperor.flask maintainers
version_added: 0.1.0

options:
  kind:
    description: What to make of the results.
    type: str
    choices: [status, history, text, removal]
    required: true
  register:
    description: Variable that the task has registered on each host.
    type: str
    required: true
  app:
    description: Name of the app that was asked for; it is an error if no host knows it. Empty for all.
    type: str
    default: ""
  format:
    description: C(json) for programs.
    type: str
    choices: [table, json]
    default: table
"""

EXAMPLES = r"""
- name: Look at the apps
  emperor.flask.status:
    listed: [shop]
  register: __flask_app_seen

- name: Show them
  emperor.flask.report:
    kind: status
    register: __flask_app_seen
  run_once: true
"""

RETURN = r"""
emperor_flask_report:
  description: The lines.
  returned: success
  type: list
  elements: str
"""
