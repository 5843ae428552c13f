# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Kinds of values that many keys have: times, sizes, paths, addresses.

What is later written into nginx's or uWSGI's configuration passes here first: both read their files as code, so a
value is accepted only if it cannot be syntax there.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import PurePosixPath

from ansible_collections.emperor.flask.plugins.plugin_utils import suggestions
from ansible_collections.emperor.flask.plugins.plugin_utils.app_schema import Problems

NGINX_SYNTAX = re.compile(r"[;{}\"'$\\]")
_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]*(/[A-Za-z0-9_][A-Za-z0-9_.@+-]*)*")
_URL = re.compile(r"(/[A-Za-z0-9_][A-Za-z0-9_.~-]*)+")
_REQUEST_PATH = re.compile(r"/[A-Za-z0-9_.~/?=&%+-]*")
# At most 9,999 of a unit: nginx counts bytes in 63 bits, and nobody uploads more.
_SIZE = re.compile(r"[0-9]{1,4}[kmg]|[0-9]{1,9}")
_TIME = re.compile(r"([0-9]{1,9})(s|m|h|d)")
# Below what Linux takes (255 and 4095 bytes), with room for the folders around and temporary names.
_NAME_LENGTH, PATH_LENGTH = 200, 1000
_BYTES = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(time: str) -> int:
    """Return a checked time such as `30s` or `10m` in seconds."""
    match = _TIME.fullmatch(time)
    if not match:
        raise ValueError(f"'{time}' is not a time; try {suggestions.time(time)}")
    return int(match[1]) * _SECONDS[match[2]]


def network(text: str) -> str:
    """Return a network as nginx reads it; an address is a network of one."""
    try:
        return str(_network(text, strict=True))
    except ValueError:
        raise ValueError(f"'{text}' is no address or network; {_meant(text)}") from None


def _network(text: str, strict: bool) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    # The zone of an IPv6 address may be any text at all.
    if "%" in text:
        raise ValueError
    return ipaddress.ip_network(text, strict=strict)


def _meant(text: str) -> str:
    if text.lower() == "all":
        return "try 0.0.0.0/0 and ::/0"
    try:
        return f"try {_network(text, strict=False)}"
    except ValueError:
        return "try 192.0.2.0/24 or 198.51.100.7"


def megabytes(size: str) -> int:
    """Return a checked size such as `300m` or `2g` in MiB, rounded down."""
    unit = _BYTES.get(size[-1])
    return (int(size[:-1]) * unit if unit else int(size)) >> 20


def check_path(value: str, what: str, where: str, problems: Problems) -> None:
    if value.startswith("/") or ".." in PurePosixPath(value).parts:
        problems.add(where, f"{what} {value} is outside the app; give a path below its root, without '..'")
    elif len(value) > PATH_LENGTH or any(len(part) > _NAME_LENGTH for part in value.split("/")):
        problems.add(where, f"{what} {value[:40]}… is too long; at most {PATH_LENGTH} characters")
    elif not _PATH.fullmatch(value):
        problems.add(where, f"{what} {value!r}: use letters, digits, '.', '_', '-', '@', '+' and '/'")


def check_time(value: str, low: int, high: int, where: str, problems: Problems) -> None:
    try:
        number = seconds(value)
    except ValueError as error:
        problems.add(where, str(error))
        return
    if not low <= number <= high:
        problems.add(where, f"{value} is not between {low}s and {high}s")


def check_size(value: str, where: str, problems: Problems) -> None:
    if not _SIZE.fullmatch(value):
        problems.add(where, f"'{value}' is not a size; try {suggestions.size(value)}")


def check_memory(value: str, least: int, where: str, problems: Problems) -> bool:
    """Check an amount of memory, of `least` MiB or more; tell whether it is one."""
    before = len(problems)
    check_size(value, where, problems)
    if len(problems) == before and megabytes(value) < least:
        problems.add(where, f"{value} is less than {least}m, which no app gets along with")
    return len(problems) == before


def check_number(value: int, low: int, high: int, where: str, problems: Problems) -> None:
    if not low <= value <= high:
        problems.add(where, f"{value} is not between {low} and {high}")


def check_prefix(value: str, example: str, where: str, problems: Problems) -> bool:
    """Check the beginning of addresses, such as `/static`; tell whether it is one."""
    if _is_prefix(value):
        return True
    if _is_prefix(value.rstrip("/")):
        problems.add(where, f"'{value}' ends with '/'; write {value.rstrip('/')}")
    elif _is_prefix(value.replace("/.", "/")):
        problems.add(where, f"'{value}' has a name that begins with '.'; nginx keeps such names to itself, as /.errors")
    else:
        problems.add(where, f"'{value}' is not a prefix such as {example}; it starts with '/' and ends without")
    return False


def _is_prefix(value: str) -> bool:
    return len(value) <= PATH_LENGTH and _URL.fullmatch(value) is not None and ".." not in value


def check_request_path(value: str, example: str, where: str, problems: Problems) -> None:
    if len(value) > PATH_LENGTH or not _REQUEST_PATH.fullmatch(value):
        problems.add(where, f"'{value}' is not a path such as {example}")
