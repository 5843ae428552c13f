# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""The names that an app answers to, and the path below which it does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.emperor.flask.plugins.plugin_utils.app_schema import VARIABLE, Problems
from ansible_collections.emperor.flask.plugins.plugin_utils.rules.values import check_prefix

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
            elif key == "redirect_domains" and domain in domains_of(app):
                problems.add(where, f"domain {domain} is among domains, too; keep it in one of the two")
    if app["mount"] != "/":
        check_prefix(app["mount"], "/shop", f"{path}.mount", problems)
    first = domains_of(app)[0]
    if app["redirect_domains"] and first.startswith("*"):
        problems.add(f"{path}.domains[0]", f"redirect_domains cannot lead to {first}; list a name without '*' first")


def check_together(apps: Mapping[int, dict[str, Any]], problems: Problems) -> None:
    """Check that each name belongs to one app of the host, or to several that share it by paths."""
    _check_owners(apps, problems)
    for index, app in apps.items():
        others = [other for other in apps.values() if other["name"] != app["name"]]
        path = f"{VARIABLE}[{index}]"
        _check_group(app, others, path, problems)
        _check_patterns(app, others, path, problems)


def finish(app: Mapping[str, Any]) -> dict[str, Any]:
    return {"domains": domains_of(app), "mount": mount_of(app)}


def mount_of(app: Mapping[str, Any]) -> str:
    """Return what all addresses of the app begin with, SCRIPT_NAME: nothing at the top of its names."""
    return str(app["mount"]).rstrip("/")


def domains_of(app: Mapping[str, Any]) -> list[str]:
    """Return the names that an app answers to."""
    return app["domains"] or [f"{app['name']}.localhost"]


def _check_owners(apps: Mapping[int, dict[str, Any]], problems: Problems) -> None:
    # By name, then by mount; None stands for a name that leads elsewhere as a whole.
    owners: dict[str, dict[str | None, str]] = {}
    for index, app in apps.items():
        for key, number, domain in _names(app):
            mount = mount_of(app) if key == "domains" else None
            known = owners.setdefault(domain.lower(), {})
            rivals = [owner for other, owner in known.items() if other == mount or None in (other, mount)]
            known.setdefault(mount, app["name"])
            if rivals and rivals[0] != app["name"]:
                what = f"domain {domain} with mount {mount}" if mount else f"domain {domain}"
                used = f"is used by apps {rivals[0]} and {app['name']}"
                problems.add(f"{VARIABLE}[{index}].{key}[{number}]", f"{what} {used}")


def _check_group(app: dict[str, Any], others: list[dict[str, Any]], path: str, problems: Problems) -> None:
    """Apps that share a name are one server of nginx: they share all names, and none takes a path of another."""
    for other in others:
        shared = set(domains_of(app)) & set(domains_of(other))
        inner, outer = mount_of(app), mount_of(other)
        # Of two apps, the one that is mounted deeper is named.
        if not shared or not (len(inner), inner) > (len(outer), outer):
            continue
        if domains_of(app) != domains_of(other):
            what = f"shares {min(shared)} with app {other['name']}, and so must list the same domains in the same order"
            problems.add(f"{path}.domains", what)
        for entry in (*other["static"], *other["media"]):
            url = f"{outer}{entry['url']}"
            if url == inner or url.startswith(f"{inner}/"):
                problems.add(f"{path}.mount", f"app {other['name']} serves files of its own at {url}")


def _check_patterns(app: dict[str, Any], others: list[dict[str, Any]], path: str, problems: Problems) -> None:
    """nginx takes a wildcard before what serves a name whose top no app has."""
    same = [other for other in others if domains_of(other) == domains_of(app)]
    if not mount_of(app) or any(not mount_of(other) for other in same):
        return
    for number, domain in enumerate(domains_of(app)):
        for other in others:
            for pattern in (name for _, _, name in _names(other) if name.startswith("*") and name != domain):
                if domain.endswith(pattern[1:]) and other not in same:
                    meant = (
                        f"is answered by {pattern} of app {other['name']}; give an app without mount the same domains"
                    )
                    problems.add(f"{path}.domains[{number}]", f"{domain} {meant}")


def _names(app: Mapping[str, Any]) -> Iterator[tuple[str, int, str]]:
    """Yield all names of an app, each after its key and its place there."""
    for key, domains in (("domains", domains_of(app)), ("redirect_domains", app["redirect_domains"])):
        for number, domain in enumerate(domains):
            yield key, number, domain


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
