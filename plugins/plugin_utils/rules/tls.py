# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""How visitors reach an app by TLS, and where its certificate comes from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.emperor.flask.plugins.plugin_utils.app_schema import VARIABLE, Problems
from ansible_collections.emperor.flask.plugins.plugin_utils.pem import PemError, check_pair, flaws_of_time
from ansible_collections.emperor.flask.plugins.plugin_utils.rules.domains import domains_of

OFF, ACME, SELFSIGNED, FILES = "off", "acme", "selfsigned", "files"
_KEYS = ("certificate", "certificate_key")
# Names that no certificate authority can reach: https://www.rfc-editor.org/rfc/rfc6761#section-6.3
_LOCAL = re.compile(r"(.+\.)?localhost|[0-9.]+")
# https://letsencrypt.org/docs/rate-limits/; other authorities have the same.
_MOST_NAMES = 100


def check(app: dict[str, Any], path: str, problems: Problems) -> None:
    if app["tls"] != FILES:
        for key in _KEYS:
            if app[key] is not None:
                problems.add(f"{path}.{key}", f"goes with tls: files, and tls is {app['tls']}; leave one of them out")
    if app["tls"] == ACME:
        for name in certified(app):
            if _LOCAL.fullmatch(name):
                instead = "use selfsigned or 'off'" + ("" if app["domains"] else ", or give domains")
                problems.add(f"{path}.tls", f"acme has no certificate for {name}; {instead}")
        if (count := len(certified(app))) > _MOST_NAMES:
            many = f"{count} names, with redirect_domains, and acme has at most {_MOST_NAMES} in a certificate"
            problems.add(f"{path}.domains", f"{many}; use a name with '*.'")
    if app["tls"] == FILES:
        _check_files(app, path, problems)


def check_together(apps: Mapping[int, dict[str, Any]], problems: Problems) -> None:
    """Apps that share their names are one server of nginx."""
    for index, app in apps.items():
        for other in apps.values():
            shares = other is not app and set(domains_of(app)) & set(domains_of(other))
            if shares and app["name"] > other["name"] and app["tls"] != other["tls"]:
                why = f"is {app['tls']}, and {other['tls']} for app {other['name']}, which has the same domains"
                problems.add(f"{VARIABLE}[{index}].tls", f"{why}; give both the same")
        if app["tls"] == OFF:
            _check_patterns(app, list(apps.values()), f"{VARIABLE}[{index}].tls", problems)


def _check_patterns(app: Mapping[str, Any], others: list[dict[str, Any]], path: str, problems: Problems) -> None:
    """For a name without TLS, nginx takes a pattern of another app by TLS: that sees its cookies, and sends HSTS."""
    for other in others:
        patterns = [name for name in certified(other) if name.startswith("*") and other["tls"] != OFF]
        for name in certified(app):
            wider = [pattern for pattern in patterns if name != pattern and name.endswith(pattern[1:])]
            if wider:
                why = f"is off, and app {other['name']} would answer https://{name} by its {wider[0]}"
                problems.add(path, f"{why}; give this one tls, too")


def unproved(app: Mapping[str, Any]) -> list[str]:
    """Return what no authority gives a checked app whose names are proved by requests."""
    how = "acme proves a name with '*' by DNS alone; set certificates_acme_dns with its plugin, or list each name"
    return [
        f"app {app['name']}: {key}: {name}: {how}"
        for key in ("domains", "redirect_domains")
        for name in app[key]
        if app["tls"] == ACME and name.startswith("*")
    ]


def untimely(app: Mapping[str, Any]) -> list[str]:
    """Return what a checked app gives that is not valid now: a rule of the day, which holds up no rollback at night."""
    if app["tls"] != FILES:
        return []
    return [f"app {app['name']}: certificate: {flaw}" for flaw in flaws_of_time(app["certificate"], certified(app)[0])]


def finish(app: Mapping[str, Any]) -> dict[str, Any]:
    return {"tls": app["tls"]}


def certified(app: Mapping[str, Any]) -> list[str]:
    """Return the names that the certificate of an app is for."""
    return [*domains_of(app), *app["redirect_domains"]]


def _check_files(app: dict[str, Any], path: str, problems: Problems) -> None:
    missing = [key for key in _KEYS if not app[key]]
    for key in missing:
        problems.add(f"{path}.{key}", "is missing; with tls: files, give the text in PEM, or a file on the controller")
    if missing:
        return
    try:
        check_pair(app["certificate"], app["certificate_key"], certified(app))
    except PemError as error:
        problems.add(f"{path}.{error.key}", str(error))
