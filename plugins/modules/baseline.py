# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Puts the files of the baseline into effect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.plugins.module_utils import (
    firewall,
    kernel_settings,
    services,
    ssh_session,
    swap,
    units,
)
from ansible_collections.emperor.flask.plugins.module_utils.services import Service
from ansible_collections.emperor.flask.plugins.module_utils.ssh_session import session

DOCUMENTATION = r"""
module: baseline
short_description: Put the files of the baseline into effect
description:
  - Compares what a host does with what its files say, and changes what differs. So a run that was killed before this
    step, and what was changed by hand, are made good by the next one.
  - Rules of the firewall are compared as this kernel shows them, with those that it shows for the file in an empty
    network of its own. They are replaced in one transaction, and tables of others are not touched.
  - Settings of the kernel that a later file of C(sysctl.d) has another wish for, or that the host refuses, stay.
  - A service that was started before its files changed is restarted.
extends_documentation_fragment:
  - emperor.flask.attributes.check_and_diff
author: The emperor.flask maintainers
version_added: 0.1.0

options:
  firewall:
    description: Whether our table of nftables is loaded.
    type: bool
    required: true
  firewall_file:
    description: File with its rules.
    type: path
    default: /etc/nftables.d/emperor-flask.nft
  kernel_settings:
    description: File in C(sysctl.d) with settings of the kernel; empty for none.
    type: str
    default: ""
  services:
    description: Units, the files that they read at their start, and whether they shall run.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the unit.
        type: str
        required: true
      files:
        description: Files that it reads at its start.
        type: list
        elements: str
        default: []
      wanted:
        description: >-
          Whether it runs and starts with the host. If not, it is only restarted, if it runs, when O(written) has one
          of its files.
        type: bool
        default: true
      start:
        description: >-
          Whether it is started, and enabled; else it is only restarted, if it runs, when its files have changed.
        type: bool
        default: true
  written:
    description: Files that this run has written or taken away.
    type: list
    elements: str
    default: []
  swap_file:
    description: Path of the swap file, which is made once; empty for none.
    type: str
    default: ""
  swap_size:
    description: Its size, such as C(2g).
    type: str
    default: "0"
  sshd_file:
    description: File with our settings of sshd; empty for none.
    type: str
    default: ""
  sshd_forbidden:
    description: >-
      What sshd must not say of its settings then, such as C(passwordauthentication yes): it takes the first of several
      files that set one.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Put it into effect
  emperor.flask.baseline:
    firewall: true
    kernel_settings: /etc/sysctl.d/60-emperor-flask.conf
    services:
      - name: systemd-journald.service
        files: [/etc/systemd/journald.conf.d/emperor-flask.conf]
"""

RETURN = r"""
done:
  description: What was, or in check mode would be, done.
  returned: success
  type: list
  elements: str
to_confirm:
  description: Whether the firewall takes back its rules unless a new connection stops it from doing so.
  returned: success
  type: bool
failure:
  description: >-
    Which service does not start, or goes by other settings than ours, for the role to fail with once the rules are
    confirmed; else empty.
  returned: success
  type: str
refused:
  description: Settings that the kernel refuses, each with the reason.
  returned: success
  type: list
  elements: str
"""


def main() -> None:
    """Compare, and do what is missing."""
    module = AnsibleModule(
        argument_spec={
            "firewall": {"type": "bool", "required": True},
            "firewall_file": {"type": "path", "default": "/etc/nftables.d/emperor-flask.nft"},
            "kernel_settings": {"type": "str", "default": ""},
            "services": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "files": {"type": "list", "elements": "str", "default": []},
                    "wanted": {"type": "bool", "default": True},
                    "start": {"type": "bool", "default": True},
                },
            },
            "written": {"type": "list", "elements": "str", "default": []},
            "swap_file": {"type": "str", "default": ""},
            "swap_size": {"type": "str", "default": "0"},
            "sshd_file": {"type": "str", "default": ""},
            "sshd_forbidden": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    result: dict[str, Any] = {"done": [], "refused": [], "to_confirm": False, "failure": ""}
    diff: list[dict[str, str]] = []
    try:
        set_kernel(module, result, diff)
        make_swap(module, result)
        load_rules(module, result, diff)
    except (OSError, firewall.FirewallError, swap.SwapError) as error:
        module.fail_json(msg=f"baseline: {error}", **result)
    try:
        run_services(module, result)
        check_sshd(module)
    except OSError as error:
        # Told once the rules are confirmed: a service that does not start is no reason to take them back.
        result["failure"] = f"baseline: {error}"
    module.exit_json(changed=bool(result["done"]), diff=diff, **result)


def set_kernel(module: AnsibleModule, result: dict[str, Any], diff: list[dict[str, str]]) -> None:
    """Give the kernel the settings that it takes."""
    file = Path(module.params["kernel_settings"])
    if not module.params["kernel_settings"] or not file.exists():
        return
    differing = kernel_settings.differing(file)
    changing = [setting for setting in differing if setting.is_writable]
    result["refused"] = [f"{setting.key} (read-only)" for setting in differing if not setting.is_writable]
    if changing and not module.check_mode:
        result["refused"] = kernel_settings.apply(file)
        refused = {text.partition(" ")[0] for text in result["refused"]}
        changing = [setting for setting in changing if setting.key not in refused]
    if result["refused"]:
        module.warn(f"baseline_sysctl: the kernel keeps its own value of {', '.join(result['refused'])}")
    result["done"] += [f"set {setting.key}" for setting in changing]
    if changing:
        before = "".join(f"{setting.key} = {setting.now}\n" for setting in changing)
        after = "".join(f"{setting.key} = {setting.value}\n" for setting in changing)
        diff.append({"before_header": "kernel", "after_header": "kernel", "before": before, "after": after})


def make_swap(module: AnsibleModule, result: dict[str, Any]) -> None:
    """Make the swap file; the unit that uses it is one of the services."""
    file = Path(module.params["swap_file"])
    if not module.params["swap_file"] or file.exists():
        return
    result["done"].append(f"make {file}")
    if not module.check_mode:
        swap.make(file, swap.size_of(module.params["swap_size"]))


def load_rules(module: AnsibleModule, result: dict[str, Any], diff: list[dict[str, str]]) -> None:
    """Load our table where it is not as it should be, or take it away where it should not be."""
    loaded = firewall.loaded_rules()
    if not module.params["firewall"]:
        if firewall.is_set_up() or loaded:
            result["done"].append("take the firewall away")
            if not module.check_mode:
                firewall.remove()
        return
    file = Path(module.params["firewall_file"])
    # In check mode neither the file nor nftables need be there yet.
    wanted = firewall.wanted_rules(file) if file.exists() and firewall.is_installed() else ""
    if wanted and wanted == loaded and firewall.is_set_up():
        return
    result["done"].append("load the firewall")
    diff.append({"before_header": "nftables", "after_header": "nftables", "before": loaded, "after": wanted})
    if not module.check_mode:
        here = session()
        if here:
            firewall.take_back_later(loaded, file)
        result["to_confirm"] = here is not None
        firewall.load()


def run_services(module: AnsibleModule, result: dict[str, Any]) -> None:
    """Let all services run with the files that they have now."""
    wanted = [Service(**service) for service in module.params["services"]]
    names = [service.name for service in wanted]
    found = units.show(names)
    needed = [service.name for service in wanted if service.wanted]
    if not module.check_mode and any(
        found[name]["NeedDaemonReload"] == "yes" or found[name]["LoadState"] == "not-found" for name in needed
    ):
        units.reload()
        found = units.show(names)
    todo = services.steps(wanted, found, module.params["written"])
    result["done"] += [f"start {name}" for name in sorted({*todo.enable, *todo.start})]
    result["done"] += [f"restart {name}" for name in todo.restart]
    if module.check_mode or not todo:
        return
    units.enable(todo.enable)
    units.restart([*todo.start, *todo.restart])
    expected = {*todo.restart, *(service.name for service in wanted if service.start)}
    for name, unit in units.show(name for name in needed if name in expected).items():
        if not unit.is_running:
            raise OSError(f"{name} does not start: {unit.flaw}; look at: journalctl --unit={name} --lines=50")


def check_sshd(module: AnsibleModule) -> None:
    """Raise OSError where sshd goes by another file than ours."""
    file = module.params["sshd_file"]
    # In check mode it may still be missing.
    if not file or not Path(file).exists():
        return
    settings = ssh_session.sshd_settings()
    said = [
        text for text in module.params["sshd_forbidden"] if text.partition(" ")[2] in settings.get(text.split()[0], [])
    ]
    if said:
        raise OSError(
            f"sshd has {', '.join(said)} all the same: another file of /etc/ssh says so before {file}, or sshd_config "
            f"does not include it; look for it by: grep -ri {said[0].split()[0]} /etc/ssh; mend it, and run again"
        )


if __name__ == "__main__":
    main()
