# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Checks the variables of the role `baseline`, and turns what the firewall shall let through into one form."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.yaml import yaml_load

from ansible_collections.emperor.flask.plugins.plugin_utils.rules import listen

SPEC_FILE = Path(__file__).parents[2] / "roles/baseline/meta/argument_specs.yml"
_PORT = re.compile(r"(?P<first>[1-9][0-9]{0,4})(?:-(?P<last>[1-9][0-9]{0,4}))?")
_SIZE = re.compile(r"[1-9][0-9]{0,5}[mg]")
_SPAN = re.compile(r"[1-9][0-9]{0,5}[smhd]")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,13}\*?")
_SERVER = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?")
_KEY = re.compile(r"[a-z][a-z0-9_]*([./][A-Za-z0-9_*@:-]+)+")
_VALUE = re.compile(r"-?[0-9]+( -?[0-9]+)*|[a-z][a-z0-9_-]*|")
_OPENING = frozenset({"port", "protocol", "from"})
_LAST_PORT = 65535
# More would go on forever, or lock out at the first mistake.
_ATTEMPTS = range(2, 101)
_RATES = range(1_000_001)


class BaselineError(Exception):
    """Carries all mistakes, one a line."""

    def __init__(self, problems: Sequence[str]) -> None:
        count = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
        super().__init__("\n".join([f"{count} in the variables of the role baseline; no host was changed.", *problems]))


@lru_cache(maxsize=1)
def spec() -> dict[str, Any]:
    """Return the role's argument spec, the only place where its variables are listed."""
    found: dict[str, Any] = yaml_load(SPEC_FILE.read_text(encoding="utf-8"))
    options: dict[str, Any] = found["argument_specs"]["main"]["options"]
    return options


def check(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables of a host, each of its type. Raises BaselineError with all mistakes."""
    given = {key: value for key, value in variables.items() if key in spec()}
    validation = ArgumentSpecValidator(spec()).validate(given)
    if validation.error_messages:
        raise BaselineError([f"{text[:1].lower()}{text[1:]}" for text in validation.error_messages])
    values = validation.validated_parameters
    problems = [
        *_openings_of(values["baseline_firewall_allow"])[1],
        *_networks(values, "baseline_firewall_ssh_from"),
        *_networks(values, "baseline_ssh_guard_ignore"),
        *_texts(values, "baseline_firewall_trusted_interfaces", _INTERFACE, "the name of an interface", "wg0"),
        *_texts(values, "baseline_time_servers", _SERVER, "the name or address of a server", "ntp.example.org"),
        *_text(values, "baseline_upgrades_reboot_time", _CLOCK, "a time of day", "03:30, in quotes"),
        *_text(values, "baseline_ssh_guard_find_time", _SPAN, "a time", "10m"),
        *_text(values, "baseline_ssh_guard_ban_time", _SPAN, "a time", "1h"),
        *_text(values, "baseline_journal_max_use", _SIZE, "a size", "2g"),
        *_text(values, "baseline_journal_max_age", _SPAN, "a time", "90d", none="0"),
        *_text(values, "baseline_swap", _SIZE, "a size", "2g", none="0"),
        *_number(values, "baseline_ssh_guard_attempts", _ATTEMPTS),
        *_number(values, "baseline_journal_rate", _RATES),
        *_settings(values["baseline_sysctl_values"]),
    ]
    if problems:
        raise BaselineError(problems)
    return dict(values)


def openings(
    allow: Any,
    apps: Sequence[Mapping[str, Any]] = (),
    web: Sequence[Mapping[str, Any]] = (),
    ssh: Sequence[int] = (),
    ssh_from: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Return what the firewall lets through: `port`, `protocol`, `from4`, `from6`, `to` and `why` of each.

    An app's own HTTP port that it has made public is open, unless an entry of `allow` has that port and decides.
    Raises BaselineError.
    """
    own, problems = _openings_of(allow)
    if problems:
        raise BaselineError(problems)
    found = [{**_opening(str(port), "tcp", ssh_from), "why": "ssh"} for port in ssh]
    found += [{**_opening(str(entry["port"]), str(entry["protocol"]), []), "why": "nginx"} for entry in web]
    public = [entry for entry in _public(apps) if entry["listens"] == "http" and not _is_named(entry["port"], own)]
    found += [
        {**_opening(str(entry["port"]), "tcp", []), "to": entry["to"], "why": f"app {entry['app']}"} for entry in public
    ]
    return found + own


def warnings(allow: Any, apps: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return which public ports of apps stay closed, since nobody has said who may reach them."""
    own, _ = _openings_of(allow)
    return [
        f"app {entry['app']}: the firewall keeps port {entry['port']} ({entry['listens']}) closed, since whoever "
        f"reaches it {_RISKS[entry['listens']]}; say who may: baseline_firewall_allow: "
        f"[{{port: {entry['port']}, protocol: tcp, from: [192.0.2.0/24]}}]"
        for entry in _public(apps)
        if entry["listens"] in _RISKS and not _is_named(entry["port"], own)
    ]


_RISKS = {"uwsgi": "can run any code as the app", "stats": "sees cookies and passwords of visitors"}


def _public(apps: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for app in apps:
        for protocol, port in listen.ports(app):
            host = str(app["listen"][protocol]).partition(":")[0]
            address = ipaddress.ip_address(host)
            if not address.is_loopback:
                to = "" if address.is_unspecified else host
                found.append({"app": app["name"], "listens": protocol, "port": port, "to": to})
    return found


def _is_named(port: int, own: Sequence[Mapping[str, Any]]) -> bool:
    for entry in own:
        first, _, last = str(entry["port"]).partition("-")
        if entry["protocol"] == "tcp" and int(first) <= port <= int(last or first):
            return True
    return False


def _opening(port: str, protocol: str, networks: Sequence[str]) -> dict[str, Any]:
    parsed = [ipaddress.ip_network(network) for network in networks]
    # nftables refuses a set in which one network lies within another.
    four = ipaddress.collapse_addresses(net for net in parsed if isinstance(net, ipaddress.IPv4Network))
    six = ipaddress.collapse_addresses(net for net in parsed if isinstance(net, ipaddress.IPv6Network))
    return {
        "port": port,
        "protocol": protocol,
        "from4": [str(net) for net in four],
        "from6": [str(net) for net in six],
        "to": "",
        "why": "",
    }


def _openings_of(allow: Any) -> tuple[list[dict[str, Any]], list[str]]:
    found: list[dict[str, Any]] = []
    problems: list[str] = []
    for index, entry in enumerate(allow):
        path = f"baseline_firewall_allow[{index}]"
        before = len(problems)
        if not isinstance(entry, Mapping):
            problems.append(f"{path}: {entry!r} is no mapping; try {{port: 9090, protocol: tcp}}")
            continue
        problems += [
            f"{path}.{key}: is not a key of an opening; there are port, protocol and from"
            for key in entry
            if key not in _OPENING
        ]
        problems += _port(f"{path}.port", entry.get("port"))
        protocol = entry.get("protocol") or "tcp"
        if protocol not in ("tcp", "udp"):
            problems.append(f"{path}.protocol: {protocol!r} is neither tcp nor udp; take one of them")
        networks = entry.get("from") or []
        problems += _each_network(f"{path}.from", networks)
        if len(problems) == before:
            found.append({**_opening(str(entry["port"]), protocol, networks), "why": path})
    return found, problems


def _port(path: str, value: Any) -> list[str]:
    if value is None:
        return [f"{path}: is missing; give a port such as 9090, or a range such as 8000-8010"]
    match = _PORT.fullmatch(str(value))
    first = int(match["first"]) if match else 0
    last = int(match["last"] or first) if match else 0
    if not match or max(first, last) > _LAST_PORT:
        return [f"{path}: {value!r} is no port from 1 to {_LAST_PORT}, and no range of them; try 9090 or 8000-8010"]
    if first > last:
        return [f"{path}: {value!r} ends before it begins; try {last}-{first}"]
    return []


def _networks(values: Mapping[str, Any], name: str) -> list[str]:
    return _each_network(name, values[name])


def _each_network(path: str, networks: Any) -> list[str]:
    if isinstance(networks, str) or not isinstance(networks, Sequence):
        return [f"{path}: {networks!r} is no list; try [{networks}]"]
    return [text for index, network in enumerate(networks) if (text := _network(f"{path}[{index}]", network))]


def _network(path: str, value: Any) -> str:
    try:
        found = ipaddress.ip_network(str(value))
    except ValueError:
        try:
            meant = ipaddress.ip_network(str(value), strict=False)
        except ValueError:
            return f"{path}: {value!r} is no address and no network; try 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32"
        return f"{path}: {value!r} has bits behind its prefix; try {meant}, or {str(value).partition('/')[0]} alone"
    if found.prefixlen == 0:
        return f"{path}: {value!r} is everybody; leave it out"
    return ""


def _texts(values: Mapping[str, Any], name: str, pattern: re.Pattern[str], what: str, example: str) -> list[str]:
    return [
        f"{name}[{index}]: {value!r} is not {what}; try {example}"
        for index, value in enumerate(values[name])
        if not pattern.fullmatch(value)
    ]


def _text(
    values: Mapping[str, Any], name: str, pattern: re.Pattern[str], what: str, example: str, none: str = ""
) -> list[str]:
    value = values[name]
    if pattern.fullmatch(value) or (none and value == none):
        return []
    return [f"{name}: {value!r} is not {what}; try {example}{f', or {none} for none' if none else ''}"]


def _number(values: Mapping[str, Any], name: str, allowed: range) -> list[str]:
    if values[name] in allowed:
        return []
    return [f"{name}: {values[name]} is not from {allowed[0]} to {allowed[-1]}; take one that is"]


def _settings(values: Mapping[str, Any]) -> list[str]:
    found = []
    for key, value in values.items():
        if not _KEY.fullmatch(str(key)):
            found.append(f"baseline_sysctl_values: {key!r} is no setting of the kernel; try net.core.somaxconn")
        elif not _VALUE.fullmatch(str("" if value is None else value)):
            found.append(f"baseline_sysctl_values.{key}: {value!r} is no value; try a number, or nothing")
    return found
