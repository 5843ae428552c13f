"""Test hosts as they are seen from the controller: their address, their apps, their power switch."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from inside import run_inside
from visitor import Answer

T = TypeVar("T")

# Prints all that says which release of each app runs, and what a deploy must not leave behind.
_LOOK = r"""
import contextlib, json, os, subprocess, sys
from pathlib import Path
def mine(app, folder):
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    return [name for name in names if name.split(".")[0] == app]
def present(names, look):
    # A vassal that is being retired may be gone from one moment to the next.
    found = {}
    for name in names:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found[name] = look(name)
    return found
def look(app):
    root, sockets = Path("/srv/apps", app), "/run/flask-emperor/sockets"
    pids = subprocess.run(["pgrep", "--euid", f"app-{app}"], capture_output=True, text=True).stdout.split()
    history = root / "history.jsonl"
    return {
        "current": os.path.basename(os.readlink(root / "current")) if (root / "current").is_symlink() else None,
        "vassals": mine(app, "/etc/flask-emperor/vassals"),
        "sockets": present(mine(app, sockets), lambda name: os.lstat(f"{sockets}/{name}").st_ino),
        "leftovers": sorted(map(str, [*root.rglob("*.tmp"), *Path("/etc/flask-emperor/vassals").glob(f".{app}.*")])),
        "processes": present(pids, lambda pid: Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[19]),
        "history": [json.loads(line) for line in history.read_text().splitlines()] if history.exists() else [],
    }
print(json.dumps({app: look(app) for app in sys.argv[1:]}))
"""


@dataclass(frozen=True)
class Condition:
    """What a host has of an app; sockets with their inodes, processes with the times of their start."""

    current: str | None
    vassals: list[str]
    sockets: dict[str, int]
    leftovers: list[str]
    processes: dict[str, str]
    history: list[dict[str, Any]]


class Outside:
    """A container host, from outside of it."""

    def __init__(self, name: str) -> None:
        self.name = name
        published = _podman("port", name, "80").splitlines()[0]
        self.address = f"http://{published}"

    def run(self, *command: str) -> str:
        """Run a command inside; it must succeed."""
        said = run_inside(self.name, *command)
        assert said.code == 0, f"{self.name}: {' '.join(command)}: {said.err.decode()}{said.out.decode()}"
        return said.out.decode()

    def condition(self, app: str) -> Condition:
        return self.conditions(app)[app]

    def conditions(self, *apps: str) -> dict[str, Condition]:
        """Look at several apps at once."""
        found = json.loads(self.run("python3", "-c", _LOOK, *apps))
        return {app: Condition(**condition) for app, condition in found.items()}

    def get(self, app: str, path: str = "/") -> Answer:
        """Ask an app."""
        connection = http.client.HTTPConnection(self.address.removeprefix("http://"), timeout=30)
        try:
            connection.request("GET", path, headers={"Host": f"{app}.localhost", "Connection": "close"})
            answer = connection.getresponse()
            return Answer(answer.status, answer.getheaders(), answer.read())
        finally:
            connection.close()

    def takes(self, app: str, size: int) -> bool:
        """Tell whether nginx would take a body of so many bytes; none is sent."""
        name, _, port = self.address.removeprefix("http://").partition(":")
        with socket.create_connection((name, int(port)), timeout=10) as connection:
            head = f"POST / HTTP/1.1\r\nHost: {app}.localhost\r\nContent-Length: {size}\r\nExpect: 100-continue\r\n\r\n"
            connection.sendall(head.encode())
            status = connection.recv(4096).split(b" ")[1]
        assert status in (b"100", b"413"), status
        return status == b"100"

    def cut_power(self) -> tuple[float, float]:
        """Take away the host from one moment to the next, and start it again; return when each was done."""
        off = time.time()
        _podman("kill", "--signal", "KILL", self.name)
        # It is dead at once; podman may not know yet, and would not start what it takes for running.
        _podman("wait", "--interval", "50ms", self.name)
        on = time.time()
        _podman("start", self.name)
        self.wait("systemctl is-system-running | grep -Eq 'running|degraded'", 60)
        return off, on

    def wait(self, condition: str, timeout: float) -> None:
        """Wait until a shell command succeeds inside."""
        deadline = time.monotonic() + timeout
        while run_inside(self.name, "sh", "-c", condition).code:
            assert time.monotonic() < deadline, f"{self.name}: not within {timeout:.0f} s: {condition}"
            time.sleep(0.1)


def on_each(hosts: Sequence[str], action: Callable[[str], T]) -> dict[str, T]:
    """Do the same with every host, side by side; report every host's failure."""
    with ThreadPoolExecutor(max_workers=len(hosts)) as pool:
        pending = {host: pool.submit(action, host) for host in hosts}
    failed = {host: error for host, job in pending.items() if (error := job.exception())}
    if len(failed) > 1:
        raise AssertionError("\n".join(f"{host}: {error}" for host, error in failed.items())) from next(
            iter(failed.values())
        )
    for error in failed.values():
        raise error
    return {host: job.result() for host, job in pending.items()}


def _podman(*command: str) -> str:
    done = subprocess.run(["podman", *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"podman {' '.join(command)}: {done.stderr}{done.stdout}"
    return done.stdout
