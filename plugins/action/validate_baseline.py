# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Refuses wrong variables of the role `baseline` on the controller, without a connection."""

from __future__ import annotations

import difflib
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.emperor.flask.plugins.plugin_utils.apps import AppsError, read_apps
from ansible_collections.emperor.flask.plugins.plugin_utils.baseline import BaselineError, check, spec, warnings
from ansible_collections.emperor.flask.plugins.plugin_utils.rules.tls import OFF


class ActionModule(ActionBase):
    """Checks, and warns of what a person should know."""

    _requires_connection = False
    _VALID_ARGS = frozenset({"variables", "apps", "tls"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Fail with all mistakes, or name the ports that stay closed."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = self._task.args["variables"]
        for name in variables.keys() - spec().keys():
            self._display.warning(_unknown(name))
        try:
            values = check(variables)
            apps = read_apps(self._task.args.get("apps") or [], tls=self._task.args.get("tls") or OFF)
        except (BaselineError, AppsError) as error:
            raise AnsibleActionFail(str(error)) from None
        for text in warnings(values["baseline_firewall_allow"], apps) if values["baseline_firewall"] else []:
            self._display.warning(text)
        return {**result, "changed": False}


def _unknown(name: str) -> str:
    close = difflib.get_close_matches(name, spec(), 1)
    meant = f"; did you mean {close[0]}?" if close else ""
    return f"{name}: is no variable of the role baseline, and does nothing{meant}"
