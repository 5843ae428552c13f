# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Checks a release over its own socket."""

from __future__ import annotations

import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.plugins.module_utils import uwsgi_client
from ansible_collections.emperor.flask.plugins.module_utils.emperor import STARTED
from ansible_collections.emperor.flask.plugins.module_utils.files import user_id
from ansible_collections.emperor.flask.plugins.module_utils.health import check
from ansible_collections.emperor.flask.plugins.module_utils.layout import AppLayout

DOCUMENTATION = r"""
module: health
short_description: Check a release before it gets traffic
description:
  - Asks over the release's own socket, as nginx would, until three answers in a row have an expected status
    and come from this very release, or the time is over.
  - A failure shows the last lines that the app wrote to the journal.
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
  release:
    description: Id of the release.
    type: str
    required: true
  host:
    description: Host name of the request.
    type: str
    required: true
  scheme:
    description: Scheme that the app shall see.
    type: str
    choices: [http, https]
    default: http
  path:
    description: Path of the request.
    type: str
    default: /
  status:
    description: Statuses that count as healthy; 200 to 399 if empty.
    type: list
    elements: int
    default: []
  timeout:
    description: Seconds until the release counts as failed.
    type: int
    default: 30
"""

EXAMPLES = r"""
- name: Check the release
  emperor.flask.health:
    name: shop
    release: 3f9c2a71b04e
    host: shop.example.org
    path: /healthz
"""

RETURN = r"""
answers:
  description: Answers until the verdict.
  returned: success
  type: int
seconds:
  description: Time until the verdict.
  returned: success
  type: float
"""


def last_words(module: AnsibleModule, user: int | None, since: float) -> str:
    """Return what the app wrote to the journal since then, its newest 25 lines."""
    journal = module.get_bin_path("journalctl")
    if journal is None or user is None:
        return ""
    # By user, which nobody can forge, not by name.
    selection = [
        f"_UID={user}",
        f"--since=@{int(since)}",
        "--lines=25",
        "--output=cat",
        "--no-pager",
        "--quiet",
    ]
    return module.run_command([journal, *selection])[1].strip()


def main() -> None:
    """Ask until the verdict is clear."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "release": {"type": "str", "required": True},
            "host": {"type": "str", "required": True},
            "scheme": {"type": "str", "choices": ["http", "https"], "default": "http"},
            "path": {"type": "str", "default": "/"},
            "status": {"type": "list", "elements": "int", "default": []},
            "timeout": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
    )
    params = module.params
    if module.check_mode:
        module.exit_json(changed=False, answers=0, seconds=0.0)
    layout = AppLayout(params["name"])
    socket_path = str(layout.release(params["release"]) / STARTED)

    def ask(patience: float) -> uwsgi_client.Answer:
        return uwsgi_client.get(params["path"], params["host"], socket_path, params["scheme"], patience)

    since = time.time()
    verdict = check(ask, params["release"], params["status"], params["timeout"])
    if verdict.cause:
        module.fail_json(
            msg=f"app {params['name']}, release {params['release']}: GET {params['path']} "
            f"for {params['host']}: {verdict.cause}, for {verdict.seconds:.0f} s.",
            log=last_words(module, user_id(layout.user), since),
        )
    module.exit_json(changed=False, answers=verdict.answers, seconds=round(verdict.seconds, 3))


if __name__ == "__main__":
    main()
