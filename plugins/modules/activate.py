# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Moves the traffic of an app to a release."""

from __future__ import annotations

import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.plugins.module_utils import history, runners, vassals
from ansible_collections.emperor.flask.plugins.module_utils.releases import (
    ROLLED_BACK,
    activate,
    mark_rolled_back,
    misled,
    served_release,
)
from ansible_collections.emperor.flask.plugins.module_utils.steps import RELEASE_ARGUMENTS, StepError, step

DOCUMENTATION = r"""
module: activate
short_description: Move all traffic of an app to a release
description:
  - Renames the link C(current), which code, static files and socket all hang below, and writes a line into
    C(history.jsonl).
extends_documentation_fragment:
  - emperor.flask.step
  - emperor.flask.step.release
  - emperor.flask.attributes.check_and_diff
author: The emperor.flask maintainers
version_added: 0.1.0

options:
  revision:
    description: Revision of its source.
    type: str
    required: true
  rollback:
    description: Whether this takes a release back; the one that served is then skipped by later rollbacks.
    type: bool
    default: false
  why:
    description: Why, for the history.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Activate the release
  emperor.flask.activate:
    name: shop
    release: 3f9c2a71b04e
    lock: "{{ __flask_app_plan.lock }}"
    revision: v1.4.0
"""

RETURN = r"""
previous:
  description: Id of the release that got the traffic before, or null.
  returned: success
  type: str
seconds:
  description: Time that the switch took, in seconds.
  returned: success
  type: float
"""


def main() -> None:
    """Rename the link and remember it."""
    module = AnsibleModule(
        argument_spec={
            **RELEASE_ARGUMENTS,
            "revision": {"type": "str", "required": True},
            "rollback": {"type": "bool", "default": False},
            "why": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    params = module.params
    begin = time.monotonic()
    with step(module) as layout:
        wanted, previous = params["release"], served_release(layout)
        release = layout.release(wanted)
        last = vassals.last_vassal(release)
        # A run may have been stopped between the switch and its entry.
        unrecorded = history.last_live(layout) != wanted
        elsewhere = vassals.serving_vassal(release) != last or misled(layout, wanted)
        changed = bool(unrecorded or previous != wanted or elsewhere)
        if changed and not module.check_mode:
            if last is not None and not runners.of_vassal(last).is_started(last):
                raise StepError(f"vassal {last} is gone since it was checked", "run again")
            # Going back to a release that was rolled back from undoes that; nothing is wrong with the other one.
            undone = (release / ROLLED_BACK).exists()
            if params["rollback"] and previous not in (None, wanted) and not undone:
                # Before the switch: stopped after it, the next rollback would else come back here.
                mark_rolled_back(layout, previous, params["lock"]["who"])
            activate(layout, wanted)
            history.record(
                layout,
                {
                    "release": wanted,
                    "previous": previous,
                    "revision": params["revision"],
                    "who": params["lock"]["who"],
                    "why": params["why"],
                    "result": history.ROLLED_BACK if params["rollback"] else history.ACTIVATED,
                    "seconds": round(time.monotonic() - begin, 3),
                },
            )
    module.exit_json(
        changed=changed,
        previous=previous,
        seconds=round(time.monotonic() - begin, 3),
        diff={
            "before": f"{layout.current} -> {previous}\n",
            "after": f"{layout.current} -> {wanted}\n",
        },
    )


if __name__ == "__main__":
    main()
