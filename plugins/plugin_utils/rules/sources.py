# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Where the code of an app comes from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.emperor.flask.plugins.module_utils.git_addresses import (
    has_password,
    is_address,
    ssh_server,
    trust_flaw,
)
from ansible_collections.emperor.flask.plugins.plugin_utils.app_schema import Problems
from ansible_collections.emperor.flask.plugins.plugin_utils.private_keys import key_flaw, tidy_key

_CHECKSUM = re.compile(r"sha256:[0-9a-f]{64}")
_GIT_VERSION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./+-]*")


def check(app: dict[str, Any], path: str, problems: Problems) -> None:
    _check_source(app, path, problems)
    _check_access(app, path, problems)


def finish(app: Mapping[str, Any]) -> dict[str, Any]:
    source = app["source"]
    return {
        "source": {**source, "key": tidy_key(source["key"])},
        "packages": [*app["packages"], *_packages(source)],
    }


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
    elif kind == "git" and (flaw := trust_flaw(source["git"], source["version"])):
        problems.add(f"{path}.source.git", flaw)
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


def _packages(source: Mapping[str, Any]) -> list[str]:
    if not source["git"]:
        return []
    return ["git", "openssh-client"] if ssh_server(source["git"]) else ["git"]
