"""A host with more doors than it should have, a stranger who tries them, and an operator who comes by ssh."""

from __future__ import annotations

import json
import subprocess
import uuid
from pathlib import Path
from typing import Any

from playbooks import Playbook, Run, play

NETWORK = "emperor-flask"
IMAGE = "localhost/emperor-flask/host:debian-13"
# Ports at which something listens. 9090 is in the inventory, the two others are not.
OPEN, SHUT = (80, 443, 9090), (5432, 9091)
UDP_OPEN, UDP_SHUT = (443,), (5353, 9090)
DOORS = """
import selectors, socket, sys
chosen = selectors.DefaultSelector()
for word in sys.argv[1:]:
    kind, port = word.split(":")
    made = socket.socket(socket.AF_INET6, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("::", int(port)))
    if kind == "tcp":
        made.listen()
    chosen.register(made, selectors.EVENT_READ, kind)
while True:
    for key, _ in chosen.select():
        if key.data == "tcp":
            key.fileobj.accept()[0].close()
        else:
            data, peer = key.fileobj.recvfrom(100)
            key.fileobj.sendto(data, peer)
"""
# Prints what became of each door: open, refused, or silent.
_KNOCK = """
import json, socket, sys
address, *words = sys.argv[1:]
found = {}
for word in words:
    kind, port = word.split(":")
    target = socket.getaddrinfo(address, int(port), type=socket.SOCK_STREAM)[0][4]
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
    made.settimeout(1)
    try:
        made.connect(target)
        if kind == "udp":
            made.send(b"x")
            made.recv(10)
        found[word] = "open"
    except ConnectionError:
        found[word] = "refused"
    except OSError:
        found[word] = "silent"
print(json.dumps(found))
"""


def podman(*command: str, check: bool = True) -> str:
    done = subprocess.run(["podman", *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0 or not check, f"podman {' '.join(command)}: {done.stderr}{done.stdout}"
    return done.stdout.strip()


class Stranger:
    """Another machine of the same network."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def address(self) -> str:
        return address_of(self.name)

    def knock(self, address: str, *doors: str) -> dict[str, str]:
        return json.loads(podman("exec", self.name, "python3", "-c", _KNOCK, address, *doors))

    def run(self, *command: str) -> str:
        return podman("exec", self.name, *command, check=False)


class Operator:
    """Somebody who provisions one host, from the controller or over ssh."""

    def __init__(self, inventory: Path, host: str, key: Path, host_keys: str) -> None:
        self.inventory, self.host, self.key = inventory, host, key
        self.known = key.with_name(f"known-{host}")
        self.known.write_text("".join(f"{host} {line}\n" for line in host_keys.splitlines()), encoding="utf-8")

    def play(self, *options: str, **variables: Any) -> Run:
        return play(self.inventory, "site", self.host, "--tags", "baseline", *options, *extra(variables))

    def by_ssh(self, port: int = 22, **variables: Any) -> Run:
        return self.start_by_ssh(port, **variables).wait()

    def start_by_ssh(self, port: int = 22, **variables: Any) -> Playbook:
        # By its name, which no port changes.
        known = f"-o UserKnownHostsFile={self.known} -o HostKeyAlias={self.host} -o ConnectTimeout=5"
        # A connection of its own for each run, as that of another day.
        mine = f"{known} -o ControlPath={self.key.parent}/{uuid.uuid4().hex[:8]}"
        ssh = {
            "ansible_connection": "ssh",
            "ansible_host": address_of(self.host),
            "ansible_port": port,
            "ansible_user": "deploy",
            "ansible_ssh_private_key_file": str(self.key),
            "ansible_ssh_common_args": mine,
        }
        return Playbook(self.inventory, "site", self.host, "--tags", "baseline", *extra({**ssh, **variables}))


def extra(variables: dict[str, Any]) -> tuple[str, ...]:
    return ("--extra-vars", json.dumps(variables)) if variables else ()


def address_of(name: str) -> str:
    return podman("inspect", "--format", f'{{{{(index .NetworkSettings.Networks "{NETWORK}").IPAddress}}}}', name)
