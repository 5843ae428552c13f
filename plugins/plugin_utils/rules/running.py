# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""How an app is run: its entry, its times, its commands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.emperor.flask.plugins.plugin_utils.app_schema import Problems
from ansible_collections.emperor.flask.plugins.plugin_utils.rules.values import (
    check_number,
    check_path,
    check_size,
    check_time,
    seconds,
)

_WSGI = re.compile(
    r"(?P<target>[A-Za-z_]\w*(\.[A-Za-z_]\w*)*|[\w./-]+\.py):(?P<callable>[A-Za-z_]\w*(\(\))?)",
    re.ASCII,
)
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+(:[a-z0-9]+)?")
# Seconds, from and to. The emperor lets a leaving vassal go on for 310 s (emperor-curse-tolerance), so no request may
# take longer.
_TIMES = {
    "request_timeout": (1, 300),
    "drain_timeout": (1, 300),
    "release_command_timeout": (1, 86400),
    "rollback_window": (0, 86400),
    "idle": (0, 86400),
}


def check(app: dict[str, Any], path: str, problems: Problems) -> None:
    match = _WSGI.fullmatch(app["wsgi"])
    if not match:
        problems.add(f"{path}.wsgi", f"'{app['wsgi']}' is not module:callable or file.py:callable; try app:app")
    elif match["target"].endswith(".py"):
        check_path(match["target"], "wsgi file", f"{path}.wsgi", problems)
    check_number(app["buffer_size"], 4096, 65535, f"{path}.buffer_size", problems)
    check_number(app["keep_releases"], 2, 50, f"{path}.keep_releases", problems)
    check_size(app["max_body_size"], f"{path}.max_body_size", problems)
    for key, (low, high) in _TIMES.items():
        check_time(app[key], low, high, f"{path}.{key}", problems)
    command = app["release_command"]
    if command is not None and ("\0" in command or not command.strip()):
        problems.add(f"{path}.release_command", "is empty or contains a NUL character")
    for index, package in enumerate(app["packages"]):
        if not _PACKAGE.fullmatch(package):
            problems.add(f"{path}.packages[{index}]", f"'{package}' is not the name of a package; try libpq5")


def finish(app: Mapping[str, Any]) -> dict[str, Any]:
    return {key: seconds(app[key]) for key in _TIMES}
