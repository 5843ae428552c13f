# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Assembles a release."""

from __future__ import annotations

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.plugins.module_utils.layout import AppLayout
from ansible_collections.emperor.flask.plugins.module_utils.releases import (
    ReleaseError,
    ReleaseParts,
    assemble,
)

DOCUMENTATION = r"""
module: release
short_description: Assemble a release from its source, virtualenv, environment and vassal file
description:
  - Completes C(releases/<id>.tmp) and renames it to C(releases/<id>). From then on it is never edited.
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
  id:
    description: Id of the release.
    type: str
    required: true
  revision:
    description: Revision of the source.
    type: str
    required: true
  parts:
    description: Digest of each key of the app, to tell later what has changed.
    type: dict
    default: {}
  virtualenv:
    description: Folder of the virtualenv.
    type: path
    required: true
  vassal:
    description: Content of the vassal's file.
    type: str
    required: true
  environment:
    description: Environment variables.
    type: dict
    default: {}
  secrets:
    description: Environment variables that are never shown.
    type: dict
    default: {}
  static:
    description: Folders that nginx serves, each with C(url) and C(path).
    type: list
    elements: dict
    default: []
  outliving:
    description: Folders of the source that are links to C(shared/).
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Assemble the release
  emperor.flask.release:
    name: shop
    id: 3f9c2a71b04e
    revision: v1.4.0
    virtualenv: /srv/apps/shop/venvs/77ab01cd23ef
    vassal: "{{ lookup('ansible.builtin.template', 'vassal.ini.j2') }}"
"""

RETURN = r"""
path:
  description: Folder of the release.
  returned: success
  type: str
"""


def main() -> None:
    """Assemble the release."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "id": {"type": "str", "required": True},
            "revision": {"type": "str", "required": True},
            "parts": {"type": "dict", "default": {}},
            "virtualenv": {"type": "path", "required": True},
            "vassal": {"type": "str", "required": True},
            "environment": {"type": "dict", "default": {}},
            "secrets": {"type": "dict", "default": {}, "no_log": True},
            "static": {"type": "list", "elements": "dict", "default": []},
            "outliving": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    params = module.params
    layout = AppLayout(params["name"])
    own = {
        "EMPEROR_APP": params["name"],
        "EMPEROR_RELEASE": params["id"],
        "EMPEROR_REVISION": params["revision"],
    }
    parts = ReleaseParts(
        release_id=params["id"],
        virtualenv=Path(params["virtualenv"]),
        vassal=params["vassal"],
        environment={**params["environment"], **params["secrets"], **own},
        static=params["static"],
        outliving=params["outliving"],
        manifest={
            "app": params["name"],
            "id": params["id"],
            "revision": params["revision"],
            "parts": params["parts"],
        },
    )
    if not module.check_mode:
        try:
            assemble(layout, parts)
        except ReleaseError as error:
            module.fail_json(msg=f"app {params['name']}, release {params['id']}: {error}")
    module.exit_json(changed=True, path=str(layout.release(params["id"])))


if __name__ == "__main__":
    main()
