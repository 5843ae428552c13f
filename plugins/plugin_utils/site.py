# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""What the template of an app's site is given."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from ansible_collections.emperor.flask.plugins.plugin_utils.rules.health import open_path
from ansible_collections.emperor.flask.plugins.plugin_utils.rules.identity import variable_suffix
from ansible_collections.emperor.flask.plugins.plugin_utils.rules.tls import SELFSIGNED

_HSTS = "strict-transport-security"
# What the site of an app says of its uploads by itself.
_INERT = frozenset({"content-disposition", "content-security-policy", "x-content-type-options"})
# What it says of static files and of error pages by itself.
_LIFETIME = frozenset({"cache-control", "expires"})


def site_variables(app: Mapping[str, Any], servers: Collection[str] = ()) -> dict[str, Any]:
    """Return the variables for site.conf.j2; `servers` are those of the releases between which the app goes."""
    known = {"app": app, "suffix": variable_suffix(app["name"]), "access": access(app), "headers": headers(app)}
    return {**known, "servers": sorted({app["server"], *servers})}


def headers(app: Mapping[str, Any]) -> dict[str, Any]:
    """Return the headers that a site sends, and the names that nginx's own defaults leave to it.

    A name that is `said` stands between commas, in small letters.
    """
    said = {name.lower() for name in app["headers"]}
    # A browser that trusts the small authority of a development host would ask for all of localhost by TLS, for years.
    kept_quiet = {_HSTS} if app["tls"] == SELFSIGNED else set()
    sent = {name: value for name, value in app["headers"].items() if value}
    return {
        "sent": sent,
        "sent_with_files": {name: value for name, value in sent.items() if name.lower() not in _LIFETIME},
        "sent_with_uploads": {name: value for name, value in sent.items() if name.lower() not in _INERT},
        "hidden": sorted(app["headers"]),
        "said": _between_commas(said | kept_quiet),
        "of_uploads": _between_commas(said | kept_quiet | _INERT),
    }


def _between_commas(names: Collection[str]) -> str:
    return f",{','.join(sorted(names))}," if names else ""


def access(app: Mapping[str, Any]) -> dict[str, Any]:
    """Return who may reach what, rule by rule, as maps of nginx need it.

    There the first pattern that fits wins, so the longest path stands first. `open` is the pattern of the path where
    nothing of it counts, unless an entry is about just that path.
    """
    longest_first = sorted(app["access"], key=lambda entry: len(entry["path"]), reverse=True)
    entries = [{**entry, "pattern": _pattern(app["mount"] + entry["path"])} for entry in longest_first]
    path = open_path(app["health"]["path"])
    is_open = path and all(entry["path"] != path for entry in entries)
    return {
        "open": f"^{re.escape(app['mount'] + path)}$" if is_open else "",
        "addresses": [entry for entry in entries if entry["allow"] or entry["deny"]],
        "passwords": [entry for entry in entries if entry["auth_basic"] is not None],
        "requests": [entry for entry in entries if entry["rate"] is not None],
        "connections": [entry for entry in entries if entry["connections"] is not None],
    }


def _pattern(path: str) -> str:
    """Return a pattern of a path and all below it, but not of those that only begin alike."""
    return f"^{re.escape(path.rstrip('/'))}(/|$)"
