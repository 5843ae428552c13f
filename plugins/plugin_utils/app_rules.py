# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""The rules that the apps of a host must meet before it is touched; those of one app are in `rules`, by topic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.emperor.flask.plugins.plugin_utils.app_schema import VARIABLE, Problems
from ansible_collections.emperor.flask.plugins.plugin_utils.rules import (
    access,
    background,
    environment,
    error_pages,
    folders,
    health,
    identity,
    listen,
    running,
    sources,
    uwsgi_options,
    workers,
)

# Each has `check`, which names the mistakes of an app, and `finish`, which returns what follows from its keys and
# from what those before it have finished.
_TOPICS = (
    identity,
    sources,
    folders,
    error_pages,
    environment,
    running,
    workers,
    uwsgi_options,
    listen,
    background,
    health,
    access,
)


def check_apps(apps: Mapping[int, dict[str, Any]], problems: Problems) -> None:
    """Add to `problems` each rule that an app, or two apps together, break; the keys are their indexes."""
    owners: dict[str, str] = {}
    names: set[str] = set()
    listeners: dict[int, str] = {}
    for index, app in apps.items():
        path = f"{VARIABLE}[{index}]"
        for topic in _TOPICS:
            topic.check(app, path, problems)
        if app["name"] in names:
            problems.add(
                f"{path}.name",
                f"the name '{app['name']}' is used twice; every app needs a name of its own",
            )
        names.add(app["name"])
        for number, domain in enumerate(identity.finish(app)["domains"]):
            owner = owners.setdefault(domain.lower(), app["name"])
            if owner != app["name"]:
                problems.add(
                    f"{path}.domains[{number}]",
                    f"domain {domain} is used by apps {owner} and {app['name']}",
                )
        for protocol, port in listen.ports(app):
            user = listeners.setdefault(port, f"{app['name']} ({protocol})")
            if user != f"{app['name']} ({protocol})":
                problems.add(f"{path}.listen.{protocol}", f"port {port} is used by app {user}; take another")


def finish_app(app: Mapping[str, Any]) -> dict[str, Any]:
    """Return the app with what follows from it: domains, texts for the environment, times in seconds."""
    finished = dict(app)
    for topic in _TOPICS:
        finished.update(topic.finish(finished))
    return finished
