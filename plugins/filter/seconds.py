# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""The filter that reads times."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.emperor.flask.plugins.plugin_utils.rules import values

DOCUMENTATION = r"""
name: seconds
short_description: Read a time such as 30s or 10m
version_added: 0.1.0
author: The emperor.flask maintainers
description:
  - Fails with an example if the text is no time.
options:
  _input:
    description: The time.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show 600
  ansible.builtin.debug:
    msg: "{{ '10m' | emperor.flask.seconds }}"
"""

RETURN = r"""
_value:
  description: The time in seconds.
  type: int
"""


def seconds(time: Any) -> int:
    """Return seconds, or raise a filter error."""
    try:
        return values.seconds(str(time))
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Registers the filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter under its name."""
        return {"seconds": seconds}
