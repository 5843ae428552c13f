"""Variables of the role baseline: which are refused, and what the firewall lets through."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.filter.firewall_openings import firewall_openings
from ansible_collections.emperor.flask.plugins.plugin_utils.baseline import (
    BaselineError,
    check,
    openings,
    spec,
    warnings,
)
from ansible_collections.emperor.flask.tests.support.apps import complete, minimal
from ansible_collections.emperor.flask.tests.support.rendering import role_variables

DEFAULTS = role_variables("baseline")
PORT = "is no port from 1 to 65535, and no range of them; try 9090 or 8000-8010"
NETWORK = "is no address and no network; try 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32"
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"baseline_firewall_allow": [{"port": "0"}]}, f"baseline_firewall_allow[0].port: '0' {PORT}"),
    ({"baseline_firewall_allow": [{"port": "65536"}]}, f"baseline_firewall_allow[0].port: '65536' {PORT}"),
    ({"baseline_firewall_allow": [{"port": "http"}]}, f"baseline_firewall_allow[0].port: 'http' {PORT}"),
    ({"baseline_firewall_allow": [{"port": "1 accept; #"}]}, f"baseline_firewall_allow[0].port: '1 accept; #' {PORT}"),
    (
        {"baseline_firewall_allow": [{"port": "22"}, {"port": "90-80"}]},
        "baseline_firewall_allow[1].port: '90-80' ends before it begins; try 80-90",
    ),
    (
        {"baseline_firewall_ssh_from": ["10.0.0.1/8"]},
        "baseline_firewall_ssh_from[0]: '10.0.0.1/8' has bits behind its prefix; try 10.0.0.0/8, or 10.0.0.1 alone",
    ),
    (
        {"baseline_firewall_allow": [{"port": "80", "from": ["0.0.0.0/0"]}]},
        "baseline_firewall_allow[0].from[0]: '0.0.0.0/0' is everybody; leave it out",
    ),
    ({"baseline_firewall_ssh_from": ["office"]}, f"baseline_firewall_ssh_from[0]: 'office' {NETWORK}"),
    ({"baseline_ssh_guard_ignore": ["10.0.0"]}, f"baseline_ssh_guard_ignore[0]: '10.0.0' {NETWORK}"),
    (
        {"baseline_firewall_trusted_interfaces": ['wg0" accept']},
        "baseline_firewall_trusted_interfaces[0]: 'wg0\" accept' is not the name of an interface; try wg0",
    ),
    (
        {"baseline_time_servers": ["a b"]},
        "baseline_time_servers[0]: 'a b' is not the name or address of a server; try ntp.example.org",
    ),
    (
        {"baseline_upgrades_reboot_time": "12600"},
        "baseline_upgrades_reboot_time: '12600' is not a time of day; try 03:30, in quotes",
    ),
    ({"baseline_ssh_guard_ban_time": "an hour"}, "baseline_ssh_guard_ban_time: 'an hour' is not a time; try 1h"),
    ({"baseline_journal_max_use": "2GB"}, "baseline_journal_max_use: '2GB' is not a size; try 2g"),
    ({"baseline_journal_max_use": "0"}, "baseline_journal_max_use: '0' is not a size; try 2g"),
    ({"baseline_journal_max_age": "x"}, "baseline_journal_max_age: 'x' is not a time; try 90d, or 0 for none"),
    ({"baseline_swap": "2"}, "baseline_swap: '2' is not a size; try 2g, or 0 for none"),
    ({"baseline_ssh_guard_attempts": 1}, "baseline_ssh_guard_attempts: 1 is not from 2 to 100; take one that is"),
    (
        {"baseline_sysctl_values": {"somaxconn": 1}},
        "baseline_sysctl_values: 'somaxconn' is no setting of the kernel; try net.core.somaxconn",
    ),
    (
        {"baseline_sysctl_values": {"vm.swappiness": "1\nkernel.x = 2"}},
        "baseline_sysctl_values.vm.swappiness: '1\\nkernel.x = 2' is no value; try a number, or nothing",
    ),
]


def mistakes(**variables: Any) -> list[str]:
    try:
        check({**DEFAULTS, **variables})
    except BaselineError as error:
        return str(error).splitlines()
    return []


def test_the_defaults_are_right() -> None:
    assert mistakes() == []


@pytest.mark.parametrize(("variables", "message"), REFUSED, ids=[message[:50] for _, message in REFUSED])
def test_refused(variables: dict[str, Any], message: str) -> None:
    assert mistakes(**variables) == ["1 mistake in the variables of the role baseline; no host was changed.", message]


def test_all_mistakes_come_at_once() -> None:
    found = mistakes(baseline_swap="x", baseline_firewall_allow=[{"port": "0"}, {"port": "x"}])
    assert found[0] == "3 mistakes in the variables of the role baseline; no host was changed."
    assert len(found) == 4


@pytest.mark.parametrize(
    ("variables", "part"),
    [
        ({"baseline_firewall_allow": [{"protocol": "tcp"}]}, "port found in baseline_firewall_allow"),
        ({"baseline_firewall_allow": [{"port": 80, "protocol": "icmp"}]}, "must be one of: tcp, udp, got: icmp"),
        ({"baseline_firewall_allow": [{"port": 80, "form": []}]}, "baseline_firewall_allow.form"),
        ({"baseline_firewall": "perhaps"}, "'baseline_firewall'"),
    ],
)
def test_what_the_argument_spec_refuses_is_refused_before_a_host_is_touched(
    variables: dict[str, Any], part: str
) -> None:
    head, *found = mistakes(**variables)
    assert head.endswith("no host was changed.")
    assert part in "\n".join(found)


@pytest.mark.parametrize(
    "variables",
    [
        {"baseline_firewall_allow": [{"port": 9090}, {"port": "1-65535", "protocol": "udp", "from": ["2001:db8::1"]}]},
        {"baseline_firewall_trusted_interfaces": ["podman*", "br-1a2b.3"]},
        {"baseline_swap": "512m", "baseline_journal_max_age": "0", "baseline_journal_rate": 0},
        {"baseline_sysctl_values": {"vm.swappiness": 10, "kernel.kptr_restrict": None, "net.ipv4.tcp_rmem": "1 2 3"}},
        {"baseline_time_servers": ["0.debian.pool.ntp.org", "2001:db8::123", "192.0.2.1"]},
    ],
)
def test_accepted(variables: dict[str, Any]) -> None:
    assert mistakes(**variables) == []


def public(**listen: str) -> dict[str, Any]:
    return complete(minimal(listen={**listen, "public": True}))


def summary(found: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    return [(entry["port"], entry["protocol"], entry["to"], entry["why"]) for entry in found]


def test_networks_come_apart_and_none_lies_in_another() -> None:
    [found] = openings([{"port": 80, "from": ["192.0.2.128/25", "192.0.2.0/24", "2001:db8::1", "2001:db8::/32"]}])
    assert (found["from4"], found["from6"]) == (["192.0.2.0/24"], ["2001:db8::/32"])


def test_what_an_app_has_made_public_is_open_at_its_address() -> None:
    apps = [public(http="192.0.2.1:9090"), public(http="0.0.0.0:9091")]
    assert summary(openings([], apps)) == [("9090", "tcp", "192.0.2.1", "app shop"), ("9091", "tcp", "", "app shop")]


def test_an_address_of_the_host_alone_needs_no_opening() -> None:
    assert openings([], [complete(minimal(listen={"http": "127.0.0.1:9090"}))]) == []


def test_an_opening_of_the_same_port_decides_over_the_apps() -> None:
    found = openings([{"port": "9000-9100", "from": ["192.0.2.0/24"]}], [public(http="0.0.0.0:9090")])
    assert summary(found) == [("9000-9100", "tcp", "", "baseline_firewall_allow[0]")]
    assert len(openings([{"port": 9090, "protocol": "udp"}], [public(http="0.0.0.0:9090")])) == 2


def test_what_runs_code_or_shows_cookies_is_never_opened_by_itself() -> None:
    apps = [public(uwsgi="0.0.0.0:3031", stats="0.0.0.0:9191")]
    assert openings([], apps) == []
    first, second = warnings([], apps)
    assert first == (
        "app shop: the firewall keeps port 3031 (uwsgi) closed, since whoever reaches it can run any code as the app; "
        "say who may: baseline_firewall_allow: [{port: 3031, protocol: tcp, from: [192.0.2.0/24]}]"
    )
    assert "port 9191 (stats) closed, since whoever reaches it sees cookies" in second
    named = [{"port": 3031, "from": ["192.0.2.7"]}, {"port": 9191}]
    assert warnings(named, apps) == []
    assert [entry["port"] for entry in openings(named, apps)] == ["3031", "9191"]


def test_ssh_comes_first_and_from_its_networks_alone() -> None:
    found = firewall_openings([], [], [{"port": 80, "protocol": "tcp"}], [22, 2222], ["192.0.2.0/24"])
    assert [(entry["port"], entry["from4"], entry["why"]) for entry in found] == [
        ("22", ["192.0.2.0/24"], "ssh"),
        ("2222", ["192.0.2.0/24"], "ssh"),
        ("80", [], "nginx"),
    ]


def test_every_variable_of_the_role_is_known() -> None:
    assert {name for name in DEFAULTS if not name.startswith("__")} == set(spec())
