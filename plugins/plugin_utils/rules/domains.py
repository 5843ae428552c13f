# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""The names that an app answers to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.emperor.flask.plugins.plugin_utils.app_schema import VARIABLE, Problems

_LABEL = r"(?!-)[a-z0-9-]{1,63}(?<!-)"
_HOSTNAME = re.compile(rf"(?=.{{1,253}}\Z)(\*\.)?{_LABEL}(\.{_LABEL})*")
_IPV4 = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){3}")


def check(app: dict[str, Any], path: str, problems: Problems) -> None:
    for key in ("domains", "redirect_domains"):
        for index, domain in enumerate(app[key]):
            where = f"{path}.{key}[{index}]"
            if flaw := _flaw(domain):
                problems.add(where, flaw)
            if domain in app[key][:index]:
                problems.add(where, f"domain {domain} is listed twice")
            elif key == "redirect_domains" and domain in _domains(app):
                problems.add(where, f"domain {domain} is among domains, too; keep it in one of the two")
    first = _domains(app)[0]
    if app["redirect_domains"] and first.startswith("*"):
        problems.add(f"{path}.domains[0]", f"redirect_domains cannot lead to {first}; list a name without '*' first")


def check_together(apps: Mapping[int, dict[str, Any]], problems: Problems) -> None:
    """Check that each name belongs to one app of the host."""
    owners: dict[str, str] = {}
    for index, app in apps.items():
        for key, domains in (("domains", _domains(app)), ("redirect_domains", app["redirect_domains"])):
            for number, domain in enumerate(domains):
                owner = owners.setdefault(domain.lower(), app["name"])
                if owner != app["name"]:
                    where = f"{VARIABLE}[{index}].{key}[{number}]"
                    problems.add(where, f"domain {domain} is used by apps {owner} and {app['name']}")


def finish(app: Mapping[str, Any]) -> dict[str, Any]:
    return {"domains": _domains(app)}


def _domains(app: Mapping[str, Any]) -> list[str]:
    return app["domains"] or [f"{app['name']}.localhost"]


def _flaw(domain: str) -> str:
    """Return why nginx should not get this as a name, or an empty text."""
    if _IPV4.fullmatch(domain):
        too_large = any(int(part) > 255 for part in domain.split("."))
        return f"'{domain}' is no IPv4 address" if too_large else ""
    if domain != domain.lower():
        return f"'{domain}' has capital letters; write {domain.lower()}"
    if not domain.isascii():
        return f"'{domain}' is not ASCII; write it in punycode (xn--…)"
    if not _HOSTNAME.fullmatch(domain):
        return f"{domain!r} is not a host name; try shop.example.org or *.shop.example.org"
    return ""
