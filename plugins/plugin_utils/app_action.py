# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""What the action plugins that take apps have in common."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.emperor.flask.plugins.plugin_utils.apps import AppsError, read_apps


class AppAction(ActionBase):  # type: ignore[misc]
    """An action plugin whose argument is `flask_apps`, or one complete app of it."""

    def checked_apps(self, raw: Any) -> list[dict[str, Any]]:
        """Return complete apps whose sources on the controller exist, or fail with all mistakes."""
        try:
            return read_apps(raw, search=source_folders())
        except AppsError as error:
            raise AnsibleActionFail(str(error)) from None


def source_folders() -> list[str]:
    """Return where a relative source on the controller may start: at the ansible.cfg in use, or right here."""
    folders = [str(Path(C.CONFIG_FILE).parent)] if C.CONFIG_FILE else []
    if os.getcwd() not in folders:
        folders.append(os.getcwd())
    return folders
