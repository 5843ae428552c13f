# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""What the action plugins that take apps have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.emperor.flask.plugins.plugin_utils.apps import AppsError, read_apps


class AppAction(ActionBase):
    """An action plugin whose argument is `flask_apps`, or one complete app of it."""

    def checked_apps(self, raw: Any) -> list[dict[str, Any]]:
        """Return complete apps whose sources on the controller exist, or fail with all mistakes."""
        try:
            return read_apps(raw, search=source_folders())
        except AppsError as error:
            raise AnsibleActionFail(str(error)) from None


def source_folders() -> list[str]:
    """Return where a relative source of the controller may start.

    At the ansible.cfg in use, or here, or, for the apps that come with it, in the collection.
    """
    folders = [Path(constants.CONFIG_FILE).parent] if constants.CONFIG_FILE else []
    folders += [Path.cwd(), Path(__file__).resolve().parents[2]]
    return [str(folder) for folder in dict.fromkeys(folders)]
