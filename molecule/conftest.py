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

from extent import in_short, on_all
from inside import inside

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
    """Look inside of the container: a whole ansible per command takes 1.6 s, this hardly anything."""
    variables = inventory["_meta"].get("hostvars", {}).get(host, {})
    if variables.get("ansible_connection") == "containers.podman.podman":
        return inside(host)
    return get_ansible_host(config, inventory, host, ssh_config, ssh_identity_file)


ansible_runner.get_ansible_host = get_podman_host
ansible_runner.AnsibleRunner.get_hosts = get_limited_hosts


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known."""
    config.addinivalue_line("markers", "in_turns: runs on one of the hosts; those that are marked take turns.")
    config.addinivalue_line("markers", "lengthy: left out when all scenarios are run, for the time that it takes.")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave each test `in_turns` on one host, the next on the next one; EMPEROR_FLASK_ON_ALL=1 has all on all.

    Such a test runs playbooks, which takes long, and looks at what hardly depends on the distribution. A `lengthy` one
    does so, too, and another test looks at much the same.
    """
    if on_all():
        return
    if in_short():
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("lengthy")])
        items[:] = [item for item in items if not item.get_closest_marker("lengthy")]
    turns: dict[str, list[pytest.Item]] = {}
    for item in items:
        if isinstance(item, pytest.Function) and item.get_closest_marker("in_turns"):
            host: Any = item.callspec.params["_testinfra_host"]
            turns.setdefault(item.nodeid.replace(host.backend.get_pytest_id(), ""), []).append(item)
    kept = {id(same[number % len(same)]) for number, same in enumerate(turns.values())}
    left = [item for same in turns.values() for item in same if id(item) not in kept]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in left]


@pytest.fixture(scope="session")
def inventory(pytestconfig: pytest.Config) -> Path:
    """The scenario's inventory."""
    return Path(pytestconfig.getoption("ansible_inventory"))


@pytest.fixture(scope="session")
def hosts(inventory: Path) -> list[str]:
    """The scenario's hosts, for a test that works on all of them at once."""
    return sorted(limited(str(inventory)))
