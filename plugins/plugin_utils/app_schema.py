# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Completes app descriptions against the role's argument spec, and names what does not fit it.

The spec of the role `flask_app` is the only place where keys, types and defaults are written.
Ansible checks a role against its spec but injects no nested defaults; here they are filled in.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from ansible.module_utils.common.yaml import yaml_load

from ansible_collections.emperor.flask.plugins.plugin_utils import suggestions

VARIABLE = "flask_apps"
PRESENT, ABSENT = "present", "absent"
SPEC_FILE = Path(__file__).parents[2] / "roles/flask_app/meta/argument_specs.yml"

_TYPE_NAMES = {
    "str": "a text",
    "int": "a whole number",
    "list": "a list",
    "dict": "a mapping",
    "bool": "true or false",
}
# What an entry of a list is called.
_ENTRIES = {
    "static": "a static folder",
    "media": "a media folder",
    "access": "an entry of access",
    "daemons": "a daemon",
    "cron": "a command on a schedule",
}
# What else to say of a value of another type.
_HINTS = {"auth_basic": "; the realm that is shown is the app's name"}

_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")
_INDEX = re.compile(r"\[(\d+)\]")
# The last name of a path, whatever its entry.
_LAST = re.compile(r"(\w+)(\[\d+\])*$")


class Problems:
    """Collects mistakes, each with the path of the variable that holds it."""

    def __init__(self) -> None:
        self._found: list[str] = []

    def add(self, path: str, message: str) -> None:
        self._found.append(f"{path}: {message}")

    def __len__(self) -> int:
        return len(self._found)

    def in_order(self) -> list[str]:
        """Return the mistakes app by app, whatever check found them."""
        return sorted(self._found, key=_app_index)


def _app_index(problem: str) -> int:
    match = _INDEX.search(problem)
    return int(match[1]) if match else -1


@lru_cache(maxsize=1)
def app_spec() -> dict[str, Any]:
    """Return the spec of one app: option name to its type, default, choices and nested options."""
    spec = yaml_load(SPEC_FILE.read_text(encoding="utf-8"))["argument_specs"]["main"]["options"]["flask_apps"]
    needed = {key for _, state, keys in spec["required_if"] for key in keys if state == PRESENT}
    return {key: {**option, "required": True} if key in needed else option for key, option in spec["options"].items()}


def _absent_spec() -> dict[str, Any]:
    """Return the spec of an app that shall not be there: it needs a name and its state."""
    return {key: {**option, "required": key == "name"} for key, option in app_spec().items()}


def is_absent(app: Any) -> bool:
    """Tell whether a description, complete or not, is of an app that shall not be there."""
    return isinstance(app, Mapping) and app.get("state") == ABSENT


def complete_apps(raw: Any, problems: Problems) -> dict[int, dict[str, Any]]:
    """Return the apps, by their index, as plain dictionaries in which every key of the spec is present.

    An app with a mistake of form is reported in `problems` and left out.
    """
    if not _is_list(raw):
        problems.add(VARIABLE, f"must be a list of apps, not {_describe(raw)}; begin each app with '- name:'")
        return {}
    apps = {}
    for index, item in enumerate(raw):
        before = len(problems)
        spec = _absent_spec() if is_absent(item) else app_spec()
        app = _complete_dict(item, spec, f"{VARIABLE}[{index}]", problems)
        if len(problems) == before:
            apps[index] = app
    return apps


def _complete_dict(raw: Any, options: Mapping[str, Any], path: str, problems: Problems) -> dict[str, Any]:
    if not isinstance(raw, Mapping):
        problems.add(path, f"must be a mapping, not {_describe(raw)}")
        return {}
    for key in raw:
        if key not in options:
            problems.add(f"{path}.{key}", _unknown_key(str(key), options, _kind(path)))
    for key, spec in options.items():
        if key in raw and raw[key] is None and _refuses_nothing(spec):
            meant = f"one of {', '.join(spec['choices'])}" if spec["type"] == "str" else _TYPE_NAMES[spec["type"]]
            problems.add(f"{path}.{key}", f"is empty; leave the key out, or give {meant}")
    return {key: _complete_value(raw.get(key), spec, f"{path}.{key}", problems) for key, spec in options.items()}


def _refuses_nothing(spec: Mapping[str, Any]) -> bool:
    """Tell whether Ansible, in words that name no app, refuses a key that is there without a value."""
    if spec.get("required"):
        # Said to be missing.
        return False
    return bool(spec.get("choices")) if spec["type"] == "str" else spec.get("default") is not None


def _complete_value(raw: Any, spec: Mapping[str, Any], path: str, problems: Problems) -> Any:
    if raw is None:
        if spec.get("required"):
            problems.add(path, f"is missing; it must be {_TYPE_NAMES[spec['type']]}")
            return None
        default = spec.get("default")
        if default is None:
            return None
        raw = default
    kind = spec["type"]
    if kind == "dict":
        if "options" in spec:
            return _complete_dict(raw, spec["options"], path, problems)
        if isinstance(raw, Mapping):
            return {str(key): value for key, value in raw.items()}
    elif kind == "list":
        if _is_list(raw):
            item_spec = {
                "type": spec["elements"],
                "options": spec.get("options", {}),
                "choices": spec.get("choices"),
                "required": True,
            }
            return [_complete_value(item, item_spec, f"{path}[{index}]", problems) for index, item in enumerate(raw)]
    elif kind == "bool":
        if isinstance(raw, bool):
            return bool(raw)
    elif kind == "int":
        if isinstance(raw, int) and not isinstance(raw, bool):
            return int(raw)
        if isinstance(raw, str) and _WHOLE_NUMBER.fullmatch(raw):
            return int(raw)
    elif kind == "str":
        choices = spec.get("choices")
        if raw is False and choices and "off" in choices:
            # YAML reads `off` as a boolean.
            return "off"
        if isinstance(raw, str):
            value = str(raw)
            if choices and value not in choices:
                problems.add(path, _no_choice(_last(path), value, choices))
            return value
        if isinstance(raw, (int, float)):
            problems.add(path, _no_text(_last(path), raw, spec))
            return None
    found = "something else" if spec.get("no_log") else _describe(raw)
    problems.add(path, f"must be {_TYPE_NAMES[kind]}, not {found}{_HINTS.get(_last(path), '')}")
    return None


def _no_text(key: str, number: float, spec: Mapping[str, Any]) -> str:
    if spec.get("no_log"):
        return "the value is not a text; write it in quotes"
    if choices := spec.get("choices"):
        return _no_choice(key, number, choices)
    found = str(number).lower()
    if not isinstance(number, bool) and (meant := suggestions.with_unit(key, number)):
        return f"{found} has no unit; try {meant}"
    # 1.10 has become 1.1 by the time it gets here, so a guess could be wrong.
    return f"{found} is not a text; write it in quotes"


def _no_choice(key: str, value: object, choices: Sequence[str]) -> str:
    found = f"{value!r}" if isinstance(value, str) else str(value).lower()
    meant = suggestions.choice(key, value)
    return f"{found} is not one of {', '.join(choices)}" + (f"; did you mean '{meant}'?" if meant else "")


def _last(path: str) -> str:
    match = _LAST.search(path)
    return match[1] if match else ""


def _kind(path: str) -> str:
    """Return what has the keys at a path: an app, an entry of a list, or a group of keys."""
    last = _last(path)
    return "an app" if last == VARIABLE else _ENTRIES.get(last, last)


def _unknown_key(key: str, options: Mapping[str, Any], kind: str) -> str:
    near = difflib.get_close_matches(key, options, n=1)
    if near:
        return f"is not a key of {kind}; did you mean '{near[0]}'?"
    return f"is not a key here; the keys are {', '.join(sorted(options))}"


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _describe(value: Any) -> str:
    if isinstance(value, bool):
        return f"{str(value).lower()}"
    if isinstance(value, Mapping):
        return "a mapping"
    if _is_list(value):
        return "a list"
    return "nothing" if value is None else f"{value!r}"
