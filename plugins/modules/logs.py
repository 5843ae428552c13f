# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Tells what an app has written and who has visited it."""

from __future__ import annotations

import re

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.plugins.module_utils import journal
from ansible_collections.emperor.flask.plugins.module_utils.access_log import (
    fields,
    find_request,
    requests_of,
    seconds_of,
)
from ansible_collections.emperor.flask.plugins.module_utils.diagnosis import visible
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
  request:
    description:
      - Id of one request, as the answer's header C(X-Request-Id) and the access log have it. Then O(lines) and
        O(since) do not count, and what is told is the request, and what the app wrote of it.
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

_REQUEST_ID = re.compile(r"[0-9a-f]{32}")
# An app that writes to the journal itself may send others, of any length.
_FIELDS = "--output-fields=_PID,SYSLOG_IDENTIFIER,MESSAGE"
_EPOCH = re.compile(r"^\s*UNIX seconds: @(\d+)", re.MULTILINE)


def read_time(module: AnsibleModule, text: str) -> int:
    """Return a time in seconds since 1970, as systemd understands it."""
    code, out, _ = module.run_command(["systemd-analyze", "timestamp", "--", text])
    match = _EPOCH.search(out)
    if code != 0 or match is None:
        module.fail_json(msg=f"since '{text}' is no time; try '1 hour ago' or '2026-11-20 14:00'")
        raise AssertionError
    return int(match[1])


def read_journal(module: AnsibleModule, user: int, *options: str) -> str:
    """Return what a user's processes wrote; by user, which nobody can forge."""
    # What was written a moment ago may be on its way yet.
    module.run_command(["journalctl", "--sync"])
    chosen = ["journalctl", f"_UID={user}", "--no-pager", "--quiet", *options]
    return str(module.run_command(chosen, check_rc=True)[1])


def all_of_it(module: AnsibleModule, layout: AppLayout, user: int) -> list[str]:
    """Return the last lines of both logs."""
    count, since = max(module.params["lines"], 1), None
    options = [f"--lines={count}", "--output=short-iso", "--no-hostname"]
    if module.params["since"]:
        since = read_time(module, module.params["since"])
        options.append(f"--since=@{since}")
    written = read_journal(module, user, *options).splitlines()
    return [
        *(f"-- what {layout.name} wrote --", *(written or ["nothing"])),
        *(f"-- requests of {layout.name} --", *(requests_of(layout.name, count, since) or ["none"])),
    ]


def one_request(module: AnsibleModule, layout: AppLayout, user: int) -> list[str]:
    """Return the line of a request, and what the app wrote of it."""
    wanted = module.params["request"]
    if not _REQUEST_ID.fullmatch(wanted):
        module.fail_json(msg=f"request '{wanted}' is no id; it has 32 hex digits, as in the header X-Request-Id")
    found = find_request(layout.name, wanted)
    if found is None:
        return [f"{layout.name} has no request {wanted} in nginx's log of today and of the day before"]
    entry = fields(found)
    # nginx notes the second in which the answer ended.
    end = seconds_of(entry["time"])
    span = f"--since=@{int(end - entry['request_time']) - 1}", f"--until=@{int(end) + 2}"
    written = journal.entries(read_journal(module, user, "--output=json", "--all", _FIELDS, *span))
    marked = journal.lines_of_request(wanted, written)
    heading = f"what {layout.name} wrote of it" if marked else f"what {layout.name} wrote then; no line bears the id"
    lines = [visible(str(line)) for line in marked or written]
    return [f"-- a request of {layout.name} --", found, f"-- {heading} --", *(lines or ["nothing"])]


def main() -> None:
    """Read both logs."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "listed": {"type": "list", "elements": "str", "default": []},
            "lines": {"type": "int", "default": 100},
            "since": {"type": "str", "default": ""},
            "request": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    params = module.params
    layout = AppLayout(params["name"])
    user = user_id(layout.user)
    known = {*params["listed"], *apps_on_host(), *([layout.name] if user is not None else [])}
    parts: list[str] = []
    if user is not None:
        parts = (one_request if params["request"] else all_of_it)(module, layout, user)
    elif layout.name in known:
        parts.append(f"{layout.name} was not deployed yet")
    module.exit_json(changed=False, text="\n".join(parts), known=sorted(known))


if __name__ == "__main__":
    main()
