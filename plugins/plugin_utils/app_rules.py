# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""The rules that an app description must meet before any host is touched.

Everything that is later written into nginx's or uWSGI's configuration passes here first: both read
their files as code, so a value is accepted only if it cannot be syntax there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any

from ansible_collections.emperor.flask.plugins.module_utils.git_addresses import (
    has_password,
    is_address,
    ssh_server,
)
from ansible_collections.emperor.flask.plugins.module_utils.layout import APP_NAME
from ansible_collections.emperor.flask.plugins.plugin_utils.app_schema import VARIABLE, Problems
from ansible_collections.emperor.flask.plugins.plugin_utils.private_keys import key_flaw, tidy_key

_LABEL = r"(?!-)[a-z0-9-]{1,63}(?<!-)"
_HOSTNAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*")
_IPV4 = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){3}")
_WSGI = re.compile(
    r"(?P<target>[A-Za-z_]\w*(\.[A-Za-z_]\w*)*|[\w./-]+\.py):(?P<callable>[A-Za-z_]\w*(\(\))?)",
    re.ASCII,
)
_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]*(/[A-Za-z0-9_][A-Za-z0-9_.@+-]*)*")
_URL = re.compile(r"(/[A-Za-z0-9_][A-Za-z0-9_.~-]*)+")
_REQUEST_PATH = re.compile(r"/[A-Za-z0-9_.~/?=&%+-]*")
# 255 bytes are the longest name of a file, which each variable becomes; a temporary name is longer.
_ENV_NAME = re.compile(r"[A-Z_][A-Z0-9_]{0,199}")
# What these variables do happens before the app's code runs, or changes how uWSGI itself starts.
_ENV_FORBIDDEN = ("UWSGI_", "LD_", "EMPEROR_", "PYTHONHOME", "PYTHONPATH", "NOTIFY_SOCKET")
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+(:[a-z0-9]+)?")
_CHECKSUM = re.compile(r"sha256:[0-9a-f]{64}")
_GIT_VERSION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./+-]*")
# At most 9,999 of a unit: nginx counts bytes in 63 bits, and nobody uploads more.
_SIZE = re.compile(r"[0-9]{1,4}[kmg]|[0-9]{1,9}")
_TIME = re.compile(r"([0-9]{1,9})(s|m|h|d)")
# Below what Linux takes (255 and 4095 bytes), with room for the folders around and temporary names.
_NAME_LENGTH, _PATH_LENGTH = 200, 1000
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# Linux keeps one path component below 256 bytes and a whole argument below 128 KiB; uWSGI's envdir
# reads a file into one environment entry.
_ENV_VALUE_BYTES = 131_000

Check = Callable[[dict[str, Any], str, Problems], None]


def check_apps(apps: Mapping[int, dict[str, Any]], problems: Problems) -> None:
    """Add to `problems` each rule that an app, or two apps together, break; the keys are their indexes."""
    owners: dict[str, str] = {}
    names: set[str] = set()
    for index, app in apps.items():
        path = f"{VARIABLE}[{index}]"
        for check in _CHECKS:
            check(app, path, problems)
        if app["name"] in names:
            problems.add(
                f"{path}.name",
                f"the name '{app['name']}' is used twice; every app needs a name of its own",
            )
        names.add(app["name"])
        for number, domain in enumerate(app["domains"] or default_domains(app["name"])):
            owner = owners.setdefault(domain.lower(), app["name"])
            if owner != app["name"]:
                problems.add(
                    f"{path}.domains[{number}]",
                    f"domain {domain} is used by apps {owner} and {app['name']}",
                )


def default_domains(name: str) -> list[str]:
    """Return the names that an app answers to when its description gives none."""
    return [f"{name}.localhost"]


def seconds(time: str) -> int:
    """Return a checked time such as `30s` or `10m` in seconds."""
    match = _TIME.fullmatch(time)
    if not match:
        raise ValueError(f"'{time}' is not a time; try 30s")
    return int(match[1]) * _SECONDS[match[2]]


def _source_packages(source: Mapping[str, Any]) -> list[str]:
    if not source["git"]:
        return []
    return ["git", "openssh-client"] if ssh_server(source["git"]) else ["git"]


def _check_name(app: dict[str, Any], path: str, problems: Problems) -> None:
    if not APP_NAME.fullmatch(app["name"]):
        problems.add(f"{path}.name", f"app '{app['name']}': use a-z, 0-9 and '-', at most 23 characters")


def _check_source(app: dict[str, Any], path: str, problems: Problems) -> None:
    source = app["source"]
    kinds = [kind for kind in ("path", "git", "archive") if source[kind] is not None]
    if len(kinds) != 1:
        given = " and ".join(kinds) if kinds else "none"
        problems.add(f"{path}.source", f"give exactly one of path, git and archive; found: {given}")
        return
    kind = kinds[0]
    if not source[kind] or not source[kind].isprintable():
        problems.add(f"{path}.source.{kind}", "is empty or contains a control character")
    elif kind == "git" and not is_address(source["git"]):
        problems.add(
            f"{path}.source.git",
            f"'{source['git']}' is no address of a git repository; try https://…",
        )
    elif kind == "git" and has_password(source["git"]):
        problems.add(f"{path}.source.git", "holds a password, which logs would show; use ssh and source.key")
    if kind != "git" and source["version"] != "HEAD":
        problems.add(f"{path}.source.version", f"goes with git only; this source is a {kind}")
    elif not _GIT_VERSION.fullmatch(source["version"]) or ".." in source["version"]:
        problems.add(f"{path}.source.version", f"'{source['version']}' is not a branch, a tag or a commit id")
    if source["checksum"] is not None:
        if kind != "archive":
            problems.add(f"{path}.source.checksum", f"goes with archive only; this source is a {kind}")
        elif not _CHECKSUM.fullmatch(source["checksum"]):
            problems.add(
                f"{path}.source.checksum",
                "must be 'sha256:' and 64 hex digits; sha256sum prints them",
            )
    elif kind == "archive" and "://" in source["archive"]:
        problems.add(
            f"{path}.source.checksum",
            "is missing; an archive from an address needs sha256:<64 hex digits>",
        )
    if kind == "archive" and "://" in source["archive"]:
        where = f"{path}.source.archive"
        if has_password(source["archive"]):
            problems.add(where, "holds a password, which logs would show; fetch it to the controller")
        elif not source["archive"].startswith("https://"):
            problems.add(where, f"'{source['archive']}' is not https")


def _check_access(app: dict[str, Any], path: str, problems: Problems) -> None:
    source = app["source"]
    for key in ("key", "known_hosts"):
        if source[key] and not (source["git"] and ssh_server(source["git"])):
            problems.add(f"{path}.source.{key}", "goes with git over ssh only; give git: ssh://git@… or git@…:…")
    flaw = "" if source["key"] is None else key_flaw(source["key"])
    if flaw:
        # The key is never part of a message.
        problems.add(f"{path}.source.key", f"app {app['name']}: {flaw}")
    for index, line in enumerate(source["known_hosts"]):
        if not line.isprintable() or len(line.split()) < 3:
            problems.add(
                f"{path}.source.known_hosts[{index}]",
                "is no line of ssh's known_hosts, such as 'git.example.org ssh-ed25519 AAAA…'; ssh-keyscan prints them",
            )


def _check_wsgi(app: dict[str, Any], path: str, problems: Problems) -> None:
    match = _WSGI.fullmatch(app["wsgi"])
    if not match:
        problems.add(
            f"{path}.wsgi",
            f"'{app['wsgi']}' is not module:callable or file.py:callable; try app:app",
        )
    elif match["target"].endswith(".py"):
        _check_path(match["target"], "wsgi file", f"{path}.wsgi", problems)


def _check_domains(app: dict[str, Any], path: str, problems: Problems) -> None:
    for index, domain in enumerate(app["domains"]):
        where = f"{path}.domains[{index}]"
        numeric = _IPV4.fullmatch(domain)
        if numeric:
            if any(int(part) > 255 for part in domain.split(".")):
                problems.add(where, f"'{domain}' is no IPv4 address")
        elif domain != domain.lower():
            problems.add(where, f"'{domain}' has capital letters; write {domain.lower()}")
        elif not domain.isascii():
            problems.add(where, f"'{domain}' is not ASCII; write it in punycode (xn--…)")
        elif not _HOSTNAME.fullmatch(domain):
            problems.add(where, f"{domain!r} is not a host name; try shop.example.org")
        if domain in app["domains"][:index]:
            problems.add(where, f"domain {domain} is listed twice")


def _check_path(value: str, what: str, where: str, problems: Problems) -> None:
    if value.startswith("/") or ".." in PurePosixPath(value).parts:
        problems.add(where, f"{what} {value} is outside the app; give a path below its root, without '..'")
    elif len(value) > _PATH_LENGTH or any(len(part) > _NAME_LENGTH for part in value.split("/")):
        problems.add(where, f"{what} {value[:40]}… is too long; at most {_PATH_LENGTH} characters")
    elif not _PATH.fullmatch(value):
        problems.add(where, f"{what} {value!r}: use letters, digits, '.', '_', '-', '@', '+' and '/'")


def _check_paths(app: dict[str, Any], path: str, problems: Problems) -> None:
    if app["requirements"] is not None:
        _check_path(app["requirements"], "requirements path", f"{path}.requirements", problems)
    for key, what in (("python_path", "import path"), ("writable", "writable path")):
        for index, value in enumerate(app[key]):
            _check_path(value, what, f"{path}.{key}[{index}]", problems)
    for key in ("static", "media"):
        for index, entry in enumerate(app[key]):
            _check_path(entry["path"], f"{key} path", f"{path}.{key}[{index}].path", problems)
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
            if len(entry["url"]) > _PATH_LENGTH or not _URL.fullmatch(entry["url"]) or ".." in entry["url"]:
                problems.add(
                    where,
                    f"'{entry['url']}' is not a prefix such as /{key}; it starts with '/' and ends without",
                )
            elif entry["url"] in seen:
                problems.add(where, f"{entry['url']} is served by {seen[entry['url']]} already")
            seen.setdefault(entry["url"], f"{key}[{index}]")
    if len(app["health"]["path"]) > _PATH_LENGTH or not _REQUEST_PATH.fullmatch(app["health"]["path"]):
        problems.add(f"{path}.health.path", f"'{app['health']['path']}' is not a path such as /healthz")
    text = app["health"]["text"]
    if text is not None and not 0 < len(text) <= _PATH_LENGTH:
        problems.add(f"{path}.health.text", f"is empty or longer than {_PATH_LENGTH} characters; leave it out for any")


def _check_environment(app: dict[str, Any], path: str, problems: Problems) -> None:
    for key in ("environment", "secrets"):
        for name, value in app[key].items():
            where = f"{path}.{key}.{name}"
            if not _ENV_NAME.fullmatch(name) or name.startswith(_ENV_FORBIDDEN):
                problems.add(
                    where,
                    f"env name '{name}' is not allowed; use A-Z, 0-9 and '_', none of UWSGI_*, LD_*",
                )
                continue
            flaw = _value_flaw(value)
            if flaw and key == "secrets":
                # The value of a secret is never part of a message.
                problems.add(where, f"app {app['name']}: secret {name} {flaw}")
            elif flaw:
                problems.add(where, f"app {app['name']}: environment {name} {flaw}")
            if key == "secrets" and name in app["environment"]:
                problems.add(where, f"{name} stands under environment too; keep it here alone")


def _value_flaw(value: Any) -> str:
    """Return why an environment variable could not carry this value unchanged, or an empty text."""
    if value is None or value == "":
        return "is not set"
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return "is not a text; put it in quotes"
    text = str(value)
    if "\0" in text:
        return "contains a NUL character, which no environment variable can hold"
    if text != text.rstrip(" \t\r\n"):
        return "ends with a blank or a new line, which the envdir would drop; remove it, or encode the value"
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError:
        return "is no valid UTF-8"
    return f"is longer than {_ENV_VALUE_BYTES} bytes" if size > _ENV_VALUE_BYTES else ""


def _check_numbers(app: dict[str, Any], path: str, problems: Problems) -> None:
    workers = app["workers"]
    for where, value, low, high in (
        ("workers.processes", workers["processes"], 1, 256),
        ("workers.threads", workers["threads"], 1, 256),
        ("buffer_size", app["buffer_size"], 4096, 65535),
        ("keep_releases", app["keep_releases"], 2, 50),
        *((f"health.status[{i}]", status, 100, 599) for i, status in enumerate(app["health"]["status"])),
    ):
        if not low <= value <= high:
            problems.add(f"{path}.{where}", f"{value} is not between {low} and {high}")
    if not _SIZE.fullmatch(app["max_body_size"]):
        problems.add(f"{path}.max_body_size", f"'{app['max_body_size']}' is not a size; try 10m")
    # The emperor lets a leaving vassal go on for 310 s (emperor-curse-tolerance), so nothing may take longer.
    _check_time(app["request_timeout"], 1, 300, f"{path}.request_timeout", problems)
    _check_time(app["drain_timeout"], 1, 300, f"{path}.drain_timeout", problems)
    _check_time(app["health"]["timeout"], 1, 3600, f"{path}.health.timeout", problems)
    _check_time(app["release_command_timeout"], 1, 86400, f"{path}.release_command_timeout", problems)
    _check_time(app["rollback_window"], 0, 86400, f"{path}.rollback_window", problems)
    _check_time(app["idle"], 0, 86400, f"{path}.idle", problems)
    for index, entry in enumerate(app["static"]):
        _check_time(entry["expires"], 0, 31_536_000, f"{path}.static[{index}].expires", problems)


def _check_time(value: str, low: int, high: int, where: str, problems: Problems) -> None:
    try:
        number = seconds(value)
    except ValueError as error:
        problems.add(where, str(error))
        return
    if not low <= number <= high:
        problems.add(where, f"{value} is not between {low}s and {high}s")


def _check_commands(app: dict[str, Any], path: str, problems: Problems) -> None:
    command = app["release_command"]
    if command is not None and ("\0" in command or not command.strip()):
        problems.add(f"{path}.release_command", "is empty or contains a NUL character")
    for index, package in enumerate(app["packages"]):
        if not _PACKAGE.fullmatch(package):
            problems.add(f"{path}.packages[{index}]", f"'{package}' is not the name of a package; try libpq5")


_CHECKS: tuple[Check, ...] = (
    _check_name,
    _check_source,
    _check_access,
    _check_wsgi,
    _check_domains,
    _check_paths,
    _check_urls,
    _check_environment,
    _check_numbers,
    _check_commands,
)


def finish_app(app: Mapping[str, Any]) -> dict[str, Any]:
    """Return the app with what follows from it: domains, texts for the environment, times in seconds."""
    times = ("request_timeout", "idle", "drain_timeout", "rollback_window", "release_command_timeout")
    return {
        **app,
        "source": {**app["source"], "key": tidy_key(app["source"]["key"])},
        "domains": app["domains"] or default_domains(app["name"]),
        "packages": [*app["packages"], *_source_packages(app["source"])],
        "environment": {name: str(value) for name, value in app["environment"].items()},
        "secrets": {name: str(value) for name, value in app["secrets"].items()},
        **{key: seconds(app[key]) for key in times},
        "health": {**app["health"], "timeout": seconds(app["health"]["timeout"])},
        "static": [{**entry, "expires": seconds(entry["expires"])} for entry in app["static"]],
    }
