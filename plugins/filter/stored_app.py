# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""The filter that gives roles the app as a release has stored it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.emperor.flask.plugins.plugin_utils.apps import with_defaults

DOCUMENTATION = r"""
name: stored_app
short_description: Complete an app as a release has stored it
version_added: 0.1.0
author: The emperor.flask maintainers
description:
  - Adds to a description that a release carries the keys that were not known yet when it was built.
options:
  _input:
    description: C(description) of a plan, see M(emperor.flask.plan).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show where the app of a plan lives
  ansible.builtin.debug:
    msg: "{{ (planned.description | emperor.flask.stored_app).root }}"
"""

RETURN = r"""
_value:
  description: The app, without its source and its secrets.
  type: dict
"""


class FilterModule:
    """Registers the filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter under its name."""
        return {"stored_app": with_defaults}
