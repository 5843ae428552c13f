# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Compares the wanted releases of all apps with what the host has."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.plugins.module_utils.commands import SYSTEM_PYTHON
from ansible_collections.emperor.flask.plugins.module_utils.plan import as_dicts, describe, plan_app
from ansible_collections.emperor.flask.plugins.module_utils.sources import (
    GIT_ENVIRONMENT,
    SourceError,
    resolve_version,
)

DOCUMENTATION = r"""
module: plan
short_description: Say which apps of a host need what
description:
  - One call for all apps of a host. It changes nothing.
  - In check mode it reports changed if any app differs, since no later step runs then.
attributes:
  check_mode:
    description: Says what would change, and changes nothing.
    support: full
  diff_mode:
    description: Shows what changes.
    support: full
author: The emperor.flask maintainers
version_added: 0.1.0

options:
  apps:
    description: The apps, as in C(flask_apps) of the role P(emperor.flask.flask_app#role).
    type: list
    elements: dict
    required: true
  recipe:
    description: Template of the vassal's file; a change of it makes new releases.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Compare the apps with the host
  emperor.flask.plan:
    apps: "{{ flask_apps }}"
    recipe: vassal.ini.j2
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
    id: {description: Id of the wanted release., type: str}
    path: {description: Folder of the wanted release., type: str}
    revision: {description: Commit id of the source or digest of its files., type: str}
    action: {description: "C(create), C(deploy), C(repair) or C(unchanged).", type: str}
    reasons: {description: Why., type: list, elements: str}
    built: {description: Whether the release is complete on the host., type: bool}
    served: {description: Id of the release that gets the traffic., type: str}
    serving: {description: Name of the vassal that gets the traffic., type: str}
    vassal: {description: Name of the vassal to start it as., type: str}
    parts: {description: Digest of each key of the app., type: dict}
"""


# Asking git servers is waiting; eight at a time keep it short without pestering a server.
_AT_ONCE = 8


def main() -> None:
    """Resolve what the sources are now, then compare."""
    module = AnsibleModule(
        argument_spec={
            # Each: `description` (without source and secrets), and `revision`, or `git` and `version`.
            "apps": {"type": "list", "elements": "dict", "required": True},
        },
        supports_check_mode=True,
    )
    git_missing = module.get_bin_path("git") is None

    def revision(app: dict[str, Any]) -> str | None:
        if app.get("revision"):
            return app["revision"]
        if git_missing and module.check_mode:
            return None

        def run(command: list[str]) -> tuple[int, str, str]:
            return module.run_command(command, environ_update=GIT_ENVIRONMENT)

        return resolve_version(run, app["git"], app["version"])

    apps = module.params["apps"]
    script = "import sys; print('%s-%d.%d' % (sys.implementation.name, *sys.version_info[:2]))"
    interpreter = module.run_command([SYSTEM_PYTHON, "-I", "-c", script], check_rc=True)[1].strip()
    try:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            revisions = list(pool.map(revision, apps))
    except SourceError as error:
        module.fail_json(msg=str(error))
    plans = [plan_app(app["description"], known, interpreter) for app, known in zip(apps, revisions, strict=True)]
    before, after = describe(plans)
    differs = any(plan.action != "unchanged" for plan in plans)
    module.exit_json(
        changed=module.check_mode and differs,
        apps=as_dicts(plans),
        diff={
            "before_header": "apps of this host",
            "after_header": "apps wanted",
            "before": before,
            "after": after,
        },
    )


if __name__ == "__main__":
    main()
