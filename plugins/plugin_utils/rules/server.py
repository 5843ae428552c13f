# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""What serves an app. A key that gunicorn has nothing for is refused, not passed over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.emperor.flask.plugins.plugin_utils.app_schema import Problems, app_spec

_OWN = "is uWSGI's alone; leave it out, or use server: uwsgi"
# What to do instead, by the path of a key.
_NOT_GUNICORNS = {
    "uwsgi_engine": _OWN,
    "uwsgi_options": _OWN,
    "listen": _OWN,
    "idle": "gunicorn does not sleep; leave it out, or use server: uwsgi",
    "buffer_size": "gunicorn takes all that nginx lets pass; leave it out",
    "workers.cheaper": "gunicorn keeps all its processes; leave it out, or use server: uwsgi",
    "workers.thunder_lock": _OWN,
    "workers.max_lifetime": "use workers.max_requests, or server: uwsgi",
    "workers.reload_on_rss": "use workers.max_requests and memory_max, or server: uwsgi",
    "workers.evil_reload_on_rss": "use memory_max, or server: uwsgi",
}


def check(app: dict[str, Any], path: str, problems: Problems) -> None:
    if app["server"] != "gunicorn":
        return
    for key, advice in _NOT_GUNICORNS.items():
        group, _, name = key.rpartition(".")
        found, spec = (app[group], app_spec()[group]["options"]) if group else (app, app_spec())
        if _is_given(found[name], spec[name]):
            problems.add(f"{path}.{key}", advice)


def finish(app: Mapping[str, Any]) -> dict[str, Any]:
    # Nothing but systemd could start it as its user, and give it its socket.
    return {"isolation": "strict"} if app["server"] == "gunicorn" else {}


def _is_given(value: Any, spec: Mapping[str, Any]) -> bool:
    if isinstance(value, Mapping) and "options" in spec:
        return any(_is_given(value[key], option) for key, option in spec["options"].items())
    return bool(value != spec.get("default"))
