"""Every environment: its inventory is clean, and its apps pass the validation."""

from __future__ import annotations

import base64
import json
import textwrap
from pathlib import Path
from typing import Any

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible.template import Templar, trust_as_template
from ansible.vars.manager import VariableManager

from ansible_collections.emperor.flask.plugins.plugin_utils.apps import read_apps
from ansible_collections.emperor.flask.tests.support.apps import COLLECTION, minimal
from ansible_collections.emperor.flask.tests.support.programs import Run
from ansible_collections.emperor.flask.tests.support.rendering import site, vassal

INVENTORY = COLLECTION / "inventory"
ENVIRONMENTS = sorted(path.parent.name for path in INVENTORY.glob("*/hosts.yml"))
each = pytest.mark.parametrize("environment", ENVIRONMENTS)


def apps_of(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the raw apps of each host that has any."""
    loader = DataLoader()
    inventory = InventoryManager(loader=loader, sources=[str(folder)])
    manager = VariableManager(loader=loader, inventory=inventory)
    found = {}
    for host in inventory.get_hosts():
        variables = manager.get_vars(host=host)
        if "flask_apps" in variables:
            templar = Templar(loader=loader, variables=variables)
            found[host.name] = templar.template(trust_as_template("{{ flask_apps }}"))
    return found


def test_the_development_environment_is_there() -> None:
    assert "development" in ENVIRONMENTS


@each
def test_the_apps_of_every_host_are_right_and_can_be_rendered(environment: str) -> None:
    hosts = apps_of(INVENTORY / environment)
    assert hosts
    for raw in hosts.values():
        apps = read_apps(raw, search=[str(COLLECTION)])
        assert apps
        for app in apps:
            assert app["name"] in site(app)
            assert app["user"] in vassal(app)


@each
def test_the_graph_is_clean(environment: str, run: Run) -> None:
    found = run("ansible-inventory", "-i", INVENTORY / environment, "--graph")
    assert (found.code, found.errors) == (0, "")
    assert "@app:" in found.output


def test_development_answers_to_the_names_that_the_readme_gives() -> None:
    [apps] = apps_of(INVENTORY / "development").values()
    domains = {app["name"]: app["domains"] for app in read_apps(apps, search=[str(COLLECTION)])}
    assert domains == {
        "guestbook": ["localhost", "127.0.0.1"],
        "foobar": ["foobar.localhost"],
        "myflaskapp": ["myflaskapp.localhost"],
    }


@pytest.mark.parametrize("whole", [True, False], ids=["file", "value"])
def test_secrets_of_a_vault_arrive_as_they_are(tmp_path: Path, run: Run, whole: bool) -> None:
    def encrypted(text: str) -> str:
        return VaultLib().encrypt(text, secret=VaultSecret(b"dummy")).decode()

    folder = tmp_path / "group_vars/app"
    folder.mkdir(parents=True)
    (tmp_path / "password").write_text("dummy")
    (tmp_path / "hosts.yml").write_text("app: {hosts: {localhost: {ansible_connection: local}}}\n")
    app = minimal(secrets="{{ vault_shop }}")
    (folder / "apps.yml").write_text(json.dumps({"flask_apps": [app]}))
    inline = "vault_shop:\n  KEY: !vault |\n" + textwrap.indent(encrypted("p%40ss;$(x)"), " " * 4)
    (folder / "vault.yml").write_text(encrypted("vault_shop: {KEY: p%40ss;$(x)}\n") if whole else inline)
    show = "msg={{ (flask_apps | emperor.flask.complete_apps)[0].secrets | to_json | b64encode }}"
    key = ["--vault-password-file", tmp_path / "password"]
    found = run("ansible", "app", "-i", tmp_path / "hosts.yml", *key, "-m", "ansible.builtin.debug", "-a", show)
    assert base64.b64encode(b'{"KEY": "p%40ss;$(x)"}').decode() in found.output, found.said
