# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""How an app is called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.emperor.flask.plugins.module_utils.layout import APP_NAME
from ansible_collections.emperor.flask.plugins.plugin_utils.app_schema import VARIABLE, Problems


def variable_suffix(name: str) -> str:
    """Return what sets an app's variables of nginx apart.

    Such a name has no dash, and an app's has no underscore, so two apps never share one.
    """
    return name.replace("-", "_")


def check(app: dict[str, Any], path: str, problems: Problems) -> None:
    if not APP_NAME.fullmatch(app["name"]):
        problems.add(f"{path}.name", f"app '{app['name']}': use a-z, 0-9 and '-', at most 23 characters")


def check_together(apps: Mapping[int, dict[str, Any]], problems: Problems) -> None:
    """Check that each app has a name of its own."""
    names: set[str] = set()
    for index, app in apps.items():
        if app["name"] in names:
            problems.add(
                f"{VARIABLE}[{index}].name",
                f"the name '{app['name']}' is used twice; every app needs a name of its own",
            )
        names.add(app["name"])


def finish(_app: Mapping[str, Any]) -> dict[str, Any]:
    return {}
