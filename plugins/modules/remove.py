# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Removes an app from a host."""

from __future__ import annotations

import shutil
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.plugins.module_utils import (
    certificates,
    history,
    locks,
    managed,
    removal,
    units,
)
from ansible_collections.emperor.flask.plugins.module_utils.files import make_directory
from ansible_collections.emperor.flask.plugins.module_utils.layout import APP_NAME, AppLayout
from ansible_collections.emperor.flask.plugins.module_utils.plan import manifest_of
from ansible_collections.emperor.flask.plugins.module_utils.releases import served_release
from ansible_collections.emperor.flask.plugins.module_utils.steps import StepError, step

DOCUMENTATION = r"""
module: remove
short_description: Remove an app from a host
description:
  - First nginx's files go and nginx is reloaded, then daemons and schedules, then the vassals, which may end their
    requests, then releases, virtualenvs, repository, cache and the user that built them.
  - Data, history and the app's user stay, unless O(purge) is set.
  - Interrupted, it goes on where it was when it is run again.
attributes:
  check_mode:
    description: Says what would be removed, and removes nothing.
    support: full
  diff_mode:
    description: Shows what goes.
    support: full
author: The emperor.flask maintainers
version_added: 0.1.0

options:
  name:
    description: Name of the app.
    type: str
    required: true
  listed:
    description: Names of the apps that the inventory lists for the host.
    type: list
    elements: str
    default: []
  purge:
    description: Removes the data, the history and the app's user too.
    type: bool
    default: false
  wait:
    description: Seconds to wait for another run that is at the app.
    type: int
    default: 120
"""

EXAMPLES = r"""
- name: Remove the shop, and keep its data
  emperor.flask.remove:
    name: shop
  register: __flask_app_seen
"""

RETURN = r"""
name:
  description: Name of the app.
  returned: success
  type: str
removed:
  description: What was, or in check mode would be, removed.
  returned: success
  type: list
  elements: str
kept:
  description: What stays.
  returned: success
  type: list
  elements: str
listed:
  description: Whether the inventory lists the app, so that the next deploy brings it back.
  returned: success
  type: bool
check:
  description: Whether nothing was removed, since it was asked what would be.
  returned: success
  type: bool
known:
  description: Names of all apps that the inventory lists or that the host has, or has removed since its last boot.
  returned: success
  type: list
  elements: str
"""

_DRAIN_TIMEOUT = 60


def drain_timeout(layout: AppLayout) -> int:
    """Return the seconds that requests in flight get, as the served release has it."""
    manifest: dict[str, Any] = manifest_of(layout, served_release(layout))
    try:
        return int(manifest["description"]["drain_timeout"])
    except (ValueError, LookupError, TypeError):
        return _DRAIN_TIMEOUT


def close(module: AnsibleModule, found: removal.Removal) -> None:
    """Take nginx's files of the app away, and make nginx read the others."""
    pending = managed.PENDING / "apps"
    if found.files:
        make_directory(managed.PENDING)
        # A run that is killed before the reload leaves it to the next one.
        pending.touch()
    elif not pending.exists():
        return
    before = [managed.read_before(path) for path in found.files]
    for path in found.files:
        path.unlink()
    if shutil.which("nginx"):
        code, out, err = module.run_command(["nginx", "-t"])
        if code != 0:
            for file in before:
                managed.restore(file)
            said = (err or out).strip()
            raise StepError(f"nginx -t refuses what is left without the app's site, which is back.\n{said}")
        # An nginx that does not run has nothing to read.
        module.run_command(["systemctl", "try-reload-or-restart", "nginx"], check_rc=True)
    pending.unlink(missing_ok=True)


def remove_users(module: AnsibleModule, users: list[str]) -> None:
    """Remove accounts with their groups."""
    for name in users:
        removal.end_processes(name)
        module.run_command(["userdel", name], check_rc=True)


def main() -> None:
    """Close the door, wait for who is inside, clear up."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "listed": {"type": "list", "elements": "str", "default": []},
            "purge": {"type": "bool", "default": False},
            "wait": {"type": "int", "default": 120},
            # The action plugin names the run.
            "lock": {"type": "dict", "required": True},
        },
        supports_check_mode=True,
    )
    params = module.params
    name, purge = params["name"], params["purge"]
    if not APP_NAME.fullmatch(name):
        module.fail_json(msg=f"remove which app? '{name}' is no name of one; add -e app=NAME")
    # What is left of the lock says until the next boot that there was an app of that name.
    was_here = removal.is_here(AppLayout(name)) or (locks.LOCKS / name).exists()
    known = sorted({*params["listed"], *removal.apps_with_traces(), *([name] if was_here else [])})
    removed: list[str] = []
    kept: list[str] = []
    if name in known:
        found = removal.find(AppLayout(name), purge)
        removed, kept = found.lines(), found.kept
        if removed and not module.check_mode:
            with step(module, params["wait"], begins=True) as layout:
                # Another run may have been at it meanwhile.
                found = removal.find(layout, purge)
                close(module, found)
                units.remove(found.units)
                removal.stop(found.vassals, drain_timeout(layout))
                removal.end_processes(layout.user)
                certificates.lead_to(name, None, False, module.run_command)
                removal.clear(found)
                remove_users(module, found.users)
                if layout.root.is_dir():
                    history.record(layout, {"who": params["lock"]["who"], "result": history.REMOVED})
            locks.release(name, locks.Holder.of(params["lock"]))
    module.exit_json(
        changed=bool(removed),
        name=name,
        removed=removed,
        kept=kept,
        listed=name in params["listed"],
        check=module.check_mode,
        known=known,
        diff={"before": "".join(f"{line}\n" for line in removed), "after": ""},
    )


if __name__ == "__main__":
    main()
