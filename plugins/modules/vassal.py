# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Starts a release as a vassal of the emperor, or ends one."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.plugins.module_utils import emperor
from ansible_collections.emperor.flask.plugins.module_utils.layout import VASSAL_NAME, AppLayout

DOCUMENTATION = r"""
module: vassal
short_description: Start a release as a vassal, or end a vassal
description:
  - C(present) links the release's file into the emperor's directory and waits for the socket.
  - C(absent) takes away exactly this vassal, after its requests have ended, and its socket.
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
    description: Name of the vassal, C(<app>.<release>) with or without a number of the start.
    type: str
    required: true
  app:
    description: Name of the app.
    type: str
    required: true
  release:
    description: Id of the release.
    type: str
    required: true
  state:
    description: Whether it shall run.
    type: str
    choices: [present, absent]
    default: present
  timeout:
    description: Seconds to wait for the emperor.
    type: int
    default: 10
"""

EXAMPLES = r"""
- name: Start the release
  emperor.flask.vassal:
    name: shop.3f9c2a71b04e
    app: shop
    release: 3f9c2a71b04e
"""

RETURN = r"""
socket:
  description: The socket that the emperor binds for the vassal.
  returned: success
  type: str
"""


def main() -> None:
    """Tell the emperor and wait for it."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "app": {"type": "str", "required": True},
            "release": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "timeout": {"type": "int", "default": 10},
        },
        supports_check_mode=True,
    )
    params = module.params
    name = params["name"]
    match = VASSAL_NAME.fullmatch(name)
    if match is None or (match["app"], match["release"]) != (params["app"], params["release"]):
        module.fail_json(msg=f"'{name}' is no vassal of release {params['release']} of app {params['app']}")
    layout = AppLayout(params["app"])
    wanted = params["state"] == "present"
    if module.check_mode:
        module.exit_json(
            changed=emperor.link_of(name).is_symlink() != wanted,
            socket=str(emperor.socket_of(name)),
        )
    try:
        if wanted:
            changed = emperor.start(name, layout.release(params["release"]), layout.user, params["timeout"])
        else:
            changed = emperor.stop(name, params["timeout"])
    except emperor.EmperorError as error:
        module.fail_json(msg=f"app {params['app']}, release {params['release']}: {error}")
    module.exit_json(changed=changed, socket=str(emperor.socket_of(name)))


if __name__ == "__main__":
    main()
