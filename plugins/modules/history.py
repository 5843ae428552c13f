# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Tells what has happened to the apps of a host."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.plugins.module_utils import history
from ansible_collections.emperor.flask.plugins.module_utils.layout import AppLayout, apps_with_history

DOCUMENTATION = r"""
module: history
short_description: Tell what has happened to the apps of a host
description:
  - Reads C(history.jsonl) of each app, also of one that was removed while its data was kept.
extends_documentation_fragment:
  - emperor.flask.attributes.reads
author: The emperor.flask maintainers
version_added: 0.1.0

options:
  listed:
    description: Names of the apps that the inventory lists for the host.
    type: list
    elements: str
    default: []
  only:
    description: Name of the one app to look at; empty for all.
    type: str
    default: ""
  lines:
    description: Entries to return, the newest of each app.
    type: int
    default: 20
"""

EXAMPLES = r"""
- name: Read what has happened to the shop
  emperor.flask.history:
    only: shop
  register: __flask_app_seen
"""

RETURN = r"""
entries:
  description: Activations and failures, the oldest first.
  returned: success
  type: list
  elements: dict
  contains:
    app: {description: Name of the app., type: str}
    time: {description: "When, UTC.", type: str}
    release: {description: Id of the release., type: str}
    previous: {description: Id of the release before., type: str}
    revision: {description: Commit id of the source or digest of its files., type: str}
    result: {description: "C(activated), C(rolled back), C(failed) or C(removed).", type: str}
    who: {description: Person and controller., type: str}
    why: {description: The reason., type: str}
    seconds: {description: "Time that the switch took, in seconds.", type: float}
known:
  description: Names of all apps that the inventory lists or the host has a history of.
  returned: success
  type: list
  elements: str
"""


def main() -> None:
    """Read the end of each history."""
    module = AnsibleModule(
        argument_spec={
            "listed": {"type": "list", "elements": "str", "default": []},
            "only": {"type": "str", "default": ""},
            "lines": {"type": "int", "default": 20},
        },
        supports_check_mode=True,
    )
    params = module.params
    known = sorted({*params["listed"], *apps_with_history()})
    count = max(params["lines"], 1)
    entries = [
        {"app": name, **entry}
        for name in known
        if params["only"] in ("", name)
        for entry in history.read(AppLayout(name))[-count:]
    ]
    module.exit_json(changed=False, entries=sorted(entries, key=lambda entry: str(entry.get("time"))), known=known)


if __name__ == "__main__":
    main()
