# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Which parts of the baseline a host gets, and which are left to others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.emperor.flask.plugins.module_utils.listeners import Listener

# What each part needs of the distribution.
PACKAGES: dict[str, tuple[str, ...]] = {
    "firewall": ("nftables",),
    "upgrades": ("unattended-upgrades",),
    # Without the journal's library, fail2ban looks for a log file that a system without rsyslog has not.
    "ssh_guard": ("fail2ban", "nftables", "python3-systemd"),
    "time": ("systemd-timesyncd",),
}
# What a container shares with the host that it runs on.
_OF_THE_HOST = {"sysctl": "settings of the kernel", "time": "the clock", "swap": "swap"}
# Answers to what a host asks for itself, and so no service of it: DHCP, names on the local network.
_OWN_QUESTIONS = frozenset({("udp", 68), ("udp", 546), ("udp", 5353), ("udp", 5355)})


@dataclass(frozen=True)
class Host:
    """What was found."""

    container: str = ""
    obstacle: str = ""
    has_sshd: bool = False
    ssh_ports: Sequence[int] = ()
    listeners: Sequence[Listener] = ()
    others: Sequence[str] = ()
    loaded: bool = False
    clock: str = ""
    packages: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Decision:
    """The parts that a host gets, the packages that they still need, and what is left to whom."""

    parts: dict[str, bool]
    missing: list[str]
    left: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def closed(self, host: Host, allowed: Sequence[Mapping[str, Any]]) -> list[str]:
        """Return what listens for others and is not among what the firewall lets through."""
        if not self.parts.get("firewall"):
            return []
        shut = [
            entry
            for entry in host.listeners
            if not (entry.protocol == "tcp" and entry.port in host.ssh_ports)
            and (entry.protocol, entry.port) not in _OWN_QUESTIONS
            and not any(_lets_through(opening, entry) for opening in allowed)
        ]
        # A client's sockets, as of a program that asks for names, have no lasting port.
        lasting = [entry for entry in shut if entry.protocol == "tcp" or entry.port < 32768]
        return [
            f"{entry.port}/{entry.protocol}" + (f" ({entry.program})" if entry.program else "") for entry in lasting
        ]


def _lets_through(opening: Mapping[str, Any], entry: Listener) -> bool:
    first, _, last = str(opening["port"]).partition("-")
    return opening["protocol"] == entry.protocol and int(first) <= entry.port <= int(last or first)


def decide(wanted: Mapping[str, bool], host: Host, beside_others: bool = False) -> Decision:
    """Choose the parts; what is left out has its reason."""
    left: dict[str, str] = {}
    warnings = []
    for part, what in _OF_THE_HOST.items():
        if host.container:
            left[part] = f"{what}: a container ({host.container}) has what its own host has"
    if host.obstacle:
        reason = f"root lacks {host.obstacle} here, as in a container that was not given it"
        left["firewall"] = f"firewall: {reason}"
        left["ssh_guard"] = f"ssh guard: {reason}"
        if wanted.get("firewall"):
            warnings.append(
                f"baseline_firewall: nothing is loaded, {reason}; give it that, filter on its host, "
                "or set baseline_firewall: false"
            )
    elif host.others and not host.loaded and not beside_others:
        names = "; ".join(host.others)
        left["firewall"] = f"firewall: {names} is at work"
        if wanted.get("firewall"):
            warnings.append(
                f"baseline_firewall: nothing is loaded, since another firewall is at work here ({names}); see that it "
                "lets nginx's ports through and set baseline_firewall: false, or take it away, or set "
                "baseline_firewall_beside_others: true, so that a packet has to pass both"
            )
    if not host.has_sshd:
        left["ssh_guard"] = "ssh guard: there is no sshd"
        left["sshd"] = "sshd: there is none"
    if host.clock:
        left["time"] = f"time: {host.clock} keeps it"
    parts = {part: bool(on) and part not in left for part, on in wanted.items()}
    needed = sorted({package for part, on in parts.items() if on for package in PACKAGES.get(part, ())})
    return Decision(
        parts=parts,
        missing=[package for package in needed if package not in host.packages],
        left=[why for part, why in left.items() if wanted.get(part)],
        warnings=warnings,
    )
