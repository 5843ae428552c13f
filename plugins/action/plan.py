# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Prepares the comparison on the controller: digests instead of secrets, revisions instead of folders."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from ansible_collections.emperor.flask.plugins.module_utils.digests import secrets_digest
from ansible_collections.emperor.flask.plugins.plugin_utils.app_action import AppAction
from ansible_collections.emperor.flask.plugins.plugin_utils.source_tree import SourceTree


class ActionModule(AppAction):
    """Sends one request for all apps; no secret and no file content leaves the controller for it."""

    _VALID_ARGS = frozenset({"apps", "recipe"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what the module of the same name finds on the host."""
        super().run(tmp, task_vars)
        recipe = Path(self._find_needle("templates", self._task.args["recipe"])).read_bytes()
        digest = hashlib.sha256(recipe).hexdigest()
        apps = [describe(app, digest) for app in self.checked_apps(self._task.args.get("apps"))]
        return self._execute_module("emperor.flask.plan", {"apps": apps}, task_vars=task_vars)


def describe(app: dict[str, Any], recipe: str) -> dict[str, Any]:
    """Return what names a release of an app: its description, and its revision or where to ask for it."""
    description = {key: value for key, value in app.items() if key not in ("source", "secrets")}
    description |= {"secrets": secrets_digest(app["name"], app["secrets"]), "recipe": recipe}
    source = app["source"]
    if source["git"]:
        return {"description": description, "git": source["git"], "version": source["version"]}
    return {"description": description, "revision": controller_revision(app)}


def controller_revision(app: dict[str, Any]) -> str:
    """Return the digest of a source that the controller has, or knows the checksum of."""
    source = app["source"]
    if source["path"]:
        # What the app writes itself is not part of its source.
        outliving = [*app["writable"], *(entry["path"] for entry in app["media"])]
        return SourceTree(Path(source["path"]), outliving).revision()
    if source["checksum"]:
        return source["checksum"].partition(":")[2]
    return hashlib.sha256(Path(source["archive"]).read_bytes()).hexdigest()
