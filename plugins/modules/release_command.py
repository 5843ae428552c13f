# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Runs the release command of a release."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.plugins.module_utils import diagnosis
from ansible_collections.emperor.flask.plugins.module_utils.commands import run_as
from ansible_collections.emperor.flask.plugins.module_utils.files import write_file
from ansible_collections.emperor.flask.plugins.module_utils.launch import app_environment
from ansible_collections.emperor.flask.plugins.module_utils.releases import COMMAND_LOG
from ansible_collections.emperor.flask.plugins.module_utils.steps import (
    RELEASE_ARGUMENTS,
    StepError,
    hide_secrets,
    step,
)

DOCUMENTATION = r"""
module: release_command
short_description: Run an app's release command, once for each release
description:
  - Runs as the app's user, in the app's root, with the environment of the release, which keeps its output.
  - A release whose command has succeeded is left alone.
extends_documentation_fragment:
  - emperor.flask.step
  - emperor.flask.step.release
  - emperor.flask.attributes.check
author: The emperor.flask maintainers
version_added: 0.1.0

options:
  command:
    description: The command, for C(/bin/sh).
    type: str
    required: true
  timeout:
    description: Seconds that it may take.
    type: int
    required: true
"""

EXAMPLES = r"""
- name: Migrate the shop's database
  emperor.flask.release_command:
    name: shop
    release: 3f9c2a71b04e
    lock: "{{ __flask_app_plan.lock }}"
    command: flask --app shop db upgrade
    timeout: 600
"""

RETURN = r"""
log:
  description: File on the host with the output.
  returned: success
  type: str
"""


def main() -> None:
    """Run the command unless it has succeeded before, and keep its output."""
    module = AnsibleModule(
        argument_spec={
            **RELEASE_ARGUMENTS,
            "command": {"type": "str", "required": True},
            "timeout": {"type": "int", "required": True},
        },
        supports_check_mode=True,
    )
    params = module.params
    with step(module) as layout:
        release = layout.release(params["release"])
        done, failed = release / COMMAND_LOG, release / "release-command.failed.log"
        if done.exists() or module.check_mode:
            module.exit_json(changed=not done.exists(), log=str(done))
        command = ["/bin/sh", "-c", params["command"]]
        environment = app_environment(release)
        result = run_as(layout.user, command, release / "src", environment, params["timeout"], [layout.shared])
        log = done if result.code == 0 else failed
        write_file(log, result.output.encode("utf-8"), "root", "root", 0o600)
        if result.code != 0:
            hide_secrets(module, release)
            why = f"ended with {result.code}" if result.code is not None else f"took more than {params['timeout']} s"
            cause = f"the release command {why}; the release was not started. All of its output: {log}"
            raise StepError(cause, diagnosis.remedy("", result.tail), result.tail)
    module.exit_json(changed=True, log=str(log))


if __name__ == "__main__":
    main()
