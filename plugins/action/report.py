# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Brings together what a task has found on all hosts of a play, for a person or for a program."""

from __future__ import annotations

import json
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.emperor.flask.plugins.plugin_utils.reports import KINDS, ReportError, check_known


class ActionModule(ActionBase):
    """Runs on the controller, once for all hosts; the callback of the same name prints its lines as they are."""

    _VALID_ARGS = frozenset({"kind", "register", "app", "format"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the lines under the name that the callback looks for."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        args, variables = self._task.args, task_vars or {}
        as_lines, as_data = KINDS[args["kind"]]
        wanted = args.get("format") or "table"
        if wanted not in ("table", "json"):
            raise AnsibleActionFail(f"format '{wanted}' is neither table nor json")
        seen = {host: variables["hostvars"][host].get(args["register"]) for host in variables["ansible_play_hosts_all"]}
        found = {host: entry for host, entry in seen.items() if usable(entry)}
        missing = [host for host in seen if host not in found]
        if found:
            try:
                check_known(found, args.get("app") or "")
            except ReportError as error:
                raise AnsibleActionFail(str(error)) from None
        if wanted == "json":
            lines = [json.dumps({**as_data(found), "missing": missing})]
        else:
            lines = [*(as_lines(found) if found else []), *(f"{host}: no answer" for host in missing)]
        return {**result, "changed": False, "emperor_flask_report": lines, "_ansible_verbose_always": True}


def usable(entry: Any) -> bool:
    """Tell whether a host has answered; a task that was skipped answers nothing, on purpose."""
    return isinstance(entry, dict) and not entry.get("unreachable") and not entry.get("failed") and "known" in entry
