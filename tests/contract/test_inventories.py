"""Every environment: its inventory is clean, and its apps pass the validation."""

from __future__ import annotations

import base64
import json
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible.template import Templar, trust_as_template
from ansible.vars.manager import VariableManager

from ansible_collections.emperor.flask.plugins.plugin_utils.apps import AppsError, read_apps
from ansible_collections.emperor.flask.plugins.plugin_utils.vaults import EXAMPLE
from ansible_collections.emperor.flask.tests.support.apps import COLLECTION, minimal
from ansible_collections.emperor.flask.tests.support.programs import Run
from ansible_collections.emperor.flask.tests.support.rendering import site, vassal

INVENTORY = COLLECTION / "inventory"
ENVIRONMENTS = sorted(path.parent.name for path in INVENTORY.glob("*/hosts.yml"))
each = pytest.mark.parametrize("environment", ENVIRONMENTS)


def apps_of(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the raw apps of each host that has any."""
    if any(path.read_text(encoding="utf-8").startswith("$ANSIBLE_VAULT") for path in folder.rglob("*vault*.yml")):
        pytest.skip(f"the vault of {folder.name} is encrypted")
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
        apps = read_apps(with_secrets(raw), search=[str(COLLECTION)])
        assert apps
        for app in apps:
            assert app["name"] in site(app)
            assert app["user"] in vassal(app)


def with_secrets(raw: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the apps as they are when somebody has put in the secrets."""
    return json.loads(json.dumps(raw).replace(EXAMPLE, "s3cret"))


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_with_the_secrets_of_the_example_nothing_is_deployed(environment: str) -> None:
    for raw in apps_of(INVENTORY / environment).values():
        with pytest.raises(AppsError) as caught:
            read_apps(raw, search=[str(COLLECTION)])
        refused = re.findall(r"app (\w+): secret (\w+) is still the example", str(caught.value))
        assert refused == [("shop", "SECRET_KEY"), ("shop", "DATABASE_URL"), ("wiki", "SECRET_KEY")]


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


@pytest.mark.parametrize("clear", [True, False])
def test_a_run_warns_of_a_vault_in_clear_text(tmp_path: Path, run: Run, clear: bool) -> None:
    vault = tmp_path / "group_vars/app/vault.yml"
    vault.parent.mkdir(parents=True)
    (tmp_path / "hosts.yml").write_text("app: {hosts: {localhost: {ansible_connection: local}}}\n")
    vault.write_text(f"vault_shop: {{KEY: {'s3cret' if clear else EXAMPLE}}}\n")
    apps = json.dumps({"apps": [minimal()]})
    found = run("ansible", "app", "-i", tmp_path / "hosts.yml", "-m", "emperor.flask.validate_apps", "-a", apps)
    assert found.code == 0, found.said
    told = " ".join(found.said.split())
    assert ("vault.yml holds secrets in clear text; before it is committed, type: ansible-vault" in told) == clear
    assert "s3cret" not in told
