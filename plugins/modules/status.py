# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Tells how the apps of a host are."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.plugins.module_utils import runners, units
from ansible_collections.emperor.flask.plugins.module_utils.layout import APP_NAME, apps_on_host, units_of
from ansible_collections.emperor.flask.plugins.module_utils.status import look_at, processes

DOCUMENTATION = r"""
module: status
short_description: Tell how the apps of a host are
description:
  - One call for all apps of a host. It changes nothing and does not wake an app that sleeps.
  - Sends one request to each app that is awake, over the socket that nginx uses.
extends_documentation_fragment:
  - emperor.flask.attributes.reads
author: The emperor.flask maintainers
version_added: 0.1.0

options:
  listed:
    description: Names of the apps that the inventory lists for the host.
    type: list
    elements: str
    default: []
  only:
    description: Name of the one app to look at; empty for all.
    type: str
    default: ""
  timeout:
    description: Seconds that an app has to answer.
    type: float
    default: 3.0
"""

EXAMPLES = r"""
- name: Look at the apps
  emperor.flask.status:
    listed: "{{ flask_apps | map(attribute='name') }}"
  register: __flask_app_seen
"""

RETURN = r"""
apps:
  description: The apps that the inventory lists, and those that the host has besides.
  returned: success
  type: list
  elements: dict
  contains:
    name: {description: Name of the app., type: str}
    listed: {description: Whether the inventory lists it., type: bool}
    release: {description: Id of the release that gets the traffic; none before the first deploy., type: str}
    revision: {description: Commit id of the source or digest of its files., type: str}
    activated: {description: "When it went live, UTC.", type: str}
    age: {description: Seconds since then., type: int}
    processes: {description: Worker processes., type: int}
    threads: {description: Threads of each., type: int}
    busy: {description: Requests that are worked on; none if no process runs., type: int}
    requests: {description: Requests since the start., type: int}
    rss: {description: "Bytes of memory, the processes of the vassal added up.", type: int}
    restarts: {description: How often the emperor has started it again., type: int}
    health:
      description: C(ok), C(asleep), the status, C(timeout), C(down), C(unknown), or what else is wrong.
      type: str
    health_cause: {description: The same in a sentence., type: str}
    unseen:
      description: Why the app could not be looked at, or an empty text. If there is a reason, most else is missing.
      type: str
    tls: {description: Where its certificate comes from; C(off) without TLS., type: str}
    certificate:
      description: >-
        What nginx reads: C(ends), when it ends, UTC, and C(renewed), whether certbot renews it; none if there is none.
      type: dict
    mount: {description: What the addresses of the app begin with; nothing at the top of its domains., type: str}
    health_path: {description: "Path of the request, after that.", type: str}
    drift: {description: What differs from how the release was left., type: list, elements: str}
    site: {description: Whether nginx has a site of it., type: bool}
    site_can_close: {description: Whether the site takes the file that closes the app., type: bool}
    background:
      description: Its daemons, and its commands on a schedule.
      type: list
      elements: dict
      contains:
        work: {description: "What it is, and its name, such as C(daemon mails).", type: str}
        unit: {description: Its service in systemd., type: str}
        state:
          description: >-
            C(running), C(restarting) for a daemon that does not stay up, C(ok) and C(failed) for the last run of a
            schedule, C(waiting) before its first one since the host's start, C(missing), or another state of systemd.
          type: str
        cause: {description: "What is wrong, or an empty text.", type: str}
        age: {description: "Seconds since a daemon was started, or since the last run.", type: int}
        restarts: {description: How often systemd has started a daemon again., type: int}
        last: {description: "When the last run began, UTC.", type: str}
        next: {description: "When the next run is due, UTC.", type: str}
    previous: {description: Release that a rollback would bring back., type: str}
    warm: {description: "Vassals that are kept for a rollback, with the seconds that each has left.", type: dict}
    rolled_back: {description: Releases that were rolled back from., type: list, elements: str}
    maintenance: {description: "Since when it is closed, UTC; none if it is open.", type: str}
known:
  description: Names of all apps that the inventory lists or the host has.
  returned: success
  type: list
  elements: str
emperor:
  description: Why the emperor does not answer, or an empty text.
  returned: success
  type: str
"""

# Each may take its whole time to answer.
_AT_ONCE = 8


def main() -> None:
    """Look at all apps, some at once."""
    module = AnsibleModule(
        argument_spec={
            "listed": {"type": "list", "elements": "str", "default": []},
            "only": {"type": "str", "default": ""},
            "timeout": {"type": "float", "default": 3.0},
        },
        supports_check_mode=True,
    )
    params = module.params
    known = sorted({*params["listed"], *(name for name in apps_on_host() if APP_NAME.fullmatch(name))})
    chosen = [name for name in known if params["only"] in ("", name)]
    views, down = runners.views()
    found = processes()
    running = units.show(unit for name in chosen for unit in units_of(name))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        apps = list(pool.map(lambda name: look_at(name, views, found, params["timeout"], running), chosen))
    module.exit_json(
        changed=False,
        apps=[{**app, "listed": app["name"] in params["listed"]} for app in apps],
        known=known,
        emperor=down if known else "",
    )


if __name__ == "__main__":
    main()
