# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Builds the virtualenv of a release."""

from __future__ import annotations

import json
import platform
import shutil
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.plugins.module_utils import diagnosis
from ansible_collections.emperor.flask.plugins.module_utils.commands import (
    SYSTEM_PYTHON,
    build_environment,
    run_as,
)
from ansible_collections.emperor.flask.plugins.module_utils.engines import OF_VIRTUALENV
from ansible_collections.emperor.flask.plugins.module_utils.files import (
    own_tree,
    remove_tree,
    set_access,
    sync_tree,
    write_file,
)
from ansible_collections.emperor.flask.plugins.module_utils.layout import AppLayout
from ansible_collections.emperor.flask.plugins.module_utils.steps import RELEASE_ARGUMENTS, StepError, step
from ansible_collections.emperor.flask.plugins.module_utils.virtualenvs import (
    RequirementsError,
    build_commands,
    engine_command,
    find_requirements,
    has_hashes,
    is_complete,
    marker,
    needs_source,
    read_inputs,
    virtualenv_id,
)

DOCUMENTATION = r"""
module: virtualenv
short_description: Build the virtualenv of a release, or find it built
description:
  - Releases whose interpreter and requirements are the same share one virtualenv.
  - It is built by a user of its own, C(build-<name>), in a unit that ends with all its processes, so that no
    code of a package runs as root. It belongs to root then.
extends_documentation_fragment:
  - emperor.flask.step
  - emperor.flask.step.release
  - emperor.flask.attributes.check
author: The emperor.flask maintainers
version_added: 0.1.0

options:
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
  python:
    description: Path of the Python that it is made from.
    type: path
    default: /usr/bin/python3
  engine:
    description:
      - What a uWSGI for this Python is installed from, with hashes; empty for none.
      - A pyuwsgi among the requirements goes before.
    type: str
    default: ""
  uv:
    description: Path of uv.
    type: path
    required: true
  environment:
    description: Environment variables for uv and pip, a mapping in JSON. It is never shown.
    type: str
    default: "{}"
  timeout:
    description: Seconds that one command may take.
    type: int
    default: 1800
"""

EXAMPLES = r"""
- name: Build the virtualenv of the shop
  emperor.flask.virtualenv:
    name: shop
    release: 3f9c2a71b04e
    lock: "{{ __flask_app_plan.lock }}"
    source: /srv/apps/shop/releases/3f9c2a71b04e.tmp/src
    uv: /opt/flask-emperor/uv/bin/uv
"""

RETURN = r"""
path:
  description: Folder of the virtualenv.
  returned: success
  type: str
"""


def build(module: AnsibleModule, layout: AppLayout, requirements: Path | None, files: dict[Path, str]) -> str:
    """Build the virtualenv unless it is there; return its path."""
    params, source = module.params, Path(module.params["source"])
    base, engine = params["python"], params["engine"]
    version = module.run_command([base, "-I", "-V"], check_rc=True)[1].strip()
    interpreter = f"{platform.machine()} {version}" + (f" {base}" if base != SYSTEM_PYTHON else "")
    name = virtualenv_id(source, files, params["installer"], interpreter, engine)
    target = layout.virtualenvs / name
    if is_complete(target, layout.user):
        module.exit_json(changed=False, path=str(target))
    remove_tree(marker(target))
    remove_tree(target)
    target.mkdir(mode=0o700)
    set_access(target, layout.builder, layout.builder, 0o700)
    environment = build_environment(json.loads(params["environment"]), layout.cache)
    may_write = [target, layout.cache]
    if requirements and needs_source(files):
        # A package of the source is built in a copy: builds write where they are.
        workspace = source.with_name("build")
        remove_tree(workspace)
        shutil.copytree(source, workspace, symlinks=True)
        own_tree(workspace, layout.builder, owner=layout.builder)
        requirements = workspace / requirements.relative_to(source)
        may_write.append(workspace)
    folder = requirements.parent if requirements else source
    uv = Path(params["uv"])

    def run(command: list[str], what: str) -> None:
        result = run_as(layout.builder, command, folder, environment, params["timeout"], may_write)
        if result.code != 0:
            remove_tree(target)
            why = f"ended with {result.code}" if result.code is not None else "took too long"
            cause = f"{what} cannot be built; {Path(command[0]).name} {why}"
            raise StepError(cause, diagnosis.remedy("", result.tail), result.tail)

    of = f" from {requirements.name}" if requirements else ""
    for command in build_commands(target, requirements, params["installer"], uv, has_hashes(files), base):
        run(command, f"the virtualenv{of}")
    if engine and not (target / OF_VIRTUALENV).exists():
        pinned = target / "engine.txt"
        write_file(pinned, engine.encode("utf-8"), "root", layout.builder, 0o640)
        run(engine_command(target, pinned, params["installer"], uv), "a uWSGI for the app's Python")
    # No process of the builder is left, so nothing can be swapped under our hands.
    remove_tree(source.with_name("build"))
    own_tree(target, layout.user)
    sync_tree(target)
    write_file(marker(target), b"", "root", "root", 0o644)
    return str(target)


def main() -> None:
    """Find the requirements, and build what they ask for."""
    module = AnsibleModule(
        argument_spec={
            **RELEASE_ARGUMENTS,
            "source": {"type": "path", "required": True},
            "requirements": {"type": "str"},
            "installer": {"type": "str", "choices": ["uv", "pip"], "default": "uv"},
            "python": {"type": "path", "default": SYSTEM_PYTHON},
            "engine": {"type": "str", "default": ""},
            "uv": {"type": "path", "required": True},
            # An index's password may stand in it. As one text: Ansible hides the values of a hidden mapping
            # wherever they occur, and a value such as 1 would blot out the path in the result.
            "environment": {"type": "str", "default": "{}", "no_log": True},
            "timeout": {"type": "int", "default": 1800},
        },
        supports_check_mode=True,
    )
    params, source = module.params, Path(module.params["source"])
    with step(module) as layout:
        if module.check_mode:
            module.exit_json(changed=True, path=str(layout.virtualenvs))
        try:
            requirements = find_requirements(source, params["requirements"], params["installer"])
            files = read_inputs(source, requirements) if requirements else {}
        except RequirementsError as error:
            raise StepError(str(error)) from error
        path = build(module, layout, requirements, files)
    module.exit_json(changed=True, path=path)


if __name__ == "__main__":
    main()
