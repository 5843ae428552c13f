# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Options of uWSGI that no key stands for. Whether the host's uWSGI knows them is seen when it is asked.

A vassal's file is code to uWSGI, so no value may be syntax in it, and no option may undo what releases rest on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.emperor.flask.plugins.plugin_utils.app_schema import Problems

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
# uWSGI reads a line as a whole; nobody writes longer ones by hand.
_LONGEST = 1000
# Goes to the host's uWSGI to be loaded, several with commas between them.
_PLUGIN = re.compile(r"[a-z0-9_]+")
# What uWSGI replaces by a variable, a file or the output of a command, wherever it stands in a value.
_SYNTAX = ("%", "$(", "@(")

_SOCKETS = "nginx reaches the app over the emperor's socket; leave it out"
_IDENTITY = "the app runs as a user of its own; leave it out"
_ENTRY = "use wsgi"
_ENVIRONMENT = "use environment or secrets"
_LANGUAGE = "it belongs to uWSGI's configuration language; give the options themselves"
_RELEASES = "a change is a release of its own here; leave it out"
_HAS_ONE = "the release has one of its own; leave it out"
_JOURNAL = "what the app writes goes to the journal; leave it out"
_PROCESSES = "the host knows its processes; leave it out"
# Options that the vassal's file has already, or that would take it away from the emperor, and what to do instead.
_OWNED = {
    **dict.fromkeys(
        (
            *("socket", "uwsgi-socket", "suwsgi-socket", "ssl-socket", "raw-socket", "puwsgi-socket", "shared-socket"),
            *("http-socket", "https-socket", "https-socket-with-sni", "http", "https", "https2", "http-router"),
            *("fastcgi-socket", "fastcgi-nph-socket", "scgi-socket", "scgi-nph-socket", "undeferred-shared-socket"),
            *("map-socket", "fastrouter", "rawrouter", "sslrouter", "http-to", "chmod-socket", "chown-socket"),
            *("protocol", "socket-protocol", "reuse-port", "abstract-socket", "zerg", "zerg-server", "zergpool"),
        ),
        _SOCKETS,
    ),
    **dict.fromkeys(
        (
            *("uid", "gid", "add-gid", "additional-gid", "immediate-uid", "immediate-gid", "chroot", "pivot-root"),
            *("cap", "unshare", "cgroup", "no-initgroups"),
        ),
        _IDENTITY,
    ),
    **dict.fromkeys(
        (
            *("module", "wsgi", "wsgi-file", "file", "callable", "need-app", "mount", "paste", "no-default-app"),
            *("eval", "pyrun", "vhost"),
        ),
        _ENTRY,
    ),
    **dict.fromkeys(("env", "envdir", "early-envdir", "unenv"), _ENVIRONMENT),
    **dict.fromkeys(
        (
            *("ini", "xml", "yaml", "yml", "json", "include", "inherit", "config", "set", "set-placeholder"),
            *("set-ph", "declare-option", "declare-option2", "strict", "for", "end", "endif", "endfor", "foreach"),
        ),
        _LANGUAGE,
    ),
    **dict.fromkeys(
        (
            *("py-autoreload", "py-auto-reload", "python-autoreload", "python-auto-reload", "touch-reload"),
            *("touch-workers-reload", "touch-mules-reload", "touch-spoolers-reload", "touch-chain-reload"),
            *("fs-reload", "fs-brutal-reload", "no-server", "exit-on-reload", "master-fifo"),
        ),
        _RELEASES,
    ),
    **dict.fromkeys(
        (
            *("add-header", "umask", "die-on-term", "procname-prefix-spaced", "auto-procname", "binary-path"),
            *("stats", "stats-server", "py-tracebacker"),
        ),
        _HAS_ONE,
    ),
    "vacuum": "what a release leaves behind is removed anyway; leave it out",
    "listen": "the backlog is the host's, uwsgi_listen_queue; set that, and leave it out",
    **dict.fromkeys(
        (
            *("daemonize", "daemonize2", "logto", "logto2", "log-master", "disable-logging"),
            *("logger", "req-logger", "logger-req", "log-format", "log-5xx", "log-slow"),
        ),
        _JOURNAL,
    ),
    **dict.fromkeys(("pidfile", "pidfile2", "safe-pidfile", "safe-pidfile2"), _PROCESSES),
    **dict.fromkeys(("master", "enable-threads"), "it is on already; leave it out"),
    **dict.fromkeys(("processes", "workers"), "use workers.processes"),
    **dict.fromkeys(("pythonpath", "python-path", "pp"), "use python_path"),
    **dict.fromkeys(("chdir", "chdir2"), "the app's root is its working directory; leave it out"),
    **dict.fromkeys(("virtualenv", "venv", "home", "pyhome"), "use requirements"),
    **dict.fromkeys(("harakiri", "worker-reload-mercy"), "use request_timeout"),
    **dict.fromkeys(("idle", "die-on-idle", "cheap"), "use idle"),
    "threads": "use workers.threads",
    "buffer-size": "use buffer_size",
    "post-buffering": "nginx takes in the body; leave it out",
    "cheaper": "use workers.cheaper",
    "cheaper-initial": "use workers.cheaper_initial",
    "cheaper-algo": "use workers.cheaper_algo",
    "max-requests": "use workers.max_requests",
    "max-requests-delta": "use workers.max_requests_delta",
    "max-worker-lifetime": "use workers.max_lifetime",
    "max-worker-lifetime-delta": "use workers.max_lifetime",
    "min-worker-lifetime": "use workers.max_lifetime, max_requests or reload_on_rss",
    "lazy-apps": "use workers.lazy_apps",
    "lazy": "use workers.lazy_apps",
    "thunder-lock": "use workers.thunder_lock",
    "gevent": "use workers.loop and workers.greenlets",
    "gevent-early-monkey-patch": "use workers.loop",
    "gevent-monkey-patch": "use workers.loop",
    "reload-on-rss": "use workers.reload_on_rss",
    "evil-reload-on-rss": "use workers.evil_reload_on_rss",
    "limit-as": "use workers.memory_limit",
    "limit-nproc": "use workers.process_limit",
    "max-fd": "use workers.open_files",
    "plugins": "write plugin, without s",
}
_OWNED_BEGINNINGS = {
    "emperor": "an app is no emperor; leave it out",
    "vassal": "an app is no emperor; leave it out",
    "if-": _LANGUAGE,
    "for-": _LANGUAGE,
}


def check(app: dict[str, Any], path: str, problems: Problems) -> None:
    for name, given in app["uwsgi_options"].items():
        where = f"{path}.uwsgi_options.{name}"
        meant = name.lower().replace("_", "-")
        if advice := _owned(meant):
            problems.add(where, f"is not for an app; {advice}")
        elif not _NAME.fullmatch(name):
            hint = f"try {meant}" if _NAME.fullmatch(meant) else "it is made of a-z, 0-9 and '-'"
            problems.add(where, f"'{name}' is not the name of an option; {hint}")
        elif not isinstance(given, list):
            _check_value(name, given, where, problems)
        elif not given:
            problems.add(where, "is empty; give a value, or leave it out")
        else:
            for index, value in enumerate(given):
                _check_value(name, value, f"{where}[{index}]", problems)


def finish(app: Mapping[str, Any]) -> dict[str, Any]:
    options = app["uwsgi_options"].items()
    return {"uwsgi_options": {name: [_text(value) for value in _as_list(given)] for name, given in options}}


def _owned(name: str) -> str | None:
    return _OWNED.get(name) or next(
        (advice for beginning, advice in _OWNED_BEGINNINGS.items() if name.startswith(beginning)), None
    )


def _as_list(given: Any) -> list[Any]:
    return given if isinstance(given, list) else [given]


def _text(value: Any) -> str:
    return "true" if value is True else str(value)


def _check_value(name: str, value: Any, where: str, problems: Problems) -> None:
    if value is False:
        problems.add(where, "false is not how uWSGI turns an option off; leave it out")
    elif not isinstance(value, (str, int, float)):
        problems.add(where, "is not a text, a number or true; give one, or leave it out")
    elif not (_text(value).isprintable() and _text(value).isascii()) or len(_text(value)) > _LONGEST:
        problems.add(where, f"must be one line of ASCII, at most {_LONGEST} characters")
    elif _text(value).strip() != _text(value) or not _text(value):
        problems.add(where, "is empty, or begins or ends with a blank")
    elif found := next((sign for sign in _SYNTAX if sign in _text(value)), None):
        problems.add(where, f"contains '{found}', which uWSGI would replace; write the value itself")
    elif name == "plugin" and not _PLUGIN.fullmatch(_text(value)):
        problems.add(where, f"'{value}' is not the name of a plugin; try router_static")
