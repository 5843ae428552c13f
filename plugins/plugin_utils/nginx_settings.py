# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Variables of the role nginx that it would find wrong only on a host, or never."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.emperor.flask.plugins.plugin_utils.rules.values import network

PORTS = ("nginx_http_port", "nginx_https_port")
_NETWORKS = "nginx_trusted_proxies"
_COUNTS = ("nginx_hsts", "nginx_connections_per_address")
SETTINGS = (*PORTS, _NETWORKS, *_COUNTS)
_NUMBER = re.compile(r"[0-9]{1,10}")
# Where the variables are not set, they are those of the role.
_DEFAULTS = dict(zip(PORTS, ("80", "443"), strict=True))


def flaws(given: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with those that an inventory gives."""
    found = [
        f"{name}: {given[name]!r} is no whole number from 0 on; leave it out for the role's own"
        for name in _COUNTS
        if name in given and not _NUMBER.fullmatch(str(given[name]))
    ]
    http, https = (str(given.get(name, port)) for name, port in _DEFAULTS.items())
    if http == https:
        found.append(f"nginx_https_port: {https} is nginx_http_port, too; take another")
    return [*found, *_flaws_of_networks(given.get(_NETWORKS, []))]


def _flaws_of_networks(networks: Any) -> list[str]:
    if not isinstance(networks, list):
        return [f"{_NETWORKS}: {networks!r} is no list; write [192.0.2.0/24]"]
    found = []
    for index, entry in enumerate(networks):
        try:
            everybody = ipaddress.ip_network(network(str(entry))).prefixlen == 0
        except ValueError as error:
            found.append(f"{_NETWORKS}[{index}]: {error}")
            continue
        if everybody:
            found.append(f"{_NETWORKS}[{index}]: {entry} believes whatever a visitor says; list your proxies alone")
    return found
