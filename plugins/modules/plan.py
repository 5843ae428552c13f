# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Compares what is wanted of all apps with what the host has."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import cache, partial
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.plugins.module_utils import locks, packages, removal
from ansible_collections.emperor.flask.plugins.module_utils.certificates import linked
from ansible_collections.emperor.flask.plugins.module_utils.changes import removal_lines, stranger_line
from ansible_collections.emperor.flask.plugins.module_utils.details import Sent, Tools, tell
from ansible_collections.emperor.flask.plugins.module_utils.diagnosis import known_remedy
from ansible_collections.emperor.flask.plugins.module_utils.engines import HOSTS_UWSGI, is_own
from ansible_collections.emperor.flask.plugins.module_utils.git_addresses import ssh_server
from ansible_collections.emperor.flask.plugins.module_utils.interpreters import (
    Interpreter,
    InterpreterError,
    MissingVersionError,
    find,
    on_host,
    unfit,
)
from ansible_collections.emperor.flask.plugins.module_utils.layout import AppLayout, apps_on_host, units_of
from ansible_collections.emperor.flask.plugins.module_utils.plan import AT_REST, AppPlan, as_dicts, plan_app
from ansible_collections.emperor.flask.plugins.module_utils.provisioned import REMEDY, NotProvisionedError, need_nginx
from ansible_collections.emperor.flask.plugins.module_utils.releases import read_manifest
from ansible_collections.emperor.flask.plugins.module_utils.sources import Revision, Run, fetch_commit, find_revision
from ansible_collections.emperor.flask.plugins.module_utils.ssh_access import SshAccess, ssh_access
from ansible_collections.emperor.flask.plugins.module_utils.units import refused_schedules
from ansible_collections.emperor.flask.plugins.module_utils.uv_program import is_installed
from ansible_collections.emperor.flask.plugins.module_utils.uwsgi_options import (
    Engine,
    asks,
    flaws,
    plugins_of,
    read_engine,
)

DOCUMENTATION = r"""
module: plan
short_description: Say which apps of a host need what
description:
  - One call for all apps of a host. It changes nothing.
  - In check mode it reports changed if any app differs, since no later step runs then.
  - Where a git server does not answer, the version stands for the commit that it stood for at the last
    deploy; a warning says so.
  - An app that says what the host's uWSGI does not know cannot be planned; the message names the option.
  - Neither can one whose Python the host lacks and uv cannot fetch; the message names those that the host has.
  - In diff mode it tells for each app that differs the revisions, the commits between them, the names of variables
    and secrets, the options, the requirements and the lines that change of the files that run it, and for a drift what
    was found. No value of a variable or secret is among it.
extends_documentation_fragment:
  - emperor.flask.attributes.check_and_diff
author: The emperor.flask maintainers
version_added: 0.1.0

options:
  apps:
    description: The apps, as in C(flask_apps) of the role P(emperor.flask.flask_app#role).
    type: list
    elements: dict
    required: true
  tls:
    description: C(tls) of apps that say nothing of it.
    type: str
    choices: [acme, selfsigned, files, "off"]
    default: "off"
  only:
    description: Name of the one app to look at; empty for all.
    type: str
    default: ""
  version:
    description: Branch, tag or commit id of O(only), instead of the one that O(apps) says; empty for that.
    type: str
    default: ""
  want:
    description:
      - C(deploy) compares with O(apps). C(rollback) and C(restart) are about releases that are here already.
    type: str
    choices: [deploy, rollback, restart]
    default: deploy
  release:
    description: Release to roll back to; empty for the previous good one.
    type: str
    default: ""
  again:
    description: Deploys a release, though somebody has rolled back from it.
    type: bool
    default: false
  purge:
    description: Removes the data, the history and the user of an app that shall be absent, too.
    type: bool
    default: false
  engine_requirements:
    description: What apps that bring their uWSGI install it from; a change of it makes new releases of them.
    type: str
    default: ""
  unfetched:
    description: Versions of Python that M(emperor.flask.fetch_python) could not fetch, each with the reason.
    type: dict
    default: {}
  packages:
    description: Packages of the distribution that builds need, besides those of the apps.
    type: list
    elements: str
    default: []
  uv_home:
    description: Folder of uv.
    type: path
    required: true
  uv_requirements:
    description: What uv is installed from.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Compare the apps with the host
  emperor.flask.plan:
    apps: "{{ flask_apps }}"
    uv_home: /opt/flask-emperor/uv
    uv_requirements: "{{ lookup('ansible.builtin.file', 'uv.txt') }}"
  register: __flask_app_plan
"""

RETURN = r"""
apps:
  description: What each app needs.
  returned: success
  type: list
  elements: dict
  contains:
    name: {description: Name of the app., type: str}
    action:
      description:
        - C(create), C(deploy), C(repair), C(rollback) or C(restart).
        - C(unchanged), C(held) for a release that was rolled back from, or C(failed), which RV(apps[].error) explains.
      type: str
    reasons: {description: Why., type: list, elements: str}
    id: {description: Id of the wanted release., type: str}
    path: {description: Folder of the wanted release., type: str}
    revision: {description: Commit id of the source or digest of its files., type: str}
    built: {description: Whether the release is complete on the host., type: bool}
    served: {description: Id of the release that gets the traffic., type: str}
    serving: {description: Name of the vassal that gets the traffic., type: str}
    vassal: {description: Name of the vassal to start it as., type: str}
    description: {description: The app as the wanted release has it., type: dict}
    served_description: {description: The app as the served release has it., type: dict}
    request: {description: "What was asked, for M(emperor.flask.recover).", type: dict}
    error: {description: Why nothing can be done., type: str}
    warnings: {description: What a person should know., type: list, elements: str}
to_do:
  description: Those of RV(apps) that need something.
  returned: success
  type: list
  elements: dict
removals:
  description: What the host has of apps that shall be absent; nothing for those that it has nothing of.
  returned: success
  type: list
  elements: dict
  contains:
    name: {description: Name of the app., type: str}
    removed: {description: What goes., type: list, elements: str}
    kept: {description: What stays., type: list, elements: str}
failures:
  description: Those that cannot be planned, each with C(name), C(served) and C(report).
  returned: success
  type: list
  elements: dict
missing_packages:
  description: Packages that are not installed.
  returned: success
  type: list
  elements: str
uv_missing:
  description: Whether uv is missing or of another version.
  returned: success
  type: bool
missing_pythons:
  description: Versions of Python that apps ask for, the host lacks, and nobody has tried to fetch yet.
  returned: success
  type: list
  elements: str
certificates:
  description: Names of the apps that the host has certificates of.
  returned: success
  type: list
  elements: str
units:
  description: Units of systemd that the host has of these apps.
  returned: success
  type: list
  elements: str
strangers:
  description: Apps on the host that no inventory lists; nothing is done about them.
  returned: success
  type: list
  elements: str
announcements:
  description: What is going to be done, and why, a line for each app.
  returned: success
  type: list
  elements: str
notes:
  description: What was left as it is on purpose, each with what to type to change that.
  returned: success
  type: list
  elements: str
lock:
  description: In whose name this run holds apps, for the steps that change them.
  returned: success
  type: dict
  contains:
    run: {description: Name of the run., type: str}
    who: {description: Person and controller., type: str}
abandoned:
  description: For each app that a run holds whose controller process is gone, the name of that run.
  returned: success
  type: dict
diff:
  description: Under C(prepared), what differs, as a text for a person.
  returned: in diff mode, if anything differs
  type: dict
"""


# Asking git servers is waiting; eight at a time keep it short without pestering a server.
_AT_ONCE = 8


def report(plan: AppPlan) -> str:
    """Return why nothing can be done for an app, and how it is meanwhile."""
    still = f"Release {plan.served} of {plan.name} still gets all traffic."
    lines = [plan.error, still if plan.served else f"Nothing of {plan.name} is served yet."]
    if advice := known_remedy(plan.error):
        lines.append(f"What to do: {advice}; then run again.")
    return "\n".join(lines)


def announcement(plan: AppPlan) -> str:
    """Return in one line what is going to be done, and why."""
    return f"{plan.name}: {plan.action} release {plan.id} ({'; '.join(plan.reasons)})"


def removals(absent: list[str], purge: bool) -> list[dict[str, Any]]:
    """Return what there is to take away of apps that shall be absent."""
    found = {name: removal.find(AppLayout(name), purge) for name in absent}
    here = {name: parts for name, parts in found.items() if parts.lines()}
    return [{"name": name, "removed": parts.lines(), "kept": parts.kept} for name, parts in here.items()]


def removal_announcement(leaving: Mapping[str, Any]) -> str:
    """Return in one line what is going to be removed, and what stays."""
    stays = f"; {', '.join(leaving['kept'])} stay, -e purge=true removes them too" if leaving["kept"] else ""
    return f"{leaving['name']}: remove (state: absent{stays})"


def held_note(plan: AppPlan) -> str:
    """Return why an app stays with its release, and how to bring the other one back."""
    return (
        f"{plan.name} stays with release {plan.served}: {'; '.join(plan.reasons)}. Change the app, or deploy it again: "
        f"ansible-playbook playbooks/deploy.yml -e app={plan.name} -e again=true"
    )


def stranger_note(name: str) -> str:
    """Return what to do about an app that the inventory does not list."""
    return (
        f"{name} is on this host, but not in its inventory; it is left alone. To remove it: "
        f"ansible-playbook playbooks/remove.yml -e app={name}"
    )


def served_manifest(name: str) -> dict[str, Any]:
    """Return what the release that gets the traffic says of itself; nothing if there is none."""
    try:
        return read_manifest(AppLayout(name).current)
    except (OSError, ValueError):
        return {}


def access_of(module: AnsibleModule, name: str) -> AbstractContextManager[SshAccess]:
    """Return how an app's git server is reached."""
    access = json.loads(module.params["access"]).get(name, {})
    return ssh_access(access.get("key"), access.get("known_hosts", ()))


def cron_of(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the commands on a schedule of an app that is to be deployed; those of a release were checked then."""
    return list(request.get("description", {}).get("cron", []))


def schedule_errors(request: Mapping[str, Any], refused: Mapping[str, str]) -> str:
    """Return what is wrong with the schedules of an app, as systemd says it; an empty text if nothing is."""
    wrong = [work for work in cron_of(request) if work["schedule"] in refused]
    lines = [f"app {request['name']}, cron {work['name']}: {refused[work['schedule']]}" for work in wrong]
    return "\n".join(lines)


def details(
    module: AnsibleModule, plans: list[AppPlan], run: Run, leaving: list[dict[str, Any]], strangers: list[str]
) -> str:
    """Return what diff mode shows."""

    def lines(plan: AppPlan) -> list[str]:
        def fetch(limited: Run, place: Path) -> None:
            with access_of(module, plan.name) as ssh:
                fetch_commit(limited, plan.request["git"], plan.revision, place, plan.request["version"], ssh)

        sent = Sent(**module.params["details"].get(plan.name, {}))
        return tell(plan, sent, Tools(run, fetch, module.tmpdir))

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = [line for told in pool.map(lines, plans) for line in told]
    gone = [line for entry in leaving for line in removal_lines(**entry)]
    return "".join(f"{line}\n" for line in [*found, *gone, *map(stranger_line, strangers)])


class Pythons:
    """The Pythons of the host, looked for once; `unfetched` says why uv could not fetch those of some versions."""

    def __init__(self, run: Callable[[list[str]], tuple[int, str, str]], unfetched: Mapping[str, str]) -> None:
        self._find = cache(lambda wanted: find(run, wanted, here))
        self._unfetched = unfetched
        self.missing: set[str] = set()

        @cache
        def here() -> list[Interpreter]:
            return on_host(run)

    def of(self, description: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is added to a request: the Python with its name, none of either as yet, or an error."""
        wanted: str | None = description.get("python")
        try:
            found: Interpreter = self._find(wanted)
        except MissingVersionError as error:
            if wanted is not None and wanted in self._unfetched:
                return {"error": f"python: {error}; uv could not fetch it: {self._unfetched[wanted]}"}
            self.missing.add(str(wanted))
            return {"interpreter": None, "python": None}
        except InterpreterError as error:
            return {"error": str(error)}
        return {"interpreter": found.name, "python": found.program, "error": unfit(description, found)}


def main() -> None:
    """Resolve what the sources are now, then compare."""
    module = AnsibleModule(
        argument_spec={
            # Each: `want` and `name`; for a deploy `description`, and `revision` or `git` and `version`.
            "requests": {"type": "list", "elements": "dict", "required": True},
            # JSON, by name of the app: `key` and `known_hosts` of its source.
            "access": {"type": "str", "default": "{}", "no_log": True},
            "known": {"type": "list", "elements": "str", "required": True},
            # Names of apps that shall not be there.
            "absent": {"type": "list", "elements": "str", "default": []},
            "purge": {"type": "bool", "default": False},
            "unfetched": {"type": "dict", "default": {}},
            "packages": {"type": "list", "elements": "str", "default": []},
            "uv_home": {"type": "path", "required": True},
            "uv_requirements": {"type": "str", "required": True},
            # By app: what only diff mode needs, see details.Sent.
            "details": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    params = module.params
    if not module.check_mode:
        # Else nginx would refuse each new site, in words that name no remedy.
        try:
            need_nginx()
        except NotProvisionedError as error:
            module.fail_json(msg=f"{error}; {REMEDY}")
    absent = {program for program in ("git", "ssh") if module.get_bin_path(program) is None}

    def run(command: list[str], environment: Mapping[str, str]) -> tuple[int, str, str]:
        return module.run_command(command, environ_update=dict(environment))

    def revision(request: dict[str, Any]) -> Revision:
        if "git" in absent or ("ssh" in absent and ssh_server(request["git"])):
            # It is among the missing packages, and the question will be asked again.
            return Revision(None)
        name, address, version = request["name"], request["git"], request["version"]
        with access_of(module, name) as ssh:
            return find_revision(run, name, address, version, ssh, served_manifest(name))

    try:
        refused = refused_schedules(work["schedule"] for request in params["requests"] for work in cron_of(request))
    except OSError as error:
        module.fail_json(msg=f"systemd cannot check the schedules of cron: {error}")
    absent_packages = packages.missing(module, params["packages"])

    @cache
    def engine(plugins: tuple[str, ...]) -> Engine:
        return read_engine(module.run_command, HOSTS_UWSGI, plugins)

    def unknown_options(description: Mapping[str, Any]) -> str:
        # Where a package is missing, which may bring options, it is installed and the question asked again. What an
        # app brings is asked when it is there.
        if not asks(description) or is_own(description) or absent_packages or not Path(HOSTS_UWSGI).exists():
            return ""
        return "\n".join(flaws(description, engine(plugins_of(description))))

    pythons = Pythons(partial(module.run_command, handle_exceptions=False), params["unfetched"])
    of_host = {
        entry["name"]: (unknown_options(entry["description"]), pythons.of(entry["description"]))
        for entry in params["requests"]
        if entry["want"] == "deploy"
    }

    def resolved(request: dict[str, Any]) -> dict[str, Any]:
        options, python = of_host.get(request["name"], ("", {}))
        errors = (schedule_errors(request, refused), options, python.get("error"))
        known = {**request, **python, "error": "\n".join(filter(None, errors))}
        if known["error"] or request["want"] != "deploy" or request.get("revision"):
            return known
        found = revision(request)
        warnings = [found.warning] if found.warning else []
        return {**known, "revision": found.commit, "error": found.error, "warnings": warnings}

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        requests = list(pool.map(resolved, params["requests"]))
    plans = [plan_app(request) for request in requests]
    for warning in (text for plan in plans for text in plan.warnings):
        module.warn(warning)
    if module.check_mode and pythons.missing:
        module.warn(f"Python {', '.join(sorted(pythons.missing))} is not on this host; uv is going to fetch it")
    found = as_dicts(plans)
    strangers = sorted(set(apps_on_host()) - set(params["known"]))
    holders = {plan.name: holder for plan in plans if (holder := locks.holder_of(plan.name))}
    leaving = removals(params["absent"], params["purge"])
    shown = details(module, plans, run, leaving, strangers) if module._diff else ""
    module.exit_json(
        changed=module.check_mode and bool(leaving or any(plan.action not in AT_REST for plan in plans)),
        apps=found,
        to_do=[entry for entry in found if entry["action"] not in AT_REST],
        removals=leaving,
        failures=[
            {"name": plan.name, "served": plan.served, "report": report(plan)}
            for plan in plans
            if plan.action == "failed"
        ],
        missing_packages=absent_packages,
        uv_missing=not is_installed(Path(params["uv_home"]), params["uv_requirements"]),
        missing_pythons=sorted(pythons.missing),
        certificates=linked(),
        units=[unit for plan in plans for unit in units_of(plan.name)],
        strangers=strangers,
        announcements=[
            *(announcement(plan) for plan in plans if plan.action not in AT_REST),
            *map(removal_announcement, leaving),
        ],
        notes=[*(held_note(plan) for plan in plans if plan.action == "held"), *map(stranger_note, strangers)],
        holders={name: {"run": holder.run, "who": holder.who} for name, holder in holders.items()},
        **({"diff": {"prepared": shown}} if shown else {}),
    )


if __name__ == "__main__":
    main()
