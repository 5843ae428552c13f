# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Installs the uv that builds virtualenvs."""

from __future__ import annotations

import json
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.plugins.module_utils.commands import SYSTEM_PYTHON, build_environment
from ansible_collections.emperor.flask.plugins.module_utils.files import (
    make_directory,
    remove_tree,
    sync_tree,
    write_file,
)
from ansible_collections.emperor.flask.plugins.module_utils.uv_program import digest, is_installed, program, stamp

DOCUMENTATION = r"""
module: uv
short_description: Install a pinned uv
description:
  - Installs uv into a virtualenv of its own, by pip and with hashes, unless this very version is there.
extends_documentation_fragment:
  - emperor.flask.attributes.check
author: The emperor.flask maintainers
version_added: 0.1.0

options:
  requirements:
    description: Content of a requirements file that pins uv, with hashes.
    type: str
    required: true
  home:
    description: Folder of the virtualenv; it belongs to this module.
    type: path
    required: true
  environment:
    description: Environment variables for pip, a mapping in JSON. It is never shown.
    type: str
    default: "{}"
"""

EXAMPLES = r"""
- name: Install uv
  emperor.flask.uv:
    requirements: "{{ lookup('ansible.builtin.file', 'uv.txt') }}"
    home: /opt/flask-emperor/uv
"""

RETURN = r"""
path:
  description: The program.
  returned: success
  type: str
"""


def main() -> None:
    """Compare the stamp, and install if it differs."""
    module = AnsibleModule(
        argument_spec={
            "requirements": {"type": "str", "required": True},
            "home": {"type": "path", "required": True},
            # An index's password may stand in it. As one text: Ansible hides the values of a hidden mapping
            # wherever they occur, and a value such as 1 would blot out the path in the result.
            "environment": {"type": "str", "default": "{}", "no_log": True},
        },
        supports_check_mode=True,
    )
    home = Path(module.params["home"])
    requirements = module.params["requirements"]
    changed = not is_installed(home, requirements)
    if changed and not module.check_mode:
        remove_tree(home)
        make_directory(home.parent)
        environment = json.loads(module.params["environment"])
        listed = Path(module.tmpdir, "uv.txt")
        listed.write_text(requirements, encoding="utf-8")
        install = ["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"]
        for command in (
            [SYSTEM_PYTHON, "-m", "venv", str(home)],
            [str(home / "bin/python"), *install, "--requirement", str(listed)],
        ):
            variables = build_environment(environment, Path(module.tmpdir))
            code, out, err = module.run_command(command, environ_update=variables)
            if code != 0:
                remove_tree(home)
                module.fail_json(
                    msg=f"uv cannot be installed; {' '.join(command[:3])} ended with {code}.\n{err or out}"
                )
        sync_tree(home)
        write_file(stamp(home), digest(requirements), "root", "root", 0o644)
    module.exit_json(changed=changed, path=str(program(home)))


if __name__ == "__main__":
    main()
