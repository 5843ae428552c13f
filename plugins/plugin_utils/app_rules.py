# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""The rules that the apps of a host must meet before it is touched; those of one app are in `rules`, by topic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.emperor.flask.plugins.plugin_utils.app_schema import VARIABLE, Problems, is_absent
from ansible_collections.emperor.flask.plugins.plugin_utils.rules import (
    access,
    background,
    domains,
    environment,
    error_pages,
    folders,
    headers,
    health,
    identity,
    isolation,
    listen,
    python,
    running,
    server,
    sources,
    tls,
    uwsgi_options,
    workers,
)

# Each has `check`, which names the mistakes of an app, and `finish`, which returns what follows from its keys and
# from what those before it have finished. Those of `_SHARED`, and `identity`, have `check_together`, too, for what the
# apps of a host must not have twice.
_TOPICS = (
    identity,
    domains,
    tls,
    sources,
    folders,
    error_pages,
    environment,
    running,
    python,
    workers,
    server,
    isolation,
    uwsgi_options,
    listen,
    background,
    health,
    headers,
    access,
)
_SHARED = (domains, tls, listen, access)


def check_apps(apps: Mapping[int, dict[str, Any]], problems: Problems) -> None:
    """Add to `problems` each rule that an app, or two apps together, break; the keys are their indexes."""
    present = {index: app for index, app in apps.items() if not is_absent(app)}
    for index, app in apps.items():
        # What else is said of an app that shall go may be long out of date.
        for topic in _TOPICS if index in present else (identity,):
            topic.check(app, f"{VARIABLE}[{index}]", problems)
    identity.check_together(apps, problems)
    for shared in _SHARED:
        shared.check_together(present, problems)


def finish_app(app: Mapping[str, Any]) -> dict[str, Any]:
    """Return the app with what follows from it: domains, texts for the environment, times in seconds."""
    finished = dict(app)
    for topic in _TOPICS:
        finished.update(topic.finish(finished))
    return finished
