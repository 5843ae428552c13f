# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""How an app is called, and what names it answers to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.emperor.flask.plugins.module_utils.layout import APP_NAME
from ansible_collections.emperor.flask.plugins.plugin_utils.app_schema import Problems

_LABEL = r"(?!-)[a-z0-9-]{1,63}(?<!-)"
_HOSTNAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*")
_IPV4 = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){3}")


def default_domains(name: str) -> list[str]:
    """Return the names that an app answers to when its description gives none."""
    return [f"{name}.localhost"]


def variable_suffix(name: str) -> str:
    """Return what sets an app's variables of nginx apart.

    Such a name has no dash, and an app's has no underscore, so two apps never share one.
    """
    return name.replace("-", "_")


def check(app: dict[str, Any], path: str, problems: Problems) -> None:
    if not APP_NAME.fullmatch(app["name"]):
        problems.add(f"{path}.name", f"app '{app['name']}': use a-z, 0-9 and '-', at most 23 characters")
    for index, domain in enumerate(app["domains"]):
        where = f"{path}.domains[{index}]"
        numeric = _IPV4.fullmatch(domain)
        if numeric:
            if any(int(part) > 255 for part in domain.split(".")):
                problems.add(where, f"'{domain}' is no IPv4 address")
        elif domain != domain.lower():
            problems.add(where, f"'{domain}' has capital letters; write {domain.lower()}")
        elif not domain.isascii():
            problems.add(where, f"'{domain}' is not ASCII; write it in punycode (xn--…)")
        elif not _HOSTNAME.fullmatch(domain):
            problems.add(where, f"{domain!r} is not a host name; try shop.example.org")
        if domain in app["domains"][:index]:
            problems.add(where, f"domain {domain} is listed twice")


def finish(app: Mapping[str, Any]) -> dict[str, Any]:
    return {"domains": app["domains"] or default_domains(app["name"])}
