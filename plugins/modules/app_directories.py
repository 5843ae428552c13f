# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Makes the directories of an app."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.plugins.module_utils.files import differs, set_access
from ansible_collections.emperor.flask.plugins.module_utils.layout import AppLayout

DOCUMENTATION = r"""
module: app_directories
short_description: Make the directories of an app
description:
  - Makes what is missing below C(/srv/apps/<name>) and sets owners and modes. It removes nothing.
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
    description: Name of the app. Its user must exist.
    type: str
    required: true
  writable:
    description: Folders below C(shared/) for the app alone.
    type: list
    elements: str
    default: []
  media:
    description: Folders below C(shared/) that nginx serves.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Make the directories of the shop
  emperor.flask.app_directories:
    name: shop
    writable: [instance]
    media: [media]
"""

RETURN = r"""
directories:
  description: Directories that were, or in check mode would be, made or set right.
  returned: success
  type: list
  elements: str
"""


def main() -> None:
    """Compare each directory with the layout and set right what differs."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "writable": {"type": "list", "elements": "str", "default": []},
            "media": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    wanted = AppLayout(module.params["name"]).directories(module.params["writable"], module.params["media"])
    wrong = [entry for entry in wanted if differs(entry.path, entry.owner, entry.group, entry.mode)]
    if not module.check_mode:
        for entry in wrong:
            if entry.path.is_symlink():
                module.fail_json(msg=f"{entry.path} is a symbolic link; make it a directory or remove it")
            entry.path.mkdir(exist_ok=True, mode=0o700)
            set_access(entry.path, entry.owner, entry.group, entry.mode)
    names = [str(entry.path) for entry in wrong]
    after = "".join(f"{entry.path} {entry.owner}:{entry.group} {entry.mode:04o}\n" for entry in wrong)
    module.exit_json(changed=bool(wrong), directories=names, diff={"before": "", "after": after})


if __name__ == "__main__":
    main()
