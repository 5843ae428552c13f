# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Checks what an operator typed to close an app, and names nginx's files for it.

nginx reads its files as code, so a value is accepted only if it cannot be syntax there.
"""

from __future__ import annotations

import html
import ipaddress
import re
from typing import Any
from urllib.parse import unquote

from ansible_collections.emperor.flask.plugins.module_utils.layout import AppLayout
from ansible_collections.emperor.flask.plugins.plugin_utils.rules.values import seconds

DEFAULT_MESSAGE = "We are working on this site. Please come back in a few minutes."
# The longest parameter that nginx takes has 4096 bytes, and the page around the message has its share.
_LONGEST_MESSAGE = 300
_SYNTAX = re.compile(r"[;{}\"'$\\]")


class MaintenanceError(ValueError):
    """Something that was typed cannot be used."""


def addresses(allow: str) -> list[str]:
    """Return the networks of a list with commas; an address is a network of one."""
    parts = (part.strip() for part in allow.split(","))
    return list(dict.fromkeys(_network(part) for part in parts if part))


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        raise MaintenanceError(f"allow: '{text}' is no address or network; {_meant(text)}") from None


def _meant(part: str) -> str:
    try:
        return f"try {ipaddress.ip_network(part, strict=False)}"
    except ValueError:
        return "try 192.0.2.0/24,198.51.100.7"


def message(given: str) -> str:
    """Return a checked message, safe in HTML."""
    if wrong := _SYNTAX.search(given):
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
    name: str, state: str, health_path: str = "/", retry: str = "10m", allow: str = "", text: str = ""
) -> list[dict[str, Any]]:
    """Return the files that close an app, or that have to go to open it. Raises MaintenanceError."""
    if state not in ("on", "off"):
        raise MaintenanceError(f"state '{state}' is neither on nor off; add -e state=on to close the app")
    visitors, page = AppLayout(name).maintenance
    if state == "off":
        return [{"path": str(path), "state": "absent"} for path in (visitors, page)]
    route = unquote(health_path.partition("?")[0])
    variables = {
        "app": name,
        # A variable of nginx has no dash; an app has no underscore, so two apps never share one.
        "suffix": name.replace("-", "_"),
        "allowed": addresses(allow),
        # At / is what visitors want to see: an app without a path of its own for its health is closed as a whole.
        "open_path": "" if route == "/" or _SYNTAX.search(route) or not route.isprintable() else route,
        "retry_after": retry_after(retry),
        "message": message(text),
    }
    return [
        {"path": str(visitors), "template": "maintenance-visitors.conf.j2", "vars": variables},
        {"path": str(page), "template": "maintenance-page.conf.j2", "vars": variables},
    ]
