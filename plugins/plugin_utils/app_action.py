# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""What the action plugins that take apps have in common."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase

from ansible_collections.emperor.flask.plugins.plugin_utils.apps import AppsError, read_apps
from ansible_collections.emperor.flask.plugins.plugin_utils.rules.tls import OFF


class AppAction(ActionBase):
    """An action plugin whose argument is `flask_apps`, or one complete app of it."""

    def checked_apps(self) -> list[dict[str, Any]]:
        """Return complete apps whose sources on the controller exist, or fail with all mistakes."""
        args = self._task.args
        try:
            return read_apps(args.get("apps"), search=source_folders(), tls=args.get("tls") or OFF)
        except AppsError as error:
            raise AnsibleActionFail(str(error)) from None

    def keep_key_off_the_host(self, apps: list[str]) -> None:
        """Send what this task sends through the connection alone, since these apps have deploy keys; or fail.

        Without pipelining Ansible writes a module with its arguments into a file of the host first, and a
        killed run leaves it there.
        """
        if not apps:
            return
        with contextlib.suppress(AnsibleError):  # a connection without this option obeys the configuration
            self._connection.set_option("pipelining", True)
        if not self._is_pipelining_enabled("new"):
            raise AnsibleActionFail(
                f"app {', '.join(apps)}: without pipelining Ansible would write source.key to the host; set "
                "pipelining = true below [connection] in ansible.cfg, unset ANSIBLE_KEEP_REMOTE_FILES, become by sudo"
            )


def source_folders() -> list[str]:
    """Return where a relative source of the controller may start.

    At the ansible.cfg in use, or here, or, for the apps that come with it, in the collection.
    """
    folders = [Path(constants.CONFIG_FILE).parent] if constants.CONFIG_FILE else []
    folders += [Path.cwd(), Path(__file__).resolve().parents[2]]
    return [str(folder) for folder in dict.fromkeys(folders)]
