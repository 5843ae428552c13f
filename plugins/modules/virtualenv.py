# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Builds the virtualenv of a release."""

from __future__ import annotations

import platform
import tempfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.plugins.module_utils.commands import (
    SYSTEM_PYTHON,
    build_environment,
    run_as,
)
from ansible_collections.emperor.flask.plugins.module_utils.files import (
    own_tree,
    remove_tree,
    set_access,
    sync_tree,
)
from ansible_collections.emperor.flask.plugins.module_utils.layout import AppLayout
from ansible_collections.emperor.flask.plugins.module_utils.virtualenvs import (
    COMPLETE,
    RequirementsError,
    build_commands,
    find_requirements,
    virtualenv_id,
)

DOCUMENTATION = r"""
module: virtualenv
short_description: Build the virtualenv of a release, or find it built
description:
  - Releases whose interpreter and requirements are the same share one virtualenv.
  - It is built by a user of its own, so that no code of a package runs as root, and belongs to root then.
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
  source:
    description: Folder of the source.
    type: path
    required: true
  requirements:
    description: File that names what to install; found by itself if not given.
    type: str
  installer:
    description: What builds it.
    type: str
    choices: [uv, pip]
    default: uv
  uv:
    description: Path of uv.
    type: path
    required: true
  user:
    description: User that builds.
    type: str
    default: flask-build
  cache:
    description: Folder of the builder's caches.
    type: path
    required: true
  environment:
    description: Environment variables for uv and pip.
    type: dict
    default: {}
  timeout:
    description: Seconds that one command may take.
    type: int
    default: 1800
"""

EXAMPLES = r"""
- name: Build the virtualenv of the shop
  emperor.flask.virtualenv:
    name: shop
    source: /srv/apps/shop/releases/3f9c2a71b04e.tmp/src
    uv: /opt/flask-emperor/uv/bin/uv
    cache: /var/cache/flask-emperor
"""

RETURN = r"""
path:
  description: Folder of the virtualenv.
  returned: success
  type: str
"""


def main() -> None:
    """Find the requirements, name the virtualenv by them, and build it unless it is there."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "source": {"type": "path", "required": True},
            "requirements": {"type": "str"},
            "installer": {"type": "str", "choices": ["uv", "pip"], "default": "uv"},
            "uv": {"type": "path", "required": True},
            "user": {"type": "str", "default": "flask-build"},
            "cache": {"type": "path", "required": True},
            # An index's password may stand in it.
            "environment": {"type": "dict", "default": {}, "no_log": True},
            "timeout": {"type": "int", "default": 1800},
        },
        supports_check_mode=True,
    )
    params = module.params
    layout = AppLayout(params["name"])
    source = Path(params["source"])
    if module.check_mode:
        module.exit_json(changed=True, path=str(layout.virtualenvs))
    version = module.run_command([SYSTEM_PYTHON, "-I", "-V"], check_rc=True)[1].strip()
    try:
        requirements = find_requirements(source, params["requirements"], params["installer"])
        name = virtualenv_id(source, requirements, params["installer"], f"{platform.machine()} {version}")
    except RequirementsError as error:
        module.fail_json(msg=f"app {params['name']}: {error}")
    target = layout.virtualenvs / name
    if (target / COMPLETE).exists():
        module.exit_json(changed=False, path=str(target))
    remove_tree(target)
    target.mkdir(mode=0o700)
    set_access(target, params["user"], params["user"], 0o700)
    environment = build_environment(
        {key: str(value) for key, value in params["environment"].items()}, Path(params["cache"])
    )
    folder = requirements.parent if requirements else source
    with tempfile.TemporaryDirectory(prefix="build-", dir=params["cache"]) as scratch:
        set_access(Path(scratch), params["user"], params["user"], 0o700)
        environment["TMPDIR"] = scratch
        for command in build_commands(
            target, requirements, params["installer"], Path(params["uv"]), Path(scratch)
        ):
            result = run_as(params["user"], command, folder, environment, params["timeout"])
            if result.code != 0:
                remove_tree(target)
                why = f"ended with {result.code}" if result.code is not None else "took too long"
                of = f" from {requirements.relative_to(source)}" if requirements else ""
                said = f"{Path(command[0]).name} {why}.\n{result.tail}"
                module.fail_json(msg=f"app {params['name']}: the virtualenv{of} cannot be built; {said}")
    own_tree(target, layout.user)
    (target / COMPLETE).touch(mode=0o644)
    sync_tree(target)
    module.exit_json(changed=True, path=str(target))


if __name__ == "__main__":
    main()
