"""Roles: what their argument specs promise is what their defaults give."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.emperor.flask.tests.support.apps import minimal
from ansible_collections.emperor.flask.tests.support.rendering import ROLES

NAMES = sorted(path.name for path in ROLES.iterdir() if path.is_dir())
TYPES: dict[str, type | tuple[type, ...]] = {
    "str": str, "path": str, "int": int, "bool": bool, "list": list, "dict": dict, "float": (int, float),
}  # fmt: skip
each = pytest.mark.parametrize("role", NAMES)


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None


def entry_points(role: str) -> dict[str, Any]:
    return load(ROLES / role / "meta/argument_specs.yml")["argument_specs"]


def options(role: str) -> dict[str, Any]:
    """Return the variables that a role takes, from all its entry points."""
    return {name: spec for entry in entry_points(role).values() for name, spec in entry.get("options", {}).items()}


def nested(options: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, spec in options.items():
        yield f"{path}{name}", spec
        yield from nested(spec.get("options", {}), f"{path}{name}.")


def test_the_roles_are_found() -> None:
    assert {"baseline", "nginx", "uwsgi", "flask_app"} <= set(NAMES)


@each
def test_defaults_equal_the_specs_keys_and_values(role: str) -> None:
    defaults = load(ROLES / role / "defaults/main.yml") or {}
    assert defaults == {name: spec["default"] for name, spec in options(role).items() if "default" in spec}


@each
def test_every_default_stands_below_a_comment(role: str) -> None:
    lines = (ROLES / role / "defaults/main.yml").read_text().splitlines()
    variables = [index for index, line in enumerate(lines) if line and line[0] not in "#- "]
    assert variables
    assert [lines[index] for index in variables if not lines[index - 1].startswith("#")] == []


@each
def test_every_option_is_described_and_has_a_type(role: str) -> None:
    for name, spec in nested(options(role)):
        assert spec.get("description"), name
        assert spec.get("type") in TYPES, name
        assert not (spec.get("required") and "default" in spec), name
        if "default" in spec:
            kind = TYPES[spec["type"]]
            assert isinstance(spec["default"], kind) or "{{" in str(spec["default"]), name
            assert isinstance(spec["default"], bool) == (spec["type"] == "bool"), name
            if "choices" in spec and spec["type"] == "str":
                assert spec["default"] in spec["choices"], name


@each
def test_variables_bear_the_name_of_their_role(role: str) -> None:
    for name in options(role):
        assert name.startswith(f"{role}_") or (role, name) == ("flask_app", "flask_apps")
    for name in load(ROLES / role / "vars/main.yml") or {}:
        assert name.startswith(f"__{role}_")


@each
def test_every_entry_point_has_its_tasks(role: str) -> None:
    for name, spec in entry_points(role).items():
        assert spec["short_description"]
        assert (ROLES / role / "tasks" / f"{name}.yml").is_file()


@pytest.mark.parametrize(
    ("app", "accepted"),
    [
        (minimal(), True),
        ({"name": "old", "state": "absent"}, True),
        ({"name": "old"}, False),
        ({"name": "old", "wsgi": "a:b"}, False),
        ({"name": "old", "source": {"path": "a"}}, False),
    ],
)
def test_ansible_asks_of_an_app_what_it_needs(app: dict[str, Any], accepted: bool) -> None:
    """It reads the spec before the role runs, and knows nothing of our validation."""
    spec = entry_points("flask_app")["main"]["options"]
    found = ArgumentSpecValidator(spec).validate({"flask_apps": [app]})
    assert (found.error_messages == []) is accepted
