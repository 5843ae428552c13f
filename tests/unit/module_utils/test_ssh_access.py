"""A deploy key that ends with the process that has it."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.emperor.flask.plugins.module_utils.ssh_access import HOST_ACCESS, SshAccess, ssh_access

KEY = "-----BEGIN KEY-----\nline\n-----END KEY-----\n"


def option(access: SshAccess, name: str) -> str | None:
    words = shlex.split(access.command)
    found = [word.partition("=")[2] for word in words if word.startswith(f"{name}=")]
    return found[0] if found else None


def test_nothing_given_leaves_it_to_the_host() -> None:
    with ssh_access(None) as access:
        assert access == HOST_ACCESS
        assert "-i" not in shlex.split(access.command)
        assert option(access, "UserKnownHostsFile") is None


def test_children_can_read_the_key_and_nobody_else() -> None:
    with ssh_access(KEY, ["a.test ssh-ed25519 AAAA"]) as access:
        words = shlex.split(access.command)
        file = words[words.index("-i") + 1]
        assert subprocess.run(["cat", file], capture_output=True, text=True, check=True).stdout == KEY
        assert Path(file).stat().st_mode & 0o777 == 0o600
        assert Path(option(access, "UserKnownHostsFile") or "").read_text() == "a.test ssh-ed25519 AAAA\n"
        assert option(access, "StrictHostKeyChecking") == "yes"
        assert option(access, "IdentitiesOnly") == "yes"
        assert "line" not in access.command
    assert not Path(file).exists()


def test_known_hosts_alone_are_strict_too() -> None:
    with ssh_access(None, ["a.test ssh-ed25519 AAAA"]) as access:
        assert option(access, "StrictHostKeyChecking") == "yes"
        assert option(access, "GlobalKnownHostsFile") == "/dev/null"
        assert "-i" not in shlex.split(access.command)


def test_an_error_closes_it_too() -> None:
    with pytest.raises(ValueError, match="x"), ssh_access(KEY) as access:
        raise ValueError("x")
    assert not Path(shlex.split(access.command)[-5]).exists()


def test_ssh_takes_a_key_from_there(tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    with ssh_access((tmp_path / "key").read_text()) as access:
        words = shlex.split(access.command)
        shown = subprocess.run(
            ["ssh-keygen", "-y", "-f", words[words.index("-i") + 1]], capture_output=True, text=True, check=True
        )
    assert shown.stdout.split()[:2] == (tmp_path / "key.pub").read_text().split()[:2]


def test_a_killed_process_takes_it_along() -> None:
    program = (
        "import time\nfrom ansible_collections.emperor.flask.plugins.module_utils.ssh_access import ssh_access\n"
        "with ssh_access('canary') as access:\n    print(access.command, flush=True)\n    time.sleep(60)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        words = shlex.split(process.stdout.readline())
        file = Path(words[words.index("-i") + 1])
        assert file.read_text() == "canary"
        assert b"canary" not in Path(f"/proc/{process.pid}/environ").read_bytes()
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not file.exists()
