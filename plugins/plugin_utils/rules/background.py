# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""What an app does beside requests: daemons, and commands on a schedule."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.emperor.flask.plugins.module_utils.layout import WORK_NAME
from ansible_collections.emperor.flask.plugins.plugin_utils.app_schema import Problems
from ansible_collections.emperor.flask.plugins.plugin_utils.rules.values import check_time, seconds

# Key: what a person calls an entry, and the key of its time limit with the seconds that it may have.
_KINDS = {"daemons": ("daemon", "stop_timeout", 3600), "cron": ("cron", "timeout", 86400)}
# Escaped and quoted, it stays well below the 128 KiB of an argument.
_COMMAND_LENGTH = 8000
# systemd takes capital letters and small ones for the same here, and not in the name of a zone.
_DAY = r"(?ai:Mon|Tue|Wed|Thu|Fri|Sat|Sun|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)"
_DAYS = rf"{_DAY}((,|\.\.|-){_DAY})*"
_DATE = r"([0-9*,./]+-)?[0-9*,./]+[-~][0-9*,./]+"
_TIME = r"[0-9*,./]+:[0-9*,./]+(:[0-9*,./]+)?"
_ZONE = r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}"
_WORDS = "(?ai:minutely|hourly|daily|weekly|monthly|quarterly|semiannually|yearly|annually)"
# The form, which holds nothing that would be syntax in a unit; systemd on the host checks the numbers, see man
# systemd.time.
_SCHEDULE = re.compile(rf"(?=\S)({_WORDS}|({_DAYS})?( ?{_DATE})?(( |^){_TIME})?)( {_ZONE})?")


def check(app: dict[str, Any], path: str, problems: Problems) -> None:
    seen: dict[str, str] = {}
    for key, (what, limit, longest) in _KINDS.items():
        for index, entry in enumerate(app[key]):
            where = f"{path}.{key}[{index}]"
            if not WORK_NAME.fullmatch(entry["name"]):
                problems.add(f"{where}.name", f"{what} {entry['name']!r}: use a-z, 0-9 and '-', at most 23 characters")
            elif entry["name"] in seen:
                problems.add(f"{where}.name", f"{seen[entry['name']]} has the name '{entry['name']}' already")
            seen.setdefault(entry["name"], f"{key}[{index}]")
            _check_command(entry["command"], f"{where}.command", problems)
            check_time(entry[limit], 1, longest, f"{where}.{limit}", problems)
            if key == "cron":
                _check_schedule(entry["schedule"], f"{where}.schedule", problems)


def finish(app: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: [{**entry, "command": _one_line(entry["command"]), limit: seconds(entry[limit])} for entry in app[key]]
        for key, (_, limit, _) in _KINDS.items()
    }


def _one_line(command: str) -> str:
    """Return a command without the line end that a block of YAML, after `|` or `>`, has."""
    return command.removesuffix("\n")


def _check_command(command: str, where: str, problems: Problems) -> None:
    command = _one_line(command)
    if not command.strip():
        problems.add(where, "is empty")
    elif not command.isprintable():
        problems.add(where, "is more than one line or holds a control character; put it into a script of the app")
    elif len(command) > _COMMAND_LENGTH:
        problems.add(where, f"is longer than {_COMMAND_LENGTH} characters; put it into a script of the app")


def _check_schedule(schedule: str, where: str, problems: Problems) -> None:
    if len(schedule) > 200 or not _SCHEDULE.fullmatch(schedule):
        word = schedule.removeprefix("@").lower()
        meant = word if re.fullmatch(_WORDS, word) else "daily, *:0/15 or Mon..Fri 03:30"
        problems.add(where, f"{schedule!r} is not a schedule; try {meant}")
