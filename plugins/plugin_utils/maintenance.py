# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Checks what an operator typed to close an app, and names nginx's files for it.

nginx reads its files as code, so a value is accepted only if it cannot be syntax there.
"""

from __future__ import annotations

import html
from typing import Any

from ansible_collections.emperor.flask.plugins.module_utils.layout import AppLayout
from ansible_collections.emperor.flask.plugins.plugin_utils.rules.health import open_path
from ansible_collections.emperor.flask.plugins.plugin_utils.rules.identity import variable_suffix
from ansible_collections.emperor.flask.plugins.plugin_utils.rules.values import NGINX_SYNTAX, network, seconds

DEFAULT_MESSAGE = "We are working on this site. Please come back in a few minutes."
# The longest parameter that nginx takes has 4096 bytes, and the page around the message has its share.
_LONGEST_MESSAGE = 300


class MaintenanceError(ValueError):
    """Something that was typed cannot be used."""


def addresses(allow: str) -> list[str]:
    """Return the networks of a list with commas; an address is a network of one."""
    parts = (part.strip() for part in allow.split(","))
    try:
        return list(dict.fromkeys(network(part) for part in parts if part))
    except ValueError as error:
        raise MaintenanceError(f"allow: {error}") from None


def message(given: str) -> str:
    """Return a checked message, safe in HTML."""
    if wrong := NGINX_SYNTAX.search(given):
        raise MaintenanceError(f"message contains {wrong[0]}; leave out ; {{ }} \" ' $ and \\")
    if not given.isprintable():
        raise MaintenanceError("message contains a control character; write it on one line")
    if len(given) > _LONGEST_MESSAGE:
        raise MaintenanceError(f"message has {len(given)} characters; {_LONGEST_MESSAGE} are the most")
    return html.escape(given or DEFAULT_MESSAGE, quote=False)


def retry_after(given: str) -> int:
    """Return a checked time in seconds."""
    try:
        return seconds(given)
    except ValueError as error:
        raise MaintenanceError(f"retry_after: {error}") from None


def files(
    name: str, state: str, health_path: str = "/", retry: str = "10m", allow: str = "", text: str = "", mount: str = ""
) -> list[dict[str, Any]]:
    """Return the files that close an app, or that have to go to open it. Raises MaintenanceError."""
    if state not in ("on", "off"):
        raise MaintenanceError(f"state '{state}' is neither on nor off; add -e state=on to close the app")
    visitors, page = AppLayout(name).maintenance
    if state == "off":
        return [{"path": str(path), "state": "absent"} for path in (visitors, page)]
    variables = {
        "app": name,
        "suffix": variable_suffix(name),
        "allowed": addresses(allow),
        "open_path": f"{mount}{opened}" if (opened := open_path(health_path)) else "",
        "retry_after": retry_after(retry),
        "message": message(text),
    }
    return [
        {"path": str(visitors), "template": "maintenance-visitors.conf.j2", "vars": variables},
        {"path": str(page), "template": "maintenance-page.conf.j2", "vars": variables},
    ]
