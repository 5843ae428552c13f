# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Who may reach an app or a part of it, and how often."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.emperor.flask.plugins.plugin_utils.app_schema import VARIABLE, Problems
from ansible_collections.emperor.flask.plugins.plugin_utils.rules.domains import mount_of
from ansible_collections.emperor.flask.plugins.plugin_utils.rules.values import check_number, check_prefix, network

_RATE = re.compile(r"(?P<requests>[1-9][0-9]{0,4})r/[sm]")
_USER = re.compile(r"[A-Za-z0-9._@+-]{1,64}")
# What crypt(3) of Debian and Ubuntu takes, and needs no more than about 0.1 s for: nginx works a hash out at each
# request, and its worker serves nobody meanwhile. Measured on one core: sha512-crypt 1 ms, with 100,000 rounds 47 ms,
# yescrypt as mkpasswd makes it (j9T) 19 ms, bcrypt of cost 10 110 ms, of cost 12 381 ms. MD5, SHA-1 and DES are
# guessed too quickly.
_SALT_AND_HASH = "[./0-9A-Za-z]"
_HASH = re.compile(
    rf"\$5\$(rounds=[1-9][0-9]{{3,4}}\$)?{_SALT_AND_HASH}{{8,16}}\${_SALT_AND_HASH}{{43}}|"
    rf"\$6\$(rounds=[1-9][0-9]{{3,4}}\$)?{_SALT_AND_HASH}{{8,16}}\${_SALT_AND_HASH}{{86}}|"
    rf"\$2[aby]\$(0[4-9]|10)\${_SALT_AND_HASH}{{53}}|"
    rf"\$y\$j(75|85|7T|8T|9T)\${_SALT_AND_HASH}{{11,86}}\${_SALT_AND_HASH}{{43}}"
)
_RULES = ("allow", "deny", "auth_basic", "rate", "connections")


def check(app: dict[str, Any], path: str, problems: Problems) -> None:
    seen: set[str] = set()
    for index, entry in enumerate(app["access"]):
        where = f"{path}.access[{index}]"
        if entry["path"] != "/":
            check_prefix(entry["path"], "/admin", f"{where}.path", problems)
        if entry["path"] in seen:
            problems.add(f"{where}.path", f"{entry['path']} has an entry already; put all of it into that")
        seen.add(entry["path"])
        if not any(entry[key] not in (None, []) for key in _RULES):
            problems.add(where, f"says nothing about {entry['path']}; add one of {', '.join(_RULES)}")
        _check_networks(entry, where, problems)
        _check_limits(entry, where, problems)
        if entry["auth_basic"] and not app["auth_basic_users"]:
            problems.add(f"{where}.auth_basic", "nobody could log in; give names and hashes in auth_basic_users")
    _check_users(app, f"{path}.auth_basic_users", problems)


def check_together(apps: Mapping[int, dict[str, Any]], problems: Problems) -> None:
    """Check that no app that is mounted below another opens by its own passwords what that one has locked.

    nginx takes the passwords of the mounted app instead: all of it, not only the paths that it has entries for.
    """
    for index, app in apps.items():
        own = [entry["path"] for entry in app["access"] if entry["auth_basic"] is not None]
        if not mount_of(app) or not own or "/" in own:
            continue
        for top in apps.values():
            shares = set(app["domains"]) & set(top["domains"])
            if shares and not mount_of(top) and (locked := _locked(top, mount_of(app))):
                problems.add(
                    f"{VARIABLE}[{index}].access",
                    f"app {top['name']} asks for a password at {locked}, and passwords of app {app['name']} would "
                    "replace that; add {path: /, auth_basic: true}, or false to open the rest",
                )


def _locked(app: Mapping[str, Any], mount: str) -> str:
    """Return a path at or below a mount where an app asks for a password, or nothing."""
    asked = {entry["path"]: entry["auth_basic"] for entry in app["access"] if entry["auth_basic"] is not None}
    above = [path for path in asked if path == "/" or f"{mount}/".startswith(f"{path}/")]
    if above and asked[max(above, key=len)]:
        return mount
    return next((path for path in asked if path.startswith(f"{mount}/") and asked[path]), "")


def finish(app: Mapping[str, Any]) -> dict[str, Any]:
    return {"access": [_finished(entry) for entry in app["access"]]}


def _check_networks(entry: Mapping[str, Any], where: str, problems: Problems) -> None:
    seen: dict[str, str] = {}
    for key, index, value in _networks(entry):
        place = f"{where}.{key}[{index}]"
        try:
            found = network(value)
        except ValueError as error:
            problems.add(place, str(error))
            continue
        if found in seen:
            problems.add(place, f"{value} stands in {seen[found]} already")
        seen.setdefault(found, f"{key}[{index}]")


def _networks(entry: Mapping[str, Any]) -> Iterator[tuple[str, int, str]]:
    for key in ("allow", "deny"):
        for index, value in enumerate(entry[key]):
            yield key, index, value


def _check_limits(entry: Mapping[str, Any], where: str, problems: Problems) -> None:
    if entry["rate"] is not None and not _RATE.fullmatch(entry["rate"]):
        problems.add(f"{where}.rate", f"'{entry['rate']}' is not a rate; try 10r/s, or 30r/m for a minute")
    if entry["burst"] is not None:
        check_number(entry["burst"], 0, 99_999, f"{where}.burst", problems)
        if entry["rate"] is None:
            problems.add(f"{where}.burst", "goes with rate only; add rate: 10r/s")
    if entry["connections"] is not None:
        check_number(entry["connections"], 1, 65_535, f"{where}.connections", problems)


def _check_users(app: Mapping[str, Any], where: str, problems: Problems) -> None:
    if app["auth_basic_users"] and not any(entry["auth_basic"] for entry in app["access"]):
        problems.add(where, "is asked for nowhere; add access: [{auth_basic: true}]")
    for name, value in app["auth_basic_users"].items():
        if not _USER.fullmatch(name):
            problems.add(where, f"user {name!r}: use letters, digits, '.', '_', '-', '@' and '+', at most 64")
        elif not isinstance(value, str) or not _HASH.fullmatch(value):
            # What stands there may be a password, so it is never part of a message.
            problems.add(
                f"{where}.{name}",
                "is no hash of a password that nginx should take: sha512-crypt ($6$), sha256-crypt ($5$), yescrypt "
                "($y$) or bcrypt of cost 4 to 10; openssl passwd -6 asks for a password and prints one",
            )


def _finished(entry: Mapping[str, Any]) -> dict[str, Any]:
    networks = {key: [network(value) for value in entry[key]] for key in ("allow", "deny")}
    burst = entry["burst"]
    if burst is None and (match := _RATE.fullmatch(entry["rate"] or "")):
        # A page and what belongs to it is asked for at once.
        burst = int(match["requests"])
    return {**entry, **networks, "burst": burst}
