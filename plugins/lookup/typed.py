# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""What was typed after an extra variable's name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible import context
from ansible.plugins.lookup import LookupBase

DOCUMENTATION = r"""
name: typed
short_description: The whole text of an extra variable, blanks included
version_added: 0.1.0
author: The emperor.flask maintainers
description:
  - Of C(-e command='flask routes') the shell leaves C(command=flask routes), of which Ansible takes the first word.
    This returns all of it.
  - A value in quotes of its own, and one from a file or a mapping, is returned as Ansible has read it.
options:
  _terms:
    description: Name of the variable.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Show what was typed
  ansible.builtin.debug:
    msg: "{{ lookup('emperor.flask.typed', 'command') }}"
"""

RETURN = r"""
_raw:
  description: The texts; an empty one for a variable that is not set.
  type: list
  elements: str
"""


class LookupModule(LookupBase):
    """Looks into the command line."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **_options: Any) -> list[Any]:
        """Return one text for each name."""
        given = [str(entry) for entry in context.CLIARGS.get("extra_vars") or ()]
        return [typed(name, given, variables or {}) for name in terms]


def typed(name: str, given: Iterable[str], variables: Mapping[str, Any]) -> Any:
    """Return the text of the last option that begins with this name, or the variable."""
    found = None
    for option in given:
        key, equals, rest = option.partition("=")
        if equals and key.strip() == name:
            # In quotes of its own, Ansible has read it well.
            found = None if rest[:1] in ("'", '"') else rest
    return variables.get(name, "") if found is None else found
