# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Runs what apps do beside requests."""

from __future__ import annotations

import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.plugins.module_utils import layout, units
from ansible_collections.emperor.flask.plugins.module_utils.layout import AppLayout
from ansible_collections.emperor.flask.plugins.module_utils.provisioned import REMEDY, NotProvisionedError, need

DOCUMENTATION = r"""
module: units
short_description: Run what apps do beside requests
description:
  - Starts the daemons and timers of apps whose files M(emperor.flask.managed_files) has written, lets them start
    with the host, and takes away those that are wanted no more.
  - Restarts a daemon that was started before traffic moved last, or before its file changed; all of the host at the
    same time. It ends gracefully first, so that no two releases of it run at once.
  - A daemon that does not stay up is no failure, but a warning. systemd goes on starting it.
extends_documentation_fragment:
  - emperor.flask.attributes.check
author: The emperor.flask maintainers
version_added: 0.1.0

options:
  apps:
    description: By the name of an app, the names of all its units. Units of other apps are left alone.
    type: dict
    required: true
  settle:
    description: Seconds after which a daemon that was started has to be up.
    type: float
    default: 2.0
"""

EXAMPLES = r"""
- name: Run what the shop does beside requests
  emperor.flask.units:
    apps:
      shop:
        - flask-app-shop.mails.service
        - flask-app-shop.nightly.service
        - flask-app-shop.nightly.timer
"""

RETURN = r"""
started:
  description: Units that were started, or started anew.
  returned: success
  type: list
  elements: str
removed:
  description: Units that were stopped and taken away.
  returned: success
  type: list
  elements: str
failures:
  description: Daemons and timers that do not stay up, each with the cause.
  returned: success
  type: list
  elements: str
"""


def failure(app: str, unit: units.Unit) -> str:
    """Return what is wrong with a unit that should be at work."""
    return f"app {app}: {unit.work} does not stay up: {unit.flaw}; look at: journalctl --unit={unit.name} --lines=50"


def main() -> None:
    """Compare, and do what is missing."""
    module = AnsibleModule(
        argument_spec={"apps": {"type": "dict", "required": True}, "settle": {"type": "float", "default": 2.0}},
        supports_check_mode=True,
    )
    owners = {unit: app for app, names in module.params["apps"].items() for unit in names}
    leaving = [unit for app in module.params["apps"] for unit in layout.units_of(app) if unit not in owners]
    former = units.former_daemons(owners)
    daemons, timers = units.kinds(owners)
    active = [*daemons, *timers]
    failures: list[str] = []
    try:
        found = units.show(owners)
        unread = any(unit["NeedDaemonReload"] == "yes" or unit["LoadState"] != "loaded" for unit in found.values())
        disabled = [name for name in active if found[name]["UnitFileState"] != "enabled"]
        started = [
            name
            for name in active
            if not found[name].is_running or units.is_outdated(found[name], AppLayout(owners[name]))
        ]
        if started and not module.check_mode:
            # Without it, nothing would keep them from other apps.
            need(layout.UNITS / units.SHARED)
        if not module.check_mode:
            units.remove(leaving)
            units.stop(former)
            if unread:
                units.reload()
            units.enable(disabled)
            units.restart(started)
            if started:
                time.sleep(module.params["settle"])
            failures = [failure(owners[name], unit) for name, unit in units.show(active).items() if not unit.stays_up]
    except NotProvisionedError as error:
        module.fail_json(msg=f"{error}; {REMEDY}")
    except OSError as error:
        module.fail_json(msg=f"{error}; look at: systemctl status 'flask-app-*'")
    for text in failures:
        module.warn(text)
    changed = bool(leaving or former or unread or disabled or started)
    module.exit_json(changed=changed, started=started, removed=leaving, failures=failures)


if __name__ == "__main__":
    main()
