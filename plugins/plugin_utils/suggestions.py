# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""What a person may have meant by a value that is refused, to be offered and never to be taken."""

from __future__ import annotations

import re

# Keys of all depths whose texts have a unit.
TIMES = frozenset(
    {
        *("request_timeout", "drain_timeout", "release_command_timeout", "stop_timeout", "timeout"),
        *("rollback_window", "idle", "max_lifetime", "expires"),
    }
)
SIZES = frozenset({"max_body_size", "reload_on_rss", "evil_reload_on_rss", "memory_limit", "memory_max"})
_OTHER_UNITS = {"rate": "r/s", "cpu_quota": "%"}
_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_TIME = re.compile(
    r"([0-9]{1,9}) ?(s(?:ec(?:onds?)?)?|m(?:in(?:utes?)?)?|h(?:ours?)?|d(?:ays?)?)?", re.IGNORECASE | re.ASCII
)
_SIZE = re.compile(r"([0-9]{1,4}) ?([kmg])(?:i?b|bytes)?", re.IGNORECASE | re.ASCII)
_MEBIBYTE = 1 << 20
# Other words for a choice, by key.
_CHOICES = {
    "state": {
        "absent": ("removed", "deleted", "gone", "off", "no", "false"),
        "present": ("on", "yes", "true", "started", "deployed"),
    },
}


def with_unit(key: str, number: float) -> str:
    """Return the text for a number where one with a unit is wanted, or an empty text if nobody can tell."""
    if not float(number).is_integer() or number < 0:
        return ""
    whole = int(number)
    if key in TIMES:
        return time(str(whole)) if whole < 10**9 else ""
    if key in SIZES:
        # Nobody means a few bytes.
        mebibytes = whole // _MEBIBYTE if whole >= _MEBIBYTE else whole
        return f"{mebibytes}m" if 0 < mebibytes < 10_000 else ""
    return f"{whole}{_OTHER_UNITS[key]}" if key in _OTHER_UNITS and whole else ""


def time(text: str) -> str:
    """Return a time such as `30m` for a text that is none, such as `1800` or `30 min`, or an example."""
    match = _TIME.fullmatch(text)
    if not match:
        return "30s"
    if match[2]:
        return f"{int(match[1])}{match[2][0].lower()}"
    number = int(match[1])
    unit = next((unit for unit, length in _SECONDS.items() if number and number % length == 0), "s")
    return f"{number // _SECONDS[unit]}{unit}"


def size(text: str) -> str:
    """Return a size such as `512m` for a text that is none, such as `512MB`, or an example."""
    match = _SIZE.fullmatch(text)
    return f"{int(match[1])}{match[2].lower()}" if match else "10m"


def choice(key: str, value: object) -> str:
    """Return the choice that stands for another word, or an empty text."""
    word = str(value).lower()
    return next((meant for meant, words in _CHOICES.get(key, {}).items() if word in words), "")
