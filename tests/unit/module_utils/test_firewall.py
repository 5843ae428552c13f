"""Our table of nftables, and the firewalls of others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import firewall

OURS = {"chain": {"family": "inet", "table": "emperor_flask", "name": "input", "type": "filter", "hook": "input"}}
ACCEPT = {"match": {"op": "==", "left": {"payload": {"field": "dport"}}, "right": 22}}


def chain(policy: str = "accept", **more: str) -> dict[str, Any]:
    base = {"family": "ip", "table": "filter", "name": "INPUT", "type": "filter", "hook": "input", "policy": policy}
    return {"chain": {**base, **more}}


def found(chains: Sequence[dict[str, Any]], *rules: list[dict[str, Any]]) -> list[str]:
    listed = [{"metainfo": {}}, *({"rule": {"expr": rule}} for rule in rules)]
    return firewall.denying_chains([{"metainfo": {}}, *chains], lambda _names: listed)


@pytest.mark.parametrize(
    ("status", "missing"),
    [
        ("000001ffffffffff", ""),
        ("00000000a80425fb", "CAP_NET_ADMIN and CAP_SYS_ADMIN"),
        ("0000000000201000", ""),
        ("0000000000001000", "CAP_SYS_ADMIN"),
    ],
)
def test_what_root_may_not_do_is_named(tmp_path: Path, status: str, missing: str) -> None:
    (tmp_path / "status").write_text(f"Name:\tpython3\nCapPrm:\tffffffffffffffff\nCapEff:\t{status}\n")
    assert firewall.obstacle(tmp_path / "status") == missing


def test_a_chain_that_drops_what_it_does_not_know_is_a_firewall() -> None:
    assert found([chain("drop")]) == ["table ip filter, chain INPUT"]


@pytest.mark.parametrize("end", [[{"drop": None}], [{"counter": {}}, {"reject": {}}], [{"log": {}}, {"drop": None}]])
def test_so_is_one_whose_rules_do(end: list[dict[str, Any]]) -> None:
    assert found([chain()], [ACCEPT, {"accept": None}], end) == ["table ip filter, chain INPUT"]


def test_a_list_of_bans_is_none() -> None:
    assert found([chain(table="f2b-table")], [ACCEPT, {"reject": {}}], [{"jump": {"target": "x"}}]) == []


def test_nor_is_what_only_forwards_or_is_ours() -> None:
    assert found([chain("drop", hook="forward"), chain("drop", type="nat"), OURS], [{"drop": None}]) == []


@pytest.mark.parametrize(
    ("lines", "denies"),
    [
        (["-P INPUT DROP"], True),
        (["-P INPUT ACCEPT", "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT", "-A INPUT -j DROP"], True),
        (["-P INPUT ACCEPT", "-A INPUT -j REJECT --reject-with icmp-port-unreachable"], True),
        (["-P INPUT ACCEPT", "-A INPUT -s 192.0.2.7/32 -j DROP", "-A INPUT -j ts-input"], False),
        ([], False),
    ],
)
def test_rules_of_iptables_are_read_too(lines: list[str], denies: bool) -> None:
    assert firewall.denies(lines) is denies


@pytest.mark.parametrize(("enabled", "names"), [("yes", ["ufw"]), ("no", [])])
def test_ufw_counts_when_it_is_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, enabled: str, names: list[str]
) -> None:
    (tmp_path / "ufw.conf").write_text(f"# enable\nENABLED={enabled}\n")
    (tmp_path / "systemctl").write_text("#!/bin/sh\necho inactive\n")
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(firewall, "UFW", tmp_path / "ufw.conf")
    monkeypatch.setattr(firewall, "LEGACY_TABLES", tmp_path / "none")
    assert firewall.others() == names
