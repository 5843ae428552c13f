# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Which options of uWSGI an app needs that not every uWSGI has, and which of them a certain one has.

A vassal's file is strict: an option that uWSGI does not know ends its start. So it is asked before.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# As in `    -s|--socket    bind to …` and `    --mule    add a mule`.
_OPTION = re.compile(r"^ +(?:-\w\|)?--([\w-]+)", re.MULTILINE)
_MISSING_PLUGIN = re.compile(r"UNABLE to load uWSGI plugin: (?:[^:\n]*/)?([a-z0-9_]+)_plugin\.so")
_SINCE_2_0_29 = "max-requests-delta"


@dataclass(frozen=True)
class Engine:
    """A uWSGI with some plugins: its version, its options, the plugins that it lacks, and whose it is."""

    version: str
    options: frozenset[str]
    missing_plugins: frozenset[str]
    whose: str = "the host's"


def read_engine(
    run: Callable[[list[str]], tuple[int, str, str]], program: str, plugins: Sequence[str], whose: str = "the host's"
) -> Engine:
    """Ask a uWSGI what it knows with these plugins, if there are any."""
    load = ["--plugins", ",".join(plugins)] if plugins else []
    out, err = run([program, *load, "--help"])[1:]
    version = run([program, "--version"])[1].strip()
    return Engine(version, frozenset(_OPTION.findall(out)), frozenset(_MISSING_PLUGIN.findall(out + err)), whose)


def plugins_of(description: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the plugins that an app's own options may belong to: those that its vassal's file names."""
    workers = description.get("workers", {})
    found = ["python3"]
    if workers.get("loop") == "gevent":
        found.append("gevent_python3")
    if workers.get("cheaper") and workers.get("cheaper_algo") == "busyness":
        found.append("cheaper_busyness")
    # Each once: uWSGI takes none a second time.
    return tuple(dict.fromkeys([*found, *description.get("uwsgi_options", {}).get("plugin", ())]))


def asks(description: Mapping[str, Any]) -> bool:
    """Tell whether an app says anything that its uWSGI might not know; with gunicorn it has none."""
    return description.get("server") != "gunicorn" and bool(description.get("uwsgi_options") or _delta(description))


def flaws(description: Mapping[str, Any], engine: Engine) -> list[str]:
    """Return what the uWSGI does not know of what an app says, and what to do, one a line."""
    options = description.get("uwsgi_options", {})
    found = [
        f"uwsgi_options.plugin: the host's uWSGI has no plugin {plugin}; list its package under packages"
        for plugin in options.get("plugin", ())
        if plugin in engine.missing_plugins
    ]
    if _delta(description) and _SINCE_2_0_29 not in engine.options:
        found.append(
            f"workers.max_requests_delta: {engine.whose} uWSGI is {engine.version}, and 2.0.29 is the first that has "
            "it; leave it out"
        )
    return [*found, *(_unknown(name, engine) for name in options if name not in engine.options)]


def _delta(description: Mapping[str, Any]) -> Any:
    return description.get("workers", {}).get("max_requests_delta")


def _unknown(name: str, engine: Engine) -> str:
    near = difflib.get_close_matches(name, sorted(engine.options), n=1)
    hint = f"did you mean '{near[0]}'?" if near else "if it is a plugin's, name that with plugin"
    return f"uwsgi_options.{name}: {engine.whose} uWSGI {engine.version} has no such option; {hint}"
