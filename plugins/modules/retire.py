# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Ends what an app no longer needs."""

from __future__ import annotations

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.plugins.module_utils import history, locks, runners, vassals, warm
from ansible_collections.emperor.flask.plugins.module_utils.files import remove_tree
from ansible_collections.emperor.flask.plugins.module_utils.layout import traces_of
from ansible_collections.emperor.flask.plugins.module_utils.plan import leftovers
from ansible_collections.emperor.flask.plugins.module_utils.releases import previous_release, served_release
from ansible_collections.emperor.flask.plugins.module_utils.retirement import end, prunable, prune, unfinished
from ansible_collections.emperor.flask.plugins.module_utils.steps import RELEASE_ARGUMENTS, step

DOCUMENTATION = r"""
module: retire
short_description: End the vassals of an app that no longer get traffic, and give its lock back
description:
  - Waits until the requests in flight on them have ended, at most O(drain_timeout), then ends every vassal
    of exactly this app but the one of the served release. With O(rollback_window) that of the release before stays,
    idle, for so long; a timer of systemd ends it.
  - Removes unfinished builds and, after a success, releases and virtualenvs that are too old to be kept.
extends_documentation_fragment:
  - emperor.flask.step
  - emperor.flask.step.release
  - emperor.flask.attributes.check
author: The emperor.flask maintainers
version_added: 0.1.0

options:
  drain_timeout:
    description: Seconds that requests in flight get.
    type: int
    default: 60
  rollback_window:
    description: Seconds that the vassal of the previous release stays up.
    type: int
    default: 0
  keep_releases:
    description: Releases to keep that were live.
    type: int
    default: 5
  failure:
    description: Why the release failed, for the history; nothing is pruned then.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Retire the previous release
  emperor.flask.retire:
    name: shop
    release: 3f9c2a71b04e
    lock: "{{ __flask_app_plan.lock }}"
"""

RETURN = r"""
served:
  description: Id of the release that gets the traffic, or null.
  returned: success
  type: str
retired:
  description: Names of the vassals that were ended.
  returned: success
  type: list
  elements: str
kept:
  description: Name of the vassal that stays up for a rollback, or an empty text.
  returned: success
  type: str
pruned:
  description: Names of the releases and virtualenvs that were removed.
  returned: success
  type: list
  elements: str
"""


def main() -> None:
    """Drain and end, one vassal after the other; then clear up."""
    module = AnsibleModule(
        argument_spec={
            **RELEASE_ARGUMENTS,
            "drain_timeout": {"type": "int", "default": 60},
            "rollback_window": {"type": "int", "default": 0},
            "keep_releases": {"type": "int", "default": 5},
            "failure": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    params = module.params
    failed = bool(params["failure"])
    # What clears up goes by what it finds.
    with step(module, begins=failed) as layout:
        served = served_release(layout)
        serving = vassals.serving_vassal(layout.release(served)) if served else None
        before = previous_release(layout, served) if served and not failed else None
        spare = vassals.serving_vassal(layout.release(before)) if before else None
        warms = bool(params["rollback_window"] and spare and spare != serving)
        keeps = warms and spare is not None and runners.of_vassal(spare).is_started(spare)
        if failed:
            leaving = leftovers(layout, serving)
        else:
            # One release is kept for a rollback, not each that a window has not run out for.
            leaving = [name for name in traces_of(layout.name) if name not in (serving, spare if keeps else None)]
        builds = unfinished(layout)
        old: list[Path] = []
        if not module.check_mode:
            if keeps and spare:
                warm.keep(spare, params["rollback_window"])
            for name in leaving:
                warm.forget(name)
            end(leaving, params["drain_timeout"])
            for path in builds:
                remove_tree(path)
            old = [] if failed else prunable(layout, params["keep_releases"])
            prune(old)
            if failed and layout.root.is_dir():
                entry = {"release": params["release"], "who": params["lock"]["who"], "result": history.FAILED}
                history.record(layout, {**entry, "why": params["failure"]})
    if not module.check_mode:
        locks.release(layout.name, locks.Holder.of(params["lock"]))
    module.exit_json(
        changed=bool(leaving or builds or old),
        served=served,
        retired=leaving,
        kept=spare if keeps and spare else "",
        pruned=[path.name for path in old],
    )


if __name__ == "__main__":
    main()
