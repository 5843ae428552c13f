"""The ssh connection that a run has come by, and whom it must not lock out."""

from __future__ import annotations

import getpass
import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import ssh_session
from ansible_collections.emperor.flask.plugins.module_utils.ssh_session import Session, lock_out, sshd_ports
from ansible_collections.emperor.flask.tests.support.apps import COLLECTION

HERE = Session("192.0.2.7", 50022, 2222, "deploy")
LOOK = (
    "from ansible_collections.emperor.flask.plugins.module_utils.ssh_session import session\n"
    "found = session()\n"
    "print(found and (found.client, found.client_port, found.port, found.user))"
)


def child(variable: str) -> str:
    """Return what a process sees whose grandparent has the variable, and it has not, as below sudo."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(COLLECTION / ".collections")}
    middle = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {LOOK!r}], env={environment!r})"
    above = {**environment, "SSH_CONNECTION": variable}
    return subprocess.run([sys.executable, "-c", middle], env=above, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize(
    ("variable", "client"),
    [
        ("192.0.2.7 50022 198.51.100.1 2222", "192.0.2.7"),
        ("::ffff:192.0.2.7 50022 ::ffff:198.51.100.1 2222", "192.0.2.7"),
        ("fe80::1%eth0 50022 fe80::2%eth0 2222", "fe80::1"),
    ],
)
def test_the_connection_is_found_although_sudo_has_taken_it_away(variable: str, client: str) -> None:
    assert child(variable) == str((client, 50022, 2222, getpass.getuser()))


def test_a_forged_variable_is_none() -> None:
    assert "nonsense" not in child("nonsense 1; rm 2 3")


def test_all_ports_are_found() -> None:
    settings = {"port": ["22"], "listenaddress": ["0.0.0.0:22", "[::]:2022"]}
    assert sshd_ports(settings, [8022], HERE) == [22, 2022, 2222, 8022]
    assert sshd_ports({}, [], None) == [22]


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    me = pwd.getpwuid(os.getuid())
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    account = pwd.struct_passwd((me.pw_name, "x", me.pw_uid, me.pw_gid, "", str(home), "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwnam", lambda _name: account)
    return home


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ssh-ed25519 AAAAC3Nz me@laptop\n", True),
        ('# mine\nfrom="192.0.2.0/24" sk-ssh-ed25519@openssh.com AAAAGnNr me\n', True),
        ("ecdsa-sha2-nistp256 AAAAE2Vj\n", True),
        ("# ssh keys go here\n\n", False),
        ("", False),
    ],
)
def test_a_key_counts_and_a_comment_does_not(account: Path, text: str, found: bool) -> None:
    (account / ".ssh/authorized_keys").write_text(text)
    assert ssh_session.has_key("deploy", {}) is found


def test_keys_are_looked_for_where_sshd_does(account: Path, tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/deploy").write_text("ssh-ed25519 AAAAC3Nz\n")
    assert ssh_session.has_key("deploy", {"authorizedkeysfile": [f".ssh/none {tmp_path}/keys/%u"]})
    assert not ssh_session.has_key("deploy", {"authorizedkeysfile": [".ssh/none"]})
    assert ssh_session.has_key("deploy", {"trustedusercakeys": ["/etc/ssh/ca.pub"]})
    assert not ssh_session.has_key("deploy", {"trustedusercakeys": ["none"], "authorizedkeyscommand": ["none"]})


@pytest.mark.parametrize(
    ("here", "way", "keyed", "by_password", "part"),
    [
        (HERE, "publickey", ["deploy"], False, ""),
        (HERE, "password", ["deploy"], False, "this very connection came by a password"),
        (HERE, "keyboard-interactive", ["deploy"], False, "this very connection came by a password"),
        (HERE, "publickey", ["deploy"], True, "this very connection came by a password"),
        (HERE, "", [], False, "user deploy, whom this connection belongs to, has no key"),
        (HERE, "", ["deploy"], False, "the journal does not tell how user deploy was let in from 192.0.2.7"),
        (None, "", ["root"], False, ""),
        (None, "", [], False, "no user of this host has a key"),
    ],
)
def test_passwords_stay_unless_somebody_is_known_to_get_in_without(
    here: Session | None, way: str, keyed: list[str], by_password: bool, part: str
) -> None:
    why = lock_out(here, way, keyed, by_password)
    assert why.startswith(part) if part else why == ""
    assert not why or "baseline_sshd_password_login: true" in why


def test_an_address_is_within_its_networks() -> None:
    assert ssh_session.is_within("192.0.2.7", ["2001:db8::/32", "192.0.2.0/24"])
    assert not ssh_session.is_within("192.0.3.7", ["2001:db8::/32", "192.0.2.0/24"])
