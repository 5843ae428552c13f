"""A stranger, an operator with a key, and somebody who listens."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from doors import (
    DOORS,
    IMAGE,
    NETWORK,
    OPEN,
    SHUT,
    UDP_OPEN,
    UDP_SHUT,
    Operator,
    Stranger,
    address_of,
    podman,
)
from inside import wait_for_listener


@pytest.fixture(scope="session")
def stranger() -> Iterator[Stranger]:
    name = "emperor-flask-baseline-stranger"
    runtime = [] if Path("/sys/fs/cgroup/cgroup.controllers").exists() else ["--runtime=runc"]
    podman("rm", "--force", "--time", "0", "--ignore", name)
    limits = ["--ulimit", "nofile=1024:20000", "--ulimit", "nproc=1000:1000"]
    podman(*runtime, "run", "--detach", "--name", name, "--network", NETWORK, *limits, IMAGE, "sleep", "infinity")
    podman("exec", name, "apt-get", "update", "-q")
    podman("exec", name, "apt-get", "install", "-qy", "--no-install-recommends", "openssh-client")
    yield Stranger(name)
    podman("rm", "--force", "--time", "0", name)


@pytest.fixture(scope="session")
def key() -> Iterator[Path]:
    """A key pair, where the path of a control socket beside it is short enough."""
    made = Path(f"/tmp/ef-{uuid.uuid4().hex[:6]}")
    made.mkdir(mode=0o700)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(made / "key")], check=True)
    yield made / "key"
    shutil.rmtree(made)


@pytest.fixture
def name(host: Any) -> str:
    return str(host.backend.get_hostname())


@pytest.fixture
def address(name: str) -> str:
    return address_of(name)


@pytest.fixture
def operator(host: Any, inventory: Path, name: str, key: Path) -> Operator:
    """Let the operator in by key, as a server would."""
    public = key.with_suffix(".pub").read_text().strip()
    host.check_output(
        "id deploy >/dev/null 2>&1 || useradd --create-home --shell /bin/bash deploy; "
        "echo 'deploy ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/deploy; "
        "install -d -o deploy -g deploy -m 0700 /home/deploy/.ssh; "
        "echo %s >/home/deploy/.ssh/authorized_keys; systemctl start ssh",
        public,
    )
    return Operator(inventory, name, key, host.check_output("cat /etc/ssh/ssh_host_*_key.pub"))


@pytest.fixture
def doors(host: Any) -> Iterator[None]:
    """Somebody listens, at ports that shall be reached and at others."""
    words = [*(f"tcp:{port}" for port in (*OPEN, *SHUT)), *(f"udp:{port}" for port in (*UDP_OPEN, *UDP_SHUT))]
    host.run("systemctl stop doors")
    host.check_output("systemd-run --quiet --collect --unit=doors python3 -c %s " + " ".join(words), DOORS)
    for port in (*OPEN, *SHUT):
        wait_for_listener(host, port)
    yield
    host.run("systemctl stop doors")
