"""Which parts a host gets, and what a person is told of the others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.emperor.flask.plugins.module_utils.baseline import Host, decide
from ansible_collections.emperor.flask.plugins.module_utils.listeners import Listener

PARTS = ("firewall", "upgrades", "ssh_guard", "time", "journal", "sysctl", "swap", "sshd")
ALL = dict.fromkeys(PARTS, True)
SERVER = Host(has_sshd=True, ssh_ports=[22])


def got(host: Host, beside_others: bool = False) -> set[str]:
    return {part for part, on in decide(ALL, host, beside_others).parts.items() if on}


def test_a_server_gets_all() -> None:
    found = decide(ALL, SERVER)
    assert found.parts == ALL
    assert found.missing == ["fail2ban", "nftables", "python3-systemd", "systemd-timesyncd", "unattended-upgrades"]
    assert found.left == found.warnings == []


def test_what_is_installed_is_not_asked_for() -> None:
    host = replace(SERVER, packages=frozenset({"nftables", "fail2ban", "python3-systemd"}))
    assert decide({"firewall": True, "ssh_guard": True}, host).missing == []
    assert decide({"firewall": False, "upgrades": True}, host).missing == ["unattended-upgrades"]


def test_what_is_not_wanted_is_not_there_and_needs_no_reason() -> None:
    found = decide(dict.fromkeys(PARTS, False), replace(SERVER, container="podman", obstacle="CAP_NET_ADMIN"))
    assert not any(found.parts.values())
    assert (found.missing, found.left, found.warnings) == ([], [], [])


def test_a_container_has_what_its_host_has() -> None:
    assert set(PARTS) - got(replace(SERVER, container="podman")) == {"sysctl", "time", "swap"}


def test_without_the_right_to_filter_nothing_is_loaded_and_somebody_is_told() -> None:
    found = decide(ALL, replace(SERVER, obstacle="CAP_NET_ADMIN"))
    assert {part for part, on in found.parts.items() if not on} == {"firewall", "ssh_guard"}
    assert found.missing == ["systemd-timesyncd", "unattended-upgrades"]
    [warning] = found.warnings
    assert warning.startswith("baseline_firewall: nothing is loaded, root lacks CAP_NET_ADMIN here")


@pytest.mark.parametrize("other", ["ufw", "table inet filter, chain input"])
def test_a_firewall_of_somebody_else_is_left_alone(other: str) -> None:
    host = replace(SERVER, others=[other])
    assert set(PARTS) - got(host) == {"firewall"}
    [warning] = decide(ALL, host).warnings
    assert f"another firewall is at work here ({other})" in warning
    assert "baseline_firewall_beside_others: true" in warning


def test_two_firewalls_stand_beside_each_other_where_that_is_wanted_or_is_so() -> None:
    host = replace(SERVER, others=["ufw"])
    assert "firewall" in got(host, beside_others=True)
    assert "firewall" in got(replace(host, loaded=True))


def test_there_is_no_guard_without_sshd() -> None:
    assert set(PARTS) - got(replace(SERVER, has_sshd=False)) == {"ssh_guard", "sshd"}


def test_a_clock_that_somebody_has_chosen_goes_on() -> None:
    found = decide(ALL, replace(SERVER, clock="chrony"))
    assert not found.parts["time"]
    assert found.left == ["time: chrony keeps it"]


LISTENERS = [
    Listener(22, "tcp", "sshd"),
    Listener(22, "udp", "odd"),
    Listener(80, "tcp", "nginx"),
    Listener(68, "udp", "systemd-network"),
    Listener(5432, "tcp", "postgres"),
    Listener(8005, "tcp", ""),
    Listener(40000, "udp", "resolver"),
    Listener(40000, "tcp", "game"),
]


def test_what_would_be_closed_is_named() -> None:
    host = replace(SERVER, listeners=LISTENERS)
    allowed = [{"port": "80", "protocol": "tcp"}, {"port": "8000-8010", "protocol": "tcp"}]
    found = decide(ALL, host)
    assert found.closed(host, allowed) == ["22/udp (odd)", "5432/tcp (postgres)", "40000/tcp (game)"]
    assert "8005/tcp" in found.closed(host, [])
    assert decide({**ALL, "firewall": False}, host).closed(host, []) == []
