# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Prepares the comparison on the controller: digests instead of secrets, revisions instead of folders."""

from __future__ import annotations

import difflib
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail

from ansible_collections.emperor.flask.plugins.module_utils.details import PLACEHOLDER
from ansible_collections.emperor.flask.plugins.module_utils.digests import secrets_digest
from ansible_collections.emperor.flask.plugins.module_utils.engines import is_own
from ansible_collections.emperor.flask.plugins.module_utils.git_addresses import trust_flaw
from ansible_collections.emperor.flask.plugins.plugin_utils.app_action import AppAction
from ansible_collections.emperor.flask.plugins.plugin_utils.app_schema import ABSENT, PRESENT, is_absent
from ansible_collections.emperor.flask.plugins.plugin_utils.apps import absent_names
from ansible_collections.emperor.flask.plugins.plugin_utils.controller_requirements import requirements_of
from ansible_collections.emperor.flask.plugins.plugin_utils.release_files import recipe_of, release_files
from ansible_collections.emperor.flask.plugins.plugin_utils.rendering import render
from ansible_collections.emperor.flask.plugins.plugin_utils.runs import is_over, this_run
from ansible_collections.emperor.flask.plugins.plugin_utils.source_tree import SourceTree

_AT_ONCE = 8
# Keys of an app that its description leaves out, or has a digest of.
_UNTOLD = ("source", "secrets", "auth_basic_users", "certificate", "certificate_key")
# Keys that came after the first releases. An app that does not use them keeps the release that it has: at these values,
# none of them is told.
LATE: dict[str, Any] = {
    "tls": "off",
    "headers": {},
    "server": "uwsgi",
    "isolation": "standard",
    "memory_max": None,
    "cpu_quota": None,
    "python": None,
    "uwsgi_engine": "distribution",
}


class ActionModule(AppAction):
    """Sends one request for all apps: digests instead of secrets, but for deploy keys, and files in diff mode alone."""

    _VALID_ARGS = frozenset(
        {
            *("apps", "tls", "only", "version", "want", "release", "again", "purge"),
            *("engine_requirements", "unfetched", "packages", "uv_home", "uv_requirements"),
        }
    )

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what the module of the same name finds on the host."""
        super().run(tmp, task_vars)
        args = self._task.args
        apps = self.checked_apps()
        absent = absent_names(args.get("apps"))
        want = args.get("want", "deploy")
        only = args.get("only") or ""
        if want == "rollback" and not only:
            raise AnsibleActionFail("roll back which app? Add -e app=NAME")
        version = args.get("version") or ""
        states = states_of(only, task_vars or {})
        elsewhere = bool(states) and not any(app["name"] == only for app in apps)
        if only in absent and PRESENT not in states and (want != "deploy" or version):
            asked = f"version {version}" if version else f"a {want}"
            raise AnsibleActionFail(f"{asked} of app {only}, which is absent by the inventory; give it state: present")
        # An app of other hosts of this run is no mistake, and nothing to do here.
        chosen = [] if elsewhere or only in absent else choose(apps, only, version)
        leaving = [name for name in absent if only in ("", name)] if want == "deploy" else []
        if want == "deploy":
            self.keep_key_off_the_host([app["name"] for app in chosen if app["source"]["key"]])
            recipes = [recipe_of(app, lambda name: self._find_needle("templates", name)) for app in chosen]
            engine = hashlib.sha256((args.get("engine_requirements") or "").encode()).hexdigest()
            again = bool(args.get("again"))
            # Slow digests, and git asked what a folder holds: waiting, for the most part.
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                described = list(pool.map(describe, chosen, recipes, repeat(engine)))
            requests = [{**request, "again": again} for request in described]
            packages = [*args.get("packages", []), *(name for app in chosen for name in app["packages"])]
        else:
            release = args.get("release") or ""
            requests = [{"want": want, "name": app["name"], "release": release} for app in chosen]
            packages = []
        sent = {
            "requests": requests,
            "access": json.dumps(accesses(chosen if want == "deploy" else [])),
            "known": [*(app["name"] for app in apps), *absent],
            "absent": leaving,
            "purge": args.get("purge", False),
            "unfetched": args.get("unfetched") or {},
            "packages": sorted(set(packages)),
            "uv_home": args["uv_home"],
            "uv_requirements": args["uv_requirements"],
        }
        if self._task.diff and want == "deploy":
            sent["details"] = {app["name"]: self._details(app, task_vars or {}) for app in chosen}
        result: dict[str, Any] = self._execute_module("emperor.flask.plan", sent, task_vars=task_vars)
        holders = result.pop("holders", {})
        result["lock"] = this_run()
        result["abandoned"] = {name: holder["run"] for name, holder in holders.items() if is_over(holder["run"])}
        # Ansible shows the difference of a task that changes something, which this one does in check mode alone.
        # Where something is missing for the comparison, the role installs it and compares again.
        asked_again = any(result.get(key) for key in ("missing_packages", "uv_missing", "missing_pythons"))
        if "diff" in result and not self._task.check_mode and not asked_again:
            self._display.display(f"\n{(task_vars or {}).get('inventory_hostname')}:\n{result['diff']['prepared']}")
        return result

    def _details(self, app: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Return what tells a person how the wanted release would be."""
        shown = {key: value for key, value in app.items() if key not in _UNTOLD}
        release = {"id": PLACEHOLDER, "path": f"{app['root']}/releases/{PLACEHOLDER}"}
        given = {**task_vars, "app": shown, "release": release}
        files = {name: render(self, f"{name}.j2", given) for name in release_files(app)}
        source = {key: app["source"][key] for key in ("path", "git", "version", "archive") if app["source"][key]}
        return {"source": source, "files": files, **requirements_of(app)}


def choose(apps: list[dict[str, Any]], only: str, version: str) -> list[dict[str, Any]]:
    """Return all apps, or the one that is asked for, perhaps in another version."""
    if not only:
        if version:
            raise AnsibleActionFail(f"version {version} is of which app? Add -e app=NAME")
        return apps
    chosen = [app for app in apps if app["name"] == only]
    if not chosen:
        names = [app["name"] for app in apps]
        meant = difflib.get_close_matches(only, names, 1)
        remedy = f"type -e app={meant[0]}" if meant else f"add {only} to flask_apps"
        known = ", ".join(names) or "none"
        raise AnsibleActionFail(f"the inventory lists no app {only} for this host; its apps: {known}; {remedy}")
    if version and not chosen[0]["source"]["git"]:
        raise AnsibleActionFail(f"app {only} does not come from git, so it has no version {version}; leave it out")
    if version and (flaw := trust_flaw(chosen[0]["source"]["git"], version)):
        raise AnsibleActionFail(f"app {only}: {flaw}")
    if version:
        chosen = [{**chosen[0], "source": {**chosen[0]["source"], "version": version}}]
    return chosen


def states_of(name: str, variables: dict[str, Any]) -> set[str]:
    """Return the states that the hosts of this play list for an app of that name."""
    hosts = (variables["hostvars"][host] for host in variables.get("ansible_play_hosts_all", []))
    apps = (app for host in hosts for app in host.get("flask_apps") or [])
    return {ABSENT if is_absent(app) else PRESENT for app in apps if app.get("name") == name}


def describe(app: dict[str, Any], recipe: str, engine: str = "") -> dict[str, Any]:
    """Return what names a release of an app: its description, and its revision or where to ask for it.

    `recipe` and `engine` are digests of what the files that run it and a uWSGI of its own are made from.
    """
    known = {key: value for key, value in app.items() if key not in _UNTOLD}
    description = {key: value for key, value in known.items() if key not in LATE or value != LATE[key]}
    if is_own(app):
        description["engine"] = engine
    secrets = {"secrets": secrets_digest(app["name"], app["secrets"]), "secret_names": sorted(app["secrets"])}
    users = {"auth_basic_users": secrets_digest(app["name"], app["auth_basic_users"])}
    described = description | secrets | users | {"recipe": recipe}
    request = {"want": "deploy", "name": app["name"], "description": described}
    source = app["source"]
    if source["git"]:
        return {**request, "git": source["git"], "version": source["version"]}
    return {**request, "revision": controller_revision(app)}


def accesses(apps: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return, by app, how a git server is reached by ssh, where the app says more of it than the host."""
    found = {app["name"]: {key: app["source"][key] for key in ("key", "known_hosts")} for app in apps}
    return {name: access for name, access in found.items() if any(access.values())}


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
