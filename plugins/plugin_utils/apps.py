# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""From `flask_apps`, as a person wrote it, to complete and checked apps, or to all its mistakes at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.emperor.flask.plugins.module_utils.layout import AppLayout
from ansible_collections.emperor.flask.plugins.plugin_utils.app_rules import check_apps, finish_app
from ansible_collections.emperor.flask.plugins.plugin_utils.app_schema import (
    VARIABLE,
    Problems,
    app_spec,
    complete_apps,
    is_absent,
)
from ansible_collections.emperor.flask.plugins.plugin_utils.rules.tls import OFF
from ansible_collections.emperor.flask.plugins.plugin_utils.source_tree import SourceTree


class AppsError(Exception):
    """Carries every mistake of a list of apps, one a line."""

    def __init__(self, problems: Problems) -> None:
        count = len(problems)
        head = "1 mistake in the apps" if count == 1 else f"{count} mistakes in the apps"
        super().__init__("\n".join([f"{head}; no host was changed.", *problems.in_order()]))


def read_apps(raw: Any, search: list[str] | None = None, tls: str = OFF) -> list[dict[str, Any]]:
    """Return the complete apps that shall be there, each with its `user` and `root`.

    With `search`, the folders where a relative `source.path` or `archive` may start, sources on the
    controller must exist and are returned as absolute paths. `tls` is that of an app that says nothing of it. Raises
    AppsError.
    """
    problems = Problems()
    # Written without quotes, `off` is false.
    common, known = tls or OFF, app_spec()["tls"]["choices"]
    if common not in known:
        problems.add("flask_app_tls", f"{common!r} is not one of {', '.join(known)}")
    apps = {index: {**app, "tls": app["tls"] or common} for index, app in complete_apps(raw, problems).items()}
    check_apps(apps, problems)
    present = {index: app for index, app in apps.items() if not is_absent(app)}
    if search is not None:
        for index, app in present.items():
            _locate_source(app, f"{VARIABLE}[{index}].source", search, problems)
    if problems:
        raise AppsError(problems)
    return [_with_layout(finish_app(app)) for app in present.values()]


def absent_names(raw: Any) -> list[str]:
    """Return the names of the apps that shall not be there, of a list that `read_apps` has read."""
    return [str(app["name"]) for app in raw if is_absent(app)]


def with_defaults(description: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a release has stored of its app, with the keys that it did not know when it was built."""
    minimal = {"name": description["name"], "source": {"path": "."}, "wsgi": description["wsgi"]}
    defaults = read_apps([minimal])[0]
    # Where it came from, and what the inventory alone has, is no part of a description.
    for key in ("source", "certificate", "certificate_key"):
        del defaults[key]
    return _merged(defaults, {**description, **_completed_entries(description)})


def _completed_entries(description: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the lists of mappings, such as `static`, with the keys that their entries did not know."""
    lists = {key: spec["options"] for key, spec in app_spec().items() if spec["type"] == "list" and "options" in spec}
    return {
        key: [{**_defaults(lists[key]), **entry} for entry in description[key]] for key in lists if key in description
    }


def _defaults(options: Mapping[str, Any]) -> dict[str, Any]:
    return {key: spec.get("default") for key, spec in options.items() if not spec.get("required")}


def _merged(defaults: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    # `environment` is no set of options: its names are the app's own.
    nested = (key for key, value in defaults.items() if isinstance(value, Mapping) and key != "environment")
    deep = {key: _merged(defaults[key], known[key]) for key in nested if isinstance(known.get(key), Mapping)}
    return {**defaults, **known, **deep}


def _with_layout(app: dict[str, Any]) -> dict[str, Any]:
    layout = AppLayout(app["name"])
    # Those that shall not be there have got no further.
    del app["state"]
    return {**app, "user": layout.user, "builder": layout.builder, "root": str(layout.root)}


def _locate_source(app: dict[str, Any], where: str, search: list[str], problems: Problems) -> None:
    source = app["source"]
    if source["path"]:
        found = SourceTree.find(source["path"], search)
        if found is None:
            problems.add(
                f"{where}.path",
                f"folder {source['path']} does not exist; looked in {', '.join(search)}",
            )
        else:
            app["source"] = {**source, "path": str(found)}
    elif source["archive"] and "://" not in source["archive"]:
        archive = SourceTree.find(source["archive"], search, folder=False)
        if archive is None:
            problems.add(
                f"{where}.archive",
                f"file {source['archive']} does not exist; looked in {', '.join(search)}",
            )
        else:
            app["source"] = {**source, "archive": str(archive)}
