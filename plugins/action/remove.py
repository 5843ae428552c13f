# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Names the run that removes an app."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.emperor.flask.plugins.plugin_utils.runs import this_run


class ActionModule(ActionBase):
    """Adds whose lock it is, and calls the module of the same name."""

    _VALID_ARGS = frozenset({"name", "listed", "purge", "wait"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what the module has removed."""
        super().run(tmp, task_vars)
        arguments = {**self._task.args, "lock": this_run()}
        return self._execute_module("emperor.flask.remove", arguments, task_vars=task_vars)
