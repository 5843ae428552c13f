# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Tells what an app has written and who has visited it."""

from __future__ import annotations

import re

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.plugins.module_utils.access_log import requests_of
from ansible_collections.emperor.flask.plugins.module_utils.files import user_id
from ansible_collections.emperor.flask.plugins.module_utils.layout import AppLayout, apps_on_host

DOCUMENTATION = r"""
module: logs
short_description: Tell what an app has written, and its requests
description:
  - Reads the journal of exactly the app's user, and the lines of the app in nginx's access log.
extends_documentation_fragment:
  - emperor.flask.attributes.reads
author: The emperor.flask maintainers
version_added: 0.1.0

options:
  name:
    description: Name of the app.
    type: str
    required: true
  listed:
    description: Names of the apps that the inventory lists for the host.
    type: list
    elements: str
    default: []
  lines:
    description: Lines of each log, the newest.
    type: int
    default: 100
  since:
    description: Time such as C(1 hour ago) or C(2026-11-20 14:00), as systemd reads it; empty for any.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Read the logs of the shop
  emperor.flask.logs:
    name: shop
    since: 1 hour ago
  register: __flask_app_seen
"""

RETURN = r"""
text:
  description: The lines of both logs, each log below a heading.
  returned: success
  type: str
known:
  description: Names of all apps that the inventory lists or the host has.
  returned: success
  type: list
  elements: str
"""

_EPOCH = re.compile(r"^\s*UNIX seconds: @(\d+)", re.MULTILINE)


def read_time(module: AnsibleModule, text: str) -> int:
    """Return a time in seconds since 1970, as systemd understands it."""
    code, out, _ = module.run_command(["systemd-analyze", "timestamp", "--", text])
    match = _EPOCH.search(out)
    if code != 0 or match is None:
        module.fail_json(msg=f"since '{text}' is no time; try '1 hour ago' or '2026-11-20 14:00'")
        raise AssertionError
    return int(match[1])


def journal(module: AnsibleModule, user: int, lines: int, since: int | None) -> list[str]:
    """Return what a user's processes wrote; by user, which nobody can forge."""
    # What was written a moment ago may be on its way yet.
    module.run_command(["journalctl", "--sync"])
    chosen = [f"_UID={user}", f"--lines={lines}", "--no-pager", "--quiet", "--output=short-iso", "--no-hostname"]
    chosen += [f"--since=@{since}"] if since is not None else []
    return module.run_command(["journalctl", *chosen], check_rc=True)[1].splitlines()


def main() -> None:
    """Read both logs."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "listed": {"type": "list", "elements": "str", "default": []},
            "lines": {"type": "int", "default": 100},
            "since": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    params = module.params
    layout = AppLayout(params["name"])
    user, count = user_id(layout.user), max(params["lines"], 1)
    known = {*params["listed"], *apps_on_host(), *([layout.name] if user is not None else [])}
    parts: list[str] = []
    if user is not None:
        since = read_time(module, params["since"]) if params["since"] else None
        parts += [f"-- what {layout.name} wrote --", *(journal(module, user, count, since) or ["nothing"])]
        parts += [f"-- requests of {layout.name} --", *(requests_of(layout.name, count, since) or ["none"])]
    elif layout.name in known:
        parts.append(f"{layout.name} was not deployed yet")
    module.exit_json(changed=False, text="\n".join(parts), known=sorted(known))


if __name__ == "__main__":
    main()
