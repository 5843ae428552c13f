# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Renders the templates of managed files on the controller."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.emperor.flask.plugins.plugin_utils.rendering import render


class ActionModule(ActionBase):
    """Turns `template` and `vars` of each file into `content` and calls the module of the same name."""

    _VALID_ARGS = frozenset({"files", "validate", "forbidden", "pending"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Render all, then write all in one call."""
        super().run(tmp, task_vars)
        files = [self._rendered(file, task_vars or {}) for file in self._task.args.get("files", [])]
        arguments = {**self._task.args, "files": files}
        return self._execute_module("emperor.flask.managed_files", arguments, task_vars=task_vars)

    def _rendered(self, file: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        kept = {key: value for key, value in file.items() if key not in ("template", "vars")}
        if file.get("state") == "absent":
            return kept
        if ("template" in file) == ("content" in file):
            raise AnsibleActionFail(f"{file.get('path', 'a file')}: give exactly one of template and content")
        if "template" in file:
            kept["content"] = render(self, file["template"], {**task_vars, **file.get("vars", {})})
        return kept
