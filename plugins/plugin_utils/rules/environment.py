# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""What an app finds in its environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.emperor.flask.plugins.plugin_utils.app_schema import Problems
from ansible_collections.emperor.flask.plugins.plugin_utils.vaults import EXAMPLE

# 255 bytes are the longest name of a file, which each variable becomes; a temporary name is longer.
_ENV_NAME = re.compile(r"[A-Z_][A-Z0-9_]{0,199}")
# What these variables do happens before the app's code runs, or changes how uWSGI itself starts.
_ENV_FORBIDDEN = ("UWSGI_", "LD_", "EMPEROR_", "PYTHONHOME", "PYTHONPATH", "NOTIFY_SOCKET")
# Linux keeps one path component below 256 bytes and a whole argument below 128 KiB; uWSGI's envdir
# reads a file into one environment entry.
_ENV_VALUE_BYTES = 131_000


def check(app: dict[str, Any], path: str, problems: Problems) -> None:
    for key in ("environment", "secrets"):
        for name, value in app[key].items():
            where = f"{path}.{key}.{name}"
            if not _ENV_NAME.fullmatch(name) or name.startswith(_ENV_FORBIDDEN):
                problems.add(
                    where,
                    f"env name '{name}' is not allowed; use A-Z, 0-9 and '_', none of UWSGI_*, LD_*",
                )
                continue
            flaw = _value_flaw(value)
            if key == "secrets" and not flaw and EXAMPLE in str(value):
                flaw = f"is still the example, {EXAMPLE}; put yours into the vault"
            if flaw and key == "secrets":
                # The value of a secret is never part of a message.
                problems.add(where, f"app {app['name']}: secret {name} {flaw}")
            elif flaw:
                problems.add(where, f"app {app['name']}: environment {name} {flaw}")
            if key == "secrets" and name in app["environment"]:
                problems.add(where, f"{name} stands under environment too; keep it here alone")


def finish(app: Mapping[str, Any]) -> dict[str, Any]:
    return {key: {name: str(value) for name, value in app[key].items()} for key in ("environment", "secrets")}


def _value_flaw(value: Any) -> str:
    """Return why an environment variable could not carry this value unchanged, or an empty text."""
    if value is None or value == "":
        return "is not set"
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return "is not a text; put it in quotes"
    text = str(value)
    if "\0" in text:
        return "contains a NUL character, which no environment variable can hold"
    if text != text.rstrip(" \t\r\n"):
        return "ends with a blank or a new line, which the envdir would drop; remove it, or encode the value"
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError:
        return "is no valid UTF-8"
    return f"is longer than {_ENV_VALUE_BYTES} bytes" if size > _ENV_VALUE_BYTES else ""
