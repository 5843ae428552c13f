"""Modules and filters: what their documentation says is what they take."""

from __future__ import annotations

import importlib
import inspect
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.tests.support.apps import COLLECTION
from ansible_collections.emperor.flask.tests.support.rendering import ROLES

PLUGINS = "ansible_collections.emperor.flask.plugins"


def plugins(kind: str) -> list[str]:
    return sorted(path.stem for path in (COLLECTION / "plugins" / kind).glob("*.py") if path.stem != "__init__")


MODULES, FILTERS, ACTIONS = plugins("modules"), plugins("filter"), plugins("action")
PLAIN = sorted(set(MODULES) - set(ACTIONS))
# The others have no module behind them.
BEHIND = sorted(set(ACTIONS) - {"report", "validate_apps", "validate_baseline"})


class SpecSeenError(Exception):
    """Carries what a module passed to AnsibleModule."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__()
        self.arguments = arguments


def load(kind: str, name: str) -> ModuleType:
    return importlib.import_module(f"{PLUGINS}.{kind}.{name}")


def documentation(kind: str, name: str) -> dict[str, Any]:
    """Return what stands in the plugin and in the fragments that it names, as Ansible merges them."""
    found = yaml.safe_load(load(kind, name).DOCUMENTATION)
    for named in found.pop("extends_documentation_fragment", []):
        fragment = fragment_of(named)
        for part in ("options", "attributes"):
            if part in fragment:
                found[part] = {**fragment[part], **found.get(part, {})}
    return found


def fragment_of(named: str) -> dict[str, Any]:
    namespace, collection, name, *variable = named.split(".")
    assert (namespace, collection) == ("emperor", "flask")
    fragment = load("doc_fragments", name).ModuleDocFragment
    return yaml.safe_load(getattr(fragment, variable[0].upper() if variable else "DOCUMENTATION"))


def arguments(name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    def see(_self: AnsibleModule, **given: Any) -> None:
        raise SpecSeenError(**given)

    monkeypatch.setattr(AnsibleModule, "__init__", see)
    with pytest.raises(SpecSeenError) as caught:
        load("modules", name).main()
    return caught.value.arguments


def facts(spec: dict[str, Any]) -> dict[str, Any]:
    """Return what documentation and spec must agree on."""
    return {
        "type": spec.get("type", "str"),
        "required": spec.get("required", False),
        "default": spec.get("default"),
        "choices": spec.get("choices"),
        "elements": spec.get("elements"),
    }


@pytest.mark.parametrize(
    ("kind", "name"), [*(("modules", name) for name in MODULES), *(("filter", name) for name in FILTERS)]
)
def test_documentation_is_complete_yaml(kind: str, name: str) -> None:
    module = load(kind, name)
    found = documentation(kind, name)
    assert found["name" if kind == "filter" else "module"] == name
    assert {"short_description", "description", "version_added", "author", "options"} <= found.keys()
    assert all(option.get("description") and option.get("type") for option in found["options"].values())
    returned = yaml.safe_load(module.RETURN)
    assert all(value.get("description") and value.get("type") for value in returned.values())
    assert yaml.safe_load(module.EXAMPLES)


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_is_registered_under_its_name(name: str) -> None:
    assert list(load("filter", name).FilterModule().filters()) == [name]
    assert f"emperor.flask.{name}" in load("filter", name).EXAMPLES


@pytest.mark.parametrize("name", PLAIN)
def test_a_module_takes_what_its_documentation_says(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = arguments(name, monkeypatch)["argument_spec"]
    documented = documentation("modules", name)["options"]
    assert {key: facts(value) for key, value in spec.items()} == {
        key: facts(value) for key, value in documented.items()
    }


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_takes_what_its_documentation_says(name: str) -> None:
    assert documentation("modules", name)["options"].keys() == load("action", name).ActionModule._VALID_ARGS


def test_a_managed_file_takes_what_its_documentation_says(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = arguments("managed_files", monkeypatch)["argument_spec"]
    documented = documentation("modules", "managed_files")["options"]["files"]["suboptions"]
    assert spec["files"]["options"].keys() | {"template", "vars"} == documented.keys()
    for key in spec["files"]["options"].keys() - {"content"}:
        assert facts(spec["files"]["options"][key]) == facts(documented[key])


@pytest.mark.parametrize("name", [*PLAIN, *BEHIND])
def test_the_attributes_are_true(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    attributes = documentation("modules", name)["attributes"]
    supported = arguments(name, monkeypatch)["supports_check_mode"]
    assert attributes["check_mode"]["support"] == ("full" if supported else "none")
    source = inspect.getsource(load("modules", name).main)
    shows = "diff=" in source or '"diff"' in source
    assert attributes["diff_mode"]["support"] == ("full" if shows else "none")


def tasks_of(value: Any) -> list[dict[str, Any]]:
    """Return all tasks, those in blocks too."""
    found = []
    for task in value or []:
        for part in ("block", "rescue", "always"):
            found += tasks_of(task.get(part))
        found.append(task)
    return found


def calls(tasks: Any) -> list[tuple[str, dict[str, Any]]]:
    """Return name and arguments of each call of a module of ours."""
    return [
        (key.removeprefix("emperor.flask."), given or {})
        for task in tasks_of(tasks)
        for key, given in task.items()
        if key.startswith("emperor.flask.")
    ]


def check_call(name: str, given: dict[str, Any]) -> None:
    documented = documentation("modules", name)["options"]
    required = {key for key, option in documented.items() if option.get("required")}
    assert required <= given.keys() <= documented.keys(), f"emperor.flask.{name}"


@pytest.mark.parametrize("name", MODULES)
def test_examples_call_the_module_with_what_it_takes(name: str) -> None:
    found = calls(yaml.safe_load(load("modules", name).EXAMPLES))
    assert name in {called for called, _ in found}
    for called, given in found:
        check_call(called, given)


@pytest.mark.parametrize("file", sorted(ROLES.glob("*/tasks/*.yml")), ids=lambda file: "/".join(file.parts[-3::2]))
def test_roles_call_modules_with_what_they_take(file: Path) -> None:
    for name, given in calls(yaml.safe_load(file.read_text())):
        check_call(name, given)


def test_ansible_doc_shows_all() -> None:
    program = Path(sys.executable).with_name("ansible-doc")
    for kind, found in (("module", MODULES), ("filter", FILTERS)):
        wanted = [f"emperor.flask.{name}" for name in found]
        done = subprocess.run(
            [program, "--json", "-t", kind, *wanted],
            cwd=COLLECTION,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "WARNING" not in done.stderr
        assert json.loads(done.stdout).keys() == set(wanted)
