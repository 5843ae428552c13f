# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Fetches Pythons that the host lacks."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.plugins.module_utils.changes import clean
from ansible_collections.emperor.flask.plugins.module_utils.commands import build_environment
from ansible_collections.emperor.flask.plugins.module_utils.files import make_directory
from ansible_collections.emperor.flask.plugins.module_utils.interpreters import (
    FETCHED,
    InterpreterError,
    find,
    on_host,
)

DOCUMENTATION = r"""
module: fetch_python
short_description: Let uv fetch Pythons that the host lacks
description:
  - Each goes into a folder of C(/opt/flask-emperor/python), which belongs to root; uv knows the digests of what it
    fetches.
  - A Python that cannot be had is no failure here, since it is that of some apps only; M(emperor.flask.plan) is told.
extends_documentation_fragment:
  - emperor.flask.attributes.check
author: The emperor.flask maintainers
version_added: 0.1.0

options:
  versions:
    description: Versions such as C(3.12).
    type: list
    elements: str
    required: true
  uv:
    description: Path of uv.
    type: path
    required: true
  environment:
    description:
      - Environment variables for uv, a mapping in JSON. It is never shown.
      - C(UV_PYTHON_INSTALL_MIRROR) says where to fetch from, and C(UV_PYTHON_DOWNLOADS=never) not to fetch.
    type: str
    default: "{}"
"""

EXAMPLES = r"""
- name: Fetch a Python
  emperor.flask.fetch_python:
    versions: ["3.12"]
    uv: /opt/flask-emperor/uv/bin/uv
  register: __flask_app_fetched
"""

RETURN = r"""
unfetched:
  description: The versions that could not be fetched, each with the reason.
  returned: success
  type: dict
"""

# A host that gets through to nobody should not wait long to hear so.
_SETTINGS = {"UV_PYTHON_DOWNLOADS": "manual", "UV_HTTP_RETRIES": "1", "UV_HTTP_TIMEOUT": "20"}


def fetch(module: AnsibleModule, version: str) -> str:
    """Fetch one; return why it cannot be had, or an empty text."""
    environment = {**_SETTINGS, **json.loads(module.params["environment"])}
    command = [module.params["uv"], "python", "install", "--install-dir", str(FETCHED), "--no-bin", version]
    variables = build_environment(environment, Path(module.tmpdir))
    code, out, err = module.run_command(command, environ_update=variables, umask=0o022)
    if code != 0:
        lines = (err.strip() or out.strip() or f"it ended with {code}").splitlines()
        # What it wanted to do, and the innermost cause; between them are addresses.
        ends = dict.fromkeys([lines[0], lines[-1]])
        return clean(": ".join(re.sub(r"^\s*(error|cause|Caused by): ", "", line) for line in ends))
    run = partial(module.run_command, handle_exceptions=False)
    try:
        find(run, version, lambda: on_host(run))
    except InterpreterError as error:
        return str(error)
    return ""


def main() -> None:
    """Fetch one after the other."""
    module = AnsibleModule(
        argument_spec={
            "versions": {"type": "list", "elements": "str", "required": True},
            "uv": {"type": "path", "required": True},
            # An index's password may stand in it.
            "environment": {"type": "str", "default": "{}", "no_log": True},
        },
        supports_check_mode=True,
    )
    versions = module.params["versions"]
    if module.check_mode:
        module.exit_json(changed=bool(versions), unfetched={})
    make_directory(FETCHED)
    found = {version: fetch(module, version) for version in versions}
    unfetched = {version: reason for version, reason in found.items() if reason}
    module.exit_json(changed=len(unfetched) < len(versions), unfetched=unfetched)


if __name__ == "__main__":
    main()
