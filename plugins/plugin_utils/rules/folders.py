# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Folders of an app: what it imports from, what it may write to, what nginx serves by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.emperor.flask.plugins.plugin_utils.app_schema import Problems
from ansible_collections.emperor.flask.plugins.plugin_utils.rules.domains import mount_of
from ansible_collections.emperor.flask.plugins.plugin_utils.rules.values import (
    check_path,
    check_prefix,
    check_time,
    seconds,
)


def check(app: dict[str, Any], path: str, problems: Problems) -> None:
    _check_paths(app, path, problems)
    _check_urls(app, path, problems)
    for index, entry in enumerate(app["static"]):
        where = f"{path}.static[{index}]"
        check_time(entry["expires"], 0, 31_536_000, f"{where}.expires", problems)
        if entry["immutable"] and entry["expires"].lstrip("0") in ("s", "m", "h", "d"):
            problems.add(f"{where}.immutable", "goes with a time for which files are kept; try expires: 365d")


def finish(app: Mapping[str, Any]) -> dict[str, Any]:
    """Return static and media folders by the whole path of their addresses."""
    mount = mount_of(app)
    return {
        "static": [
            {**entry, "url": mount + entry["url"], "expires": seconds(entry["expires"])} for entry in app["static"]
        ],
        "media": [{**entry, "url": mount + entry["url"]} for entry in app["media"]],
    }


def _check_paths(app: dict[str, Any], path: str, problems: Problems) -> None:
    if app["requirements"] is not None:
        check_path(app["requirements"], "requirements path", f"{path}.requirements", problems)
    for key, what in (("python_path", "import path"), ("writable", "writable path")):
        for index, value in enumerate(app[key]):
            check_path(value, what, f"{path}.{key}[{index}]", problems)
    for key in ("static", "media"):
        for index, entry in enumerate(app[key]):
            check_path(entry["path"], f"{key} path", f"{path}.{key}[{index}].path", problems)
    outliving = [*app["writable"], *(entry["path"] for entry in app["media"])]
    for first in outliving:
        for second in outliving:
            if second.startswith(f"{first}/"):
                problems.add(path, f"writable path {second} is inside {first}; list only {first}")
    if len(set(outliving)) != len(outliving):
        problems.add(
            path,
            "a folder is listed twice under writable and media; media folders are writable anyway",
        )


def _check_urls(app: dict[str, Any], path: str, problems: Problems) -> None:
    seen: dict[str, str] = {}
    for key in ("static", "media"):
        for index, entry in enumerate(app[key]):
            where = f"{path}.{key}[{index}].url"
            if check_prefix(entry["url"], f"/{key}", where, problems) and entry["url"] in seen:
                problems.add(where, f"{entry['url']} is served by {seen[entry['url']]} already")
            seen.setdefault(entry["url"], f"{key}[{index}]")
