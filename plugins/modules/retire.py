# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Ends what an app no longer needs."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.plugins.module_utils import emperor
from ansible_collections.emperor.flask.plugins.module_utils.files import remove_tree
from ansible_collections.emperor.flask.plugins.module_utils.layout import (
    VASSAL_NAME,
    AppLayout,
    traces_of,
)
from ansible_collections.emperor.flask.plugins.module_utils.releases import served_release

DOCUMENTATION = r"""
module: retire
short_description: End the vassals of an app that no longer get traffic
description:
  - Waits until the requests in flight on them have ended, at most O(drain_timeout), then ends every vassal
    of exactly this app but the one of the served release. Unfinished releases are removed.
attributes:
  check_mode:
    description: Says what would change, and changes nothing.
    support: full
  diff_mode:
    description: Shows what changes.
    support: none
author: The emperor.flask maintainers
version_added: 0.1.0

options:
  name:
    description: Name of the app.
    type: str
    required: true
  drain_timeout:
    description: Seconds that requests in flight get.
    type: int
    default: 60
  request_timeout:
    description: Seconds after which uWSGI ends a request by force, so that the longest has ended then.
    type: int
    default: 60
"""

EXAMPLES = r"""
- name: Retire the previous release
  emperor.flask.retire:
    name: shop
"""

RETURN = r"""
retired:
  description: Names of the vassals that were ended.
  returned: success
  type: list
  elements: str
"""


def main() -> None:
    """Drain and end, one vassal after the other."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "drain_timeout": {"type": "int", "default": 60},
            "request_timeout": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    layout = AppLayout(module.params["name"])
    timeout = module.params["drain_timeout"]
    served = served_release(layout)
    if served is None:
        module.fail_json(msg=f"app {layout.name} serves no release yet; nothing can be retired")
        return
    kept = emperor.serving_vassal(layout.release(served))
    if kept is None:
        module.fail_json(msg=f"app {layout.name}: release {served} has no vassal; deploy it again")
    leaving = [name for name in traces_of(layout.name) if name != kept]
    unfinished = list(layout.releases.glob("*.tmp"))
    if not module.check_mode:
        try:
            for name in leaving:
                match = VASSAL_NAME.fullmatch(name)
                if match is not None:
                    emperor.wait_idle(layout.stats(match["release"]), timeout)
                # The emperor lets it end gracefully, so a request that came in just now ends too.
                emperor.stop(name, module.params["request_timeout"] + 15)
        except emperor.EmperorError as error:
            module.fail_json(msg=f"app {layout.name}: {error}")
        for path in unfinished:
            remove_tree(path)
    module.exit_json(changed=bool(leaving or unfinished), retired=leaving)


if __name__ == "__main__":
    main()
