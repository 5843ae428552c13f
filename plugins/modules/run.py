# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Runs a command of an operator as the app would."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.plugins.module_utils import preflight
from ansible_collections.emperor.flask.plugins.module_utils.commands import run_as
from ansible_collections.emperor.flask.plugins.module_utils.launch import app_environment
from ansible_collections.emperor.flask.plugins.module_utils.layout import AppLayout, apps_on_host
from ansible_collections.emperor.flask.plugins.module_utils.provisioned import REMEDY, NotProvisionedError
from ansible_collections.emperor.flask.plugins.module_utils.releases import served_release

DOCUMENTATION = r"""
module: run
short_description: Run a command in the environment of an app
description:
  - As the app's user, in the folder and with the environment of the release that gets the traffic, its virtualenv
    first in the path, and with the limits of the app's workers; the command may write where the app may.
  - Takes no lock, so a deploy can go on meanwhile.
attributes:
  check_mode:
    description: Runs nothing, and says what would run.
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
  command:
    description: The command, for C(/bin/sh).
    type: str
    required: true
  listed:
    description: Names of the apps that the inventory lists for the host.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds after which the command is ended with all its processes.
    type: int
    default: 600
"""

EXAMPLES = r"""
- name: List the routes of the shop
  emperor.flask.run:
    name: shop
    command: flask --app shop routes
  register: __flask_app_seen
"""

RETURN = r"""
text:
  description: Its output, both streams in order, at most the last 10 MiB.
  returned: success
  type: str
code:
  description: Its exit code; none if it was not run, or took too long.
  returned: success
  type: int
failure:
  description: What went wrong, or an empty text.
  returned: success
  type: str
known:
  description: Names of all apps that the inventory lists or the host has.
  returned: success
  type: list
  elements: str
"""


def main() -> None:
    """Run it, and tell how it ended."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "command": {"type": "str", "required": True},
            "listed": {"type": "list", "elements": "str", "default": []},
            "timeout": {"type": "int", "default": 600},
        },
        supports_check_mode=True,
    )
    params = module.params
    layout, command, timeout = AppLayout(params["name"]), params["command"], params["timeout"]
    known = sorted({*params["listed"], *apps_on_host()})
    if not command.strip():
        module.fail_json(msg=f"run what? Add -e command=, such as -e command='flask --app {layout.name} routes'")
    release = (served_release(layout) if layout.name in known else None) or ""
    if not release:
        failure = f"app {layout.name} has no release here; deploy it first" if layout.name in known else ""
        module.exit_json(changed=False, text="", code=None, failure=failure, known=known)
    folder = layout.release(release)
    if module.check_mode:
        said = f"as {layout.user}, in release {release}, this would run: {command}"
        module.exit_json(changed=True, text=said, code=None, failure="", known=known)
    try:
        environment = app_environment(folder)
        writable, limits = [layout.shared], preflight.limits_of(folder)
        shell = ["/bin/sh", "-c", command]
        # Beside whatever else a person or a release is running.
        done = run_as(layout.user, shell, folder / "src", environment, timeout, writable, limits, sole=False)
    except NotProvisionedError as error:
        module.fail_json(msg=f"app {layout.name}, release {release}: {error}; {REMEDY}")
    except OSError as error:
        module.fail_json(msg=f"app {layout.name}, release {release}: {error}")
    failure = ""
    if done.code is None:
        failure = f"app {layout.name}: the command took more than {timeout} s and was ended; add -e timeout=1h"
    elif done.code != 0:
        failure = f"app {layout.name}: the command ended with {done.code}"
    module.exit_json(changed=True, text=done.output, code=done.code, failure=failure, known=known)


if __name__ == "__main__":
    main()
