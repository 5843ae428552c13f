# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Moves the traffic of an app to a release."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.plugins.module_utils import emperor
from ansible_collections.emperor.flask.plugins.module_utils.layout import AppLayout
from ansible_collections.emperor.flask.plugins.module_utils.releases import (
    ReleaseError,
    activate,
    record,
    served_release,
)

DOCUMENTATION = r"""
module: activate
short_description: Move all traffic of an app to a release
description:
  - Renames the link C(current), which code, static files and socket all hang below, and writes a line into
    C(history.jsonl).
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
  name:
    description: Name of the app.
    type: str
    required: true
  release:
    description: Id of the release, which must be complete.
    type: str
    required: true
  revision:
    description: Revision of its source, for the history.
    type: str
    required: true
  who:
    description: Who deploys, for the history.
    type: str
    default: ""
  why:
    description: The reason, for the history.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Activate the release
  emperor.flask.activate:
    name: shop
    release: 3f9c2a71b04e
    revision: v1.4.0
"""

RETURN = r"""
previous:
  description: Id of the release that got the traffic before, or null.
  returned: success
  type: str
"""


def main() -> None:
    """Rename the link and remember it."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "release": {"type": "str", "required": True},
            "revision": {"type": "str", "required": True},
            "who": {"type": "str", "default": ""},
            "why": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    params = module.params
    layout = AppLayout(params["name"])
    previous = served_release(layout)
    release = layout.release(params["release"])
    changed = previous != params["release"] or emperor.serving_vassal(release) != emperor.last_vassal(release)
    if changed and not module.check_mode:
        try:
            activate(layout, params["release"])
        except ReleaseError as error:
            module.fail_json(msg=f"app {params['name']}: {error}")
        record(
            layout,
            {**{key: params[key] for key in ("release", "revision", "who", "why")}, "result": "activated"},
        )
    module.exit_json(
        changed=changed,
        previous=previous,
        diff={
            "before": f"{layout.current} -> {previous}\n",
            "after": f"{layout.current} -> {params['release']}\n",
        },
    )


if __name__ == "__main__":
    main()
