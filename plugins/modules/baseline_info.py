# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Tells what of the baseline a host can have, and refuses what would lock its operator out."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.plugins.module_utils import firewall, ssh_session, swap
from ansible_collections.emperor.flask.plugins.module_utils.baseline import Host, decide
from ansible_collections.emperor.flask.plugins.module_utils.listeners import listeners

DOCUMENTATION = r"""
module: baseline_info
short_description: Tell what of the baseline a host can have
description:
  - One look at a host before anything is changed. It finds the ports of sshd, the address that Ansible has come from,
    firewalls and clocks of others, and whether the host is a container that its own host decides for.
  - Fails where a setting would lock out whoever is connected.
extends_documentation_fragment:
  - emperor.flask.attributes.reads
author: The emperor.flask maintainers
version_added: 0.1.0

options:
  parts:
    description: The parts that are wanted, by their names, such as C(firewall).
    type: dict
    required: true
  allowed:
    description: Openings of the firewall, as the filter P(emperor.flask.firewall_openings#filter) returns them.
    type: list
    elements: dict
    default: []
  ssh_from:
    description: Networks that may reach sshd; none for all.
    type: list
    elements: str
    default: []
  ignore:
    description: Addresses and networks that the guard of sshd never shuts out.
    type: list
    elements: str
    default: []
  beside_others:
    description: Whether the firewall is loaded where another one is at work.
    type: bool
    default: false
  swap_file:
    description: Path of the swap file.
    type: path
    default: /var/lib/swapfile
  swap_size:
    description: Its size, such as C(2g); C(0) for none.
    type: str
    default: "0"
  password_login:
    description: Whether users may log in by a password.
    type: bool
    default: false
  by_password:
    description: Whether Ansible itself has a password to log in by.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Look at the host
  emperor.flask.baseline_info:
    parts: {firewall: true, ssh_guard: true}
    ssh_from: [192.0.2.0/24]
  register: __baseline_host
"""

RETURN = r"""
parts:
  description: By the name of each part, whether the host gets it.
  returned: success
  type: dict
missing:
  description: Packages that the parts need and the host lacks.
  returned: success
  type: list
  elements: str
left:
  description: Why a part that is wanted is left to others.
  returned: success
  type: list
  elements: str
unproven:
  description: >-
    Whether a run within the last minute has loaded rules of the firewall and could not connect anew, so that the host
    is about to take them back.
  returned: success
  type: bool
ssh_ports:
  description: The ports that ssh is reached at; none without sshd.
  returned: success
  type: list
  elements: int
ignored:
  description: O(ignore), and the address that this connection came from, unless it is in one of these networks.
  returned: success
  type: list
  elements: str
closed:
  description: What listens for others, and the firewall would close, such as C(5432/tcp (postgres)).
  returned: success
  type: list
  elements: str
"""

# A clock that somebody has chosen. ntpd is both that of ntpsec and that of openntpd.
_CLOCKS = {"chronyd": "chrony", "ntpd": "ntpd"}


def look(parts: dict[str, bool], here: ssh_session.Session | None) -> Host:
    """Return what the decisions rest on."""
    settings = ssh_session.sshd_settings()
    open_ports = listeners()
    # Root's alone: else an app could open a port of the firewall by the name of its process.
    by_sshd = [entry for entry in open_ports if entry.program == "sshd" and entry.by_root]
    sshd_listens = [entry.port for entry in by_sshd if entry.protocol == "tcp"]
    has_sshd = Path(ssh_session.SSHD).exists()
    return Host(
        container=_said("systemd-detect-virt", "--container"),
        obstacle=firewall.obstacle(),
        has_sshd=has_sshd,
        ssh_ports=ssh_session.sshd_ports(settings, [*sshd_listens, *ssh_session.socket_ports()], here)
        if has_sshd or here
        else [],
        listeners=open_ports,
        others=firewall.others() if parts.get("firewall") else [],
        loaded=bool(firewall.loaded_rules()),
        clock=next((name for program, name in _CLOCKS.items() if shutil.which(program)), ""),
        packages=_installed(),
    )


def _installed() -> frozenset[str]:
    done = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${db:Status-Abbrev} ${Package}\n"],
        capture_output=True,
        text=True,
        check=False,
    )
    return frozenset(line.split()[1] for line in done.stdout.splitlines() if line.startswith("ii"))


def _said(*command: str) -> str:
    """Return the word that a program answers with, or nothing where it says none."""
    try:
        done = subprocess.run(list(command), capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def refusals(params: dict[str, Any], here: ssh_session.Session | None, parts: dict[str, bool]) -> list[str]:
    """Return what must not be done here."""
    found = []
    if parts["firewall"] and params["ssh_from"] and here and not ssh_session.is_within(here.client, params["ssh_from"]):
        found.append(
            f"baseline_firewall_ssh_from: this very connection comes from {here.client}, which is in none of "
            f"{', '.join(params['ssh_from'])}; add {here.client}, or leave the variable out"
        )
    if parts["swap"] and (why := swap.obstacle(Path(params["swap_file"]), swap.size_of(params["swap_size"]))):
        found.append(why)
    if parts["sshd"] and not params["password_login"]:
        way = ssh_session.accepted_by(here) if here else ""
        names = [here.user] if here else ssh_session.users_with_shell()
        client = here.client if here else "127.0.0.1"
        keyed = [name for name in names if ssh_session.has_key(name, ssh_session.sshd_settings(name, client))]
        if why := ssh_session.lock_out(here, way, keyed, params["by_password"]):
            found.append(f"baseline_sshd: password login cannot be turned off: {why}")
    return found


def main() -> None:
    """Look, decide, and fail where somebody would be locked out."""
    module = AnsibleModule(
        argument_spec={
            "parts": {"type": "dict", "required": True},
            "allowed": {"type": "list", "elements": "dict", "default": []},
            "ssh_from": {"type": "list", "elements": "str", "default": []},
            "ignore": {"type": "list", "elements": "str", "default": []},
            "beside_others": {"type": "bool", "default": False},
            "swap_file": {"type": "path", "default": "/var/lib/swapfile"},
            "swap_size": {"type": "str", "default": "0"},
            "password_login": {"type": "bool", "default": False, "no_log": False},
            "by_password": {"type": "bool", "default": False, "no_log": False},
        },
        supports_check_mode=True,
    )
    params, ignore = module.params, module.params["ignore"]
    here = ssh_session.session()
    try:
        host = look(params["parts"], here)
        decision = decide(params["parts"], host, params["beside_others"])
        found = refusals(params, here, decision.parts)
    except OSError as error:
        module.fail_json(msg=f"baseline: this host cannot be looked at: {error}")
    if found:
        module.fail_json(msg="\n".join(found))
    closed = decision.closed(host, params["allowed"])
    for text in decision.warnings:
        module.warn(text)
    if closed and not host.loaded:
        module.warn(
            f"baseline_firewall closes what listens here for others: {', '.join(closed)}; what shall stay open needs "
            "an entry in baseline_firewall_allow, such as {port: 9090, protocol: tcp, from: [192.0.2.0/24]}"
        )
    module.exit_json(
        changed=False,
        parts=decision.parts,
        missing=decision.missing,
        left=decision.left,
        unproven=firewall.is_unproven(),
        ssh_ports=host.ssh_ports,
        # With the controller's networks in the list, the file is the same whoever runs this.
        ignored=[*ignore, *([here.client] if here and not ssh_session.is_within(here.client, ignore) else [])],
        closed=closed,
    )


if __name__ == "__main__":
    main()
