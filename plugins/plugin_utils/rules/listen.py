# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Addresses of an app past nginx."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.emperor.flask.plugins.plugin_utils.app_schema import VARIABLE, Problems

# What uWSGI's routers serve, which belong to no app.
ROUTED = ("http", "uwsgi")
PROTOCOLS = (*ROUTED, "stats")
# The daemon of an app that passes on its statistics.
STATS = "stats"
_ADDRESS = re.compile(r"(?P<host>[0-9.]{7,15}):(?P<port>[1-9][0-9]{3,4})")
# Below, ports are the system's; the listeners have no right to them.
_PORTS = range(1024, 65536)


def check(app: dict[str, Any], path: str, problems: Problems) -> None:
    listen, path = app["listen"], f"{path}.listen"
    given = {protocol: listen[protocol] for protocol in PROTOCOLS if listen[protocol] is not None}
    for protocol, address in given.items():
        where = f"{path}.{protocol}"
        match = _ADDRESS.fullmatch(address)
        host = _ip(match["host"]) if match else None
        if match is None or host is None or int(match["port"]) not in _PORTS:
            problems.add(
                where,
                f"{address!r} is not an IPv4 address with a port from 1024 on; IPv6 is not supported; try "
                "127.0.0.1:9090",
            )
        elif not (host.is_loopback or listen["public"]):
            problems.add(
                where,
                f"{address} is open to more than this host; use 127.0.0.1, or add public: true, which "
                "opens the host's firewall for http",
            )
    if listen["public"] and not given:
        problems.add(f"{path}.public", "goes with http, uwsgi or stats only; give one, or leave it out")
    if listen["stats"] is not None and any(work["name"] == STATS for work in (*app["daemons"], *app["cron"])):
        problems.add(f"{path}.stats", f"is a daemon named '{STATS}', as another is; give that another name")


def check_together(apps: Mapping[int, dict[str, Any]], problems: Problems) -> None:
    """Check that each port belongs to one app of the host, and there to one protocol."""
    users: dict[int, str] = {}
    for index, app in apps.items():
        for protocol, port in ports(app):
            own = f"{app['name']} ({protocol})"
            user = users.setdefault(port, own)
            if user != own:
                where = f"{VARIABLE}[{index}].listen.{protocol}"
                problems.add(where, f"port {port} is used by app {user}; take another")


def finish(app: Mapping[str, Any]) -> dict[str, Any]:
    return {"listen": app["listen"]}


def daemons(app: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what passes on the statistics of a complete app, as one of its daemons: they are the app's own."""
    if not app["listen"]["stats"]:
        return []
    command = f"exec /usr/bin/python3 -I /usr/local/lib/flask-emperor/stats {app['root']} {app['listen']['stats']}"
    return [{"name": STATS, "command": command, "stop_timeout": 5}]


def ports(app: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Yield the protocols that a checked app listens for, with the port of each."""
    for protocol in PROTOCOLS:
        match = _ADDRESS.fullmatch(app["listen"][protocol] or "")
        if match:
            yield protocol, int(match["port"])


def clashes(app: Mapping[str, Any], nginx: Mapping[str, object]) -> list[str]:
    """Return what a checked app wants of the ports that nginx has, by the names of its variables."""
    return [
        f"app {app['name']}: listen.{protocol}: port {port} is nginx's ({variable}); take another"
        for protocol, port in ports(app)
        for variable, taken in nginx.items()
        if str(port) == str(taken)
    ]


def warnings(app: Mapping[str, Any]) -> list[str]:
    """Return what a person should know about the addresses of a checked app."""
    risks = {
        "http": "past nginx's limits, and with any header that a visitor likes",
        "uwsgi": "and whoever does can run any code as the app; let a firewall pass your proxy alone",
        "stats": "with the headers of requests in work, cookies and passwords among them; use an ssh tunnel",
    }
    nearby = {
        "uwsgi": "and run any code as the app",
        "stats": "and see the headers of requests in work, cookies and passwords among them",
    }
    found = []
    for protocol, risk in risks.items():
        address = app["listen"][protocol] or ""
        inside = address and ipaddress.ip_address(address.partition(":")[0]).is_loopback
        if address and not inside:
            found.append(f"app {app['name']}: others than this host can reach {address} ({protocol}), {risk}")
        elif address and protocol in nearby:
            who = f"all other apps of the host can reach {address} ({protocol}),"
            found.append(f"app {app['name']}: {who} {nearby[protocol]}; leave it out where they are not trusted")
    return found


def _ip(text: str) -> ipaddress.IPv4Address | None:
    try:
        return ipaddress.IPv4Address(text)
    except ValueError:
        return None
