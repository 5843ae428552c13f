# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""How far an app is shut off from the others, and what all of it together may take of the host."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.emperor.flask.plugins.plugin_utils.app_schema import Problems
from ansible_collections.emperor.flask.plugins.plugin_utils.rules.values import check_memory, megabytes

_PERCENT = re.compile(r"([1-9][0-9]{0,4})%")
# Below, no app would come up in time.
_LEAST_PERCENT, _MOST_PERCENT = 5, 51_200
_LEAST_MEGABYTES = 64
_GOES_WITH = "goes with isolation: strict or server: gunicorn only; give one of them, or leave it out"
_LIMITS = ("memory_max", "cpu_quota")


def check(app: dict[str, Any], path: str, problems: Problems) -> None:
    if app["isolation"] != "strict" and app["server"] != "gunicorn":
        for key in (key for key in _LIMITS if app[key] is not None):
            problems.add(f"{path}.{key}", _GOES_WITH)
        return
    if app["memory_max"] is not None:
        check_memory(app["memory_max"], _LEAST_MEGABYTES, f"{path}.memory_max", problems)
    quota = app["cpu_quota"]
    if quota is not None:
        match = _PERCENT.fullmatch(quota)
        if not match:
            meant = f"{quota}%" if _PERCENT.fullmatch(f"{quota}%") else "150%"
            problems.add(f"{path}.cpu_quota", f"{quota!r} is not a share of a processor; try {meant}")
        elif not _LEAST_PERCENT <= int(match[1]) <= _MOST_PERCENT:
            problems.add(f"{path}.cpu_quota", f"{quota} is not between {_LEAST_PERCENT}% and {_MOST_PERCENT}%")


def finish(app: Mapping[str, Any]) -> dict[str, Any]:
    memory, quota = app["memory_max"], app["cpu_quota"]
    return {
        "memory_max": memory if memory is None else megabytes(memory),
        "cpu_quota": quota if quota is None else int(quota.rstrip("%")),
    }
