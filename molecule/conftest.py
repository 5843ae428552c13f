"""Let testinfra look at the container hosts that molecule's playbooks had."""

from __future__ import annotations

import configparser
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import testinfra
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from testinfra.utils import ansible_runner

# What the scenarios' tests share; this folder itself has the name of a package.
sys.path.insert(0, str(Path(__file__).parent / "shared"))

get_ansible_host = ansible_runner.get_ansible_host
get_hosts = ansible_runner.AnsibleRunner.get_hosts


@cache
def limited(inventory: str | None) -> set[str]:
    """Names of the hosts that this run is limited to."""
    manager = InventoryManager(loader=DataLoader(), sources=[inventory] if inventory else None)
    manager.subset(os.environ.get("EMPEROR_FLASK_HOSTS"))
    return {host.name for host in manager.get_hosts()}


def get_limited_hosts(self: ansible_runner.AnsibleRunner, pattern: str = "all") -> list[str]:
    return [name for name in get_hosts(self, pattern) if name in limited(self.inventory_file)]


def get_podman_host(
    config: configparser.ConfigParser,
    inventory: dict[str, Any],
    host: str,
    ssh_config: str | None = None,
    ssh_identity_file: str | None = None,
) -> testinfra.host.Host | None:
    """Exec into the container: a whole ansible per command takes 1.6 s, this 0.1 s."""
    variables = inventory["_meta"].get("hostvars", {}).get(host, {})
    if variables.get("ansible_connection") == "containers.podman.podman":
        return testinfra.get_host(f"podman://{host}")
    return get_ansible_host(config, inventory, host, ssh_config, ssh_identity_file)


ansible_runner.get_ansible_host = get_podman_host
ansible_runner.AnsibleRunner.get_hosts = get_limited_hosts


@pytest.fixture(scope="session")
def inventory(pytestconfig: pytest.Config) -> Path:
    """The scenario's inventory."""
    return Path(pytestconfig.getoption("ansible_inventory"))


@pytest.fixture(scope="session")
def hosts(inventory: Path) -> list[str]:
    """The scenario's hosts, for a test that works on all of them at once."""
    return sorted(limited(str(inventory)))
