# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""The filter that names the files of a release that say how it is run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.emperor.flask.plugins.plugin_utils.release_files import release_files

DOCUMENTATION = r"""
name: release_files
short_description: Name the files of a release that say how it is run
version_added: 0.1.0
author: The emperor.flask maintainers
description:
  - Each is rendered from a template of the role P(emperor.flask.flask_app#role) with its name and C(.j2).
options:
  _input:
    description: A complete app, as P(emperor.flask.complete_apps#filter) returns it.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what runs the shop
  ansible.builtin.debug:
    msg: "{{ shop | emperor.flask.release_files }}"
"""

RETURN = r"""
_value:
  description: Names of files.
  type: list
  elements: str
"""


class FilterModule:
    """Registers the filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter under its name."""
        return {"release_files": release_files}
