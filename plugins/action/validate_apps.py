# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Refuses wrong app descriptions on the controller, without a connection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail

from ansible_collections.emperor.flask.plugins.plugin_utils import acme_dns
from ansible_collections.emperor.flask.plugins.plugin_utils.app_action import AppAction
from ansible_collections.emperor.flask.plugins.plugin_utils.nginx_settings import PORTS, SETTINGS, flaws
from ansible_collections.emperor.flask.plugins.plugin_utils.rules.listen import clashes, warnings
from ansible_collections.emperor.flask.plugins.plugin_utils.rules.tls import unproved, untimely
from ansible_collections.emperor.flask.plugins.plugin_utils.vaults import clear_vaults, remedy


class ActionModule(AppAction):
    """Validates, warns, and returns the names alone: complete apps hold secrets."""

    _requires_connection = False
    _VALID_ARGS = frozenset({"apps", "tls", "acme_dns", "only"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Fail with all mistakes, or name the apps."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        apps = self.checked_apps()
        variables = task_vars or {}
        nginx = {name: self._templar.template(variables[name]) for name in SETTINGS if name in variables}
        ports = {name: nginx[name] for name in PORTS if name in nginx}
        found = [*flaws(nginx), *(text for app in apps for text in clashes(app, ports))]
        if not self._task.args.get("acme_dns", True):
            found += [text for app in apps for text in unproved(app)]
        found += acme_dns.flaws(self._templar.template(variables.get(acme_dns.VARIABLE)))
        only = self._task.args.get("only") or ""
        found += [text for app in apps if only in ("", app["name"]) for text in untimely(app)]
        if found:
            raise AnsibleActionFail("\n".join(found))
        for warning in [*(text for app in apps for text in warnings(app)), *_clear_vaults(task_vars or {})]:
            self._display.warning(warning)
        return {**result, "changed": False, "names": [app["name"] for app in apps]}


def _clear_vaults(variables: dict[str, Any]) -> list[str]:
    # One that is given on the command line, as `host,`, stands nowhere.
    inventory = variables.get("inventory_dir")
    return [remedy(path) for path in clear_vaults(Path(inventory))] if inventory else []
