# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""The request that a new release must answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from ansible_collections.emperor.flask.plugins.plugin_utils.app_schema import Problems
from ansible_collections.emperor.flask.plugins.plugin_utils.rules.values import (
    NGINX_SYNTAX,
    PATH_LENGTH,
    check_number,
    check_request_path,
    check_time,
    seconds,
)


def open_path(health_path: str) -> str:
    """Return where monitors and load balancers ask nginx, also while nobody else may; an empty text for nowhere.

    At / is what visitors want to see: an app without a path of its own for its health is closed as a whole.
    """
    path = unquote(health_path.partition("?")[0])
    return "" if path == "/" or NGINX_SYNTAX.search(path) or not path.isprintable() else path


def check(app: dict[str, Any], path: str, problems: Problems) -> None:
    health, path = app["health"], f"{path}.health"
    check_request_path(health["path"], "/healthz", f"{path}.path", problems)
    if health["text"] is not None and not 0 < len(health["text"]) <= PATH_LENGTH:
        problems.add(f"{path}.text", f"is empty or longer than {PATH_LENGTH} characters; leave it out for any")
    for index, status in enumerate(health["status"]):
        check_number(status, 100, 599, f"{path}.status[{index}]", problems)
    check_time(health["timeout"], 1, 3600, f"{path}.timeout", problems)


def finish(app: Mapping[str, Any]) -> dict[str, Any]:
    return {"health": {**app["health"], "timeout": seconds(app["health"]["timeout"])}}
