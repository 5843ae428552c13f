"""The look at a host before the baseline changes it."""

from __future__ import annotations

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import firewall, ssh_session
from ansible_collections.emperor.flask.plugins.module_utils.listeners import Listener
from ansible_collections.emperor.flask.plugins.modules import baseline_info


@pytest.mark.parametrize(("by_root", "ports"), [(True, [22, 2222]), (False, [22])])
def test_who_calls_his_process_sshd_opens_no_port(
    monkeypatch: pytest.MonkeyPatch, by_root: bool, ports: list[int]
) -> None:
    monkeypatch.setattr(ssh_session, "sshd_settings", lambda: {"port": ["22"]})
    monkeypatch.setattr(ssh_session, "socket_ports", list)
    monkeypatch.setattr(firewall, "loaded_rules", str)
    monkeypatch.setattr(baseline_info, "listeners", lambda: [Listener(2222, "tcp", "sshd", by_root)])
    monkeypatch.setattr(baseline_info, "_installed", frozenset)
    here = ssh_session.Session("192.0.2.7", 50022, 22, "deploy")
    assert baseline_info.look({}, here).ssh_ports == ports
