# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Brings the source of a release onto the host."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.urls import fetch_url

from ansible_collections.emperor.flask.plugins.module_utils.files import (
    own_tree,
    remove_tree,
    set_access,
)
from ansible_collections.emperor.flask.plugins.module_utils.releases import staging
from ansible_collections.emperor.flask.plugins.module_utils.sources import (
    SourceError,
    unpack,
    verify_checksum,
)
from ansible_collections.emperor.flask.plugins.module_utils.ssh_access import ssh_access
from ansible_collections.emperor.flask.plugins.module_utils.steps import RELEASE_ARGUMENTS, StepError, step
from ansible_collections.emperor.flask.plugins.module_utils.submodules import export_source, fetch_source

DOCUMENTATION = r"""
module: source
short_description: Bring the source of a release onto the host
description:
  - Puts the files into C(releases/<id>.tmp/src), readable to the group that builds virtualenvs.
  - A folder or an archive of the controller is transferred; git and addresses are fetched by the host.
  - The git repository, and that of each submodule, is kept bare beside the releases, so that only new
    commits are fetched.
  - A deploy key among O(source) is kept in memory alone and never written to the host.
extends_documentation_fragment:
  - emperor.flask.step
  - emperor.flask.step.release
  - emperor.flask.attributes.check
author: The emperor.flask maintainers
version_added: 0.1.0

options:
  source:
    description: C(source) of the complete app, see P(emperor.flask.complete_apps#filter).
    type: dict
    required: true
  outliving:
    description: Folders that the app writes itself; they are left out.
    type: list
    elements: str
    required: true
  revision:
    description: Revision of the source, as M(emperor.flask.plan) found it.
    type: str
    required: true
  group:
    description: Group that may read the source until the release is assembled.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Fetch the source of the shop
  emperor.flask.source:
    name: shop
    lock: "{{ __flask_app_plan.lock }}"
    source: "{{ shop.source }}"
    outliving: [instance]
    release: 3f9c2a71b04e
    revision: 9f2d0f1c6a1b0d7f3f0f2f6d6a2f8c5a4b3c2d1e
    group: build-shop
"""

RETURN = r"""
path:
  description: Folder of the source.
  returned: success
  type: str
"""


def download(module: AnsibleModule, address: str, target: Path) -> None:
    """Fetch an address into a file."""
    response, info = fetch_url(module, address, timeout=60)
    if info["status"] != 200 or response is None:
        raise SourceError(f"{address} answered {info['status']}: {info['msg']}")
    with target.open("wb") as file:
        while block := response.read(1 << 20):
            file.write(block)


def main() -> None:
    """Get an archive of the files, by any of the three ways, and unpack it."""
    module = AnsibleModule(
        argument_spec={
            **RELEASE_ARGUMENTS,
            "revision": {"type": "str", "required": True},
            "group": {"type": "str", "required": True},
            # Exactly one of: an archive in base64, one that the action plugin transferred, an address of one, a
            # repository. The first holds code, which is not for logs.
            "packed": {"type": "str", "no_log": True},
            "transferred": {"type": "path"},
            "address": {"type": "str"},
            "git": {"type": "str"},
            "version": {"type": "str"},
            "checksum": {"type": "str"},
            "strip": {"type": "bool", "default": False},
            "key": {"type": "str", "no_log": True},
            "known_hosts": {"type": "list", "elements": "str", "default": []},
        },
        mutually_exclusive=[("packed", "transferred", "address", "git")],
        required_one_of=[("packed", "transferred", "address", "git")],
        supports_check_mode=True,
    )
    params = module.params

    def run(command: list[str], environment: Mapping[str, str]) -> tuple[int, str, str]:
        return module.run_command(command, environ_update=dict(environment))

    def put(repository: Path, scratch: Path, target: Path) -> None:
        if params["git"]:
            with ssh_access(params["key"], params["known_hosts"]) as ssh:
                address, version = params["git"], params["version"]
                parts = fetch_source(run, address, params["revision"], repository, version, ssh)
            export_source(run, parts, scratch, target)
            return
        archive = Path(params["transferred"] or scratch / "archive")
        if params["packed"]:
            archive.write_bytes(base64.b64decode(params["packed"]))
        elif params["address"]:
            download(module, params["address"], archive)
        if params["checksum"]:
            verify_checksum(archive, params["checksum"])
        unpack(archive, target, params["strip"])

    with step(module) as layout:
        stage = staging(layout, params["release"])
        if module.check_mode:
            module.exit_json(changed=True, path=str(stage / "src"))
        remove_tree(stage)
        stage.mkdir()
        try:
            with tempfile.TemporaryDirectory(dir=module.tmpdir) as scratch:
                put(layout.repository, Path(scratch), stage / "src")
            own_tree(stage / "src", params["group"])
            set_access(stage, "root", params["group"], 0o750)
        except SourceError as error:
            remove_tree(stage)
            raise StepError(str(error)) from error
    module.exit_json(changed=True, path=str(stage / "src"))


if __name__ == "__main__":
    main()
