# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Renders a role's templates in an action plugin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.plugins.loader import lookup_loader


class Shared(dict[str, Any]):
    """Variables that a template only reads.

    The lookup copies them deeply for each file: all that is known of a host and of all its apps.
    """

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        """Return a mapping of its own, with the same values; Ansible takes a plain one alone."""
        return dict(self)


def render(action: ActionBase, template: str, variables: Mapping[str, Any]) -> str:
    """Return a template, found and rendered just as the template module would do it."""
    lookup = lookup_loader.get("ansible.builtin.template", loader=action._loader, templar=action._templar)
    text: str = lookup.run([template], Shared(variables))[0]
    return text
