# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Takes the lock of an app and makes good what an interrupted run has left."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.plugins.module_utils.files import differs, remove_tree, set_access
from ansible_collections.emperor.flask.plugins.module_utils.layout import Directory
from ansible_collections.emperor.flask.plugins.module_utils.plan import as_dicts, leftovers, plan_app
from ansible_collections.emperor.flask.plugins.module_utils.retirement import end, unfinished
from ansible_collections.emperor.flask.plugins.module_utils.steps import ARGUMENTS, StepError, step

DOCUMENTATION = r"""
module: recover
short_description: Begin the release of an app, whatever the last run has left
description:
  - Takes the app's lock. Another run that holds it is waited for; after O(wait) seconds, its owner is named.
  - Ends vassals that are neither served, wanted nor kept for a rollback, removes unfinished builds, and makes what
    is missing of the app's directories.
  - Looks again what the app needs, since another run may have been faster.
extends_documentation_fragment:
  - emperor.flask.step
  - emperor.flask.attributes.check_and_diff
author: The emperor.flask maintainers
version_added: 0.1.0

options:
  request:
    description: What is wanted, as M(emperor.flask.plan) returned it.
    type: dict
    required: true
  wait:
    description: Seconds to wait for another run.
    type: int
    default: 120
  abandoned:
    description: Run whose controller process is known to be gone; its lock is taken over at once.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Begin the release of the shop
  emperor.flask.recover:
    name: shop
    lock: "{{ __flask_app_plan.lock }}"
    request: "{{ __flask_app_planned.request }}"
"""

RETURN = r"""
plan:
  description: What the app needs, as of M(emperor.flask.plan).
  returned: success
  type: dict
removed:
  description: Vassals and unfinished builds that were taken away.
  returned: success
  type: list
  elements: str
directories:
  description: Directories that were, or in check mode would be, made or set right.
  returned: success
  type: list
  elements: str
"""


def set_right(entry: Directory) -> None:
    """Make a directory, or give it its owner and mode."""
    if entry.path.is_symlink():
        raise StepError(f"{entry.path} is a symbolic link", "make it a directory, or remove it")
    entry.path.mkdir(exist_ok=True, mode=0o700)
    set_access(entry.path, entry.owner, entry.group, entry.mode)


def main() -> None:
    """Lock, look, clear up."""
    module = AnsibleModule(
        argument_spec={
            **ARGUMENTS,
            "request": {"type": "dict", "required": True},
            "wait": {"type": "int", "default": 120},
            "abandoned": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    with step(module, module.params["wait"], module.params["abandoned"], begins=True) as layout:
        found = plan_app(module.params["request"])
        if found.error:
            raise StepError(found.error.removeprefix(f"app {layout.name}").lstrip(": "))
        description = found.description
        media = [entry["path"] for entry in description["media"]]
        directories = layout.directories(description["writable"], media)
        wrong = [entry for entry in directories if differs(entry.path, entry.owner, entry.group, entry.mode)]
        builds = unfinished(layout)
        vassals = leftovers(layout, found.serving, found.vassal)
        if not module.check_mode:
            for entry in wrong:
                set_right(entry)
            end(vassals, description["drain_timeout"])
            for path in builds:
                remove_tree(path)
    after = "".join(f"{entry.path} {entry.owner}:{entry.group} {entry.mode:04o}\n" for entry in wrong)
    removed = [*vassals, *(path.name for path in builds)]
    module.exit_json(
        changed=bool(wrong or removed),
        plan=as_dicts([found])[0],
        removed=removed,
        directories=[str(entry.path) for entry in wrong],
        diff={"before": "".join(f"{name}\n" for name in removed), "after": after},
    )


if __name__ == "__main__":
    main()
