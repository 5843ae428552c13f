"""Commands in a container by one `podman exec` for many: one for each would be most of what a test costs."""

from __future__ import annotations

import base64
import json
import subprocess
import threading
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from testinfra.backend.base import CommandResult
from testinfra.backend.podman import PodmanBackend
from testinfra.host import Host

# Does one command after the other. What they say goes to memory, not to pipes, which would be waited for as long as
# something that a command has left running holds them.
_SERVER = r"""
import base64, json, os, subprocess, sys
os.environ.pop("LC_CTYPE", None)  # by Python, for its children, where the container has no locale
def run(command, out, err):
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True)
    except OSError as error:
        err.write(str(error).encode())
        return 127
    return done.returncode if done.returncode >= 0 else 128 - done.returncode
def all_of(file):
    # Without a seek: what a command has left running writes where this file is at.
    return base64.b64encode(os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0)).decode()
for line in sys.stdin:
    if line == "\n":
        print(flush=True)
        continue
    with open(os.memfd_create("out"), "w+b") as out, open(os.memfd_create("err"), "w+b") as err:
        print(json.dumps([run(json.loads(line), out, err), all_of(out), all_of(err)]), flush=True)
"""
# As a shell has it of a command that was killed, as one is with its container.
_KILLED = 137


class Said(NamedTuple):
    """What became of a command."""

    code: int
    out: bytes
    err: bytes


class _Session:
    """A process in a container that runs commands, until the container ends."""

    def __init__(self, name: str) -> None:
        self._process = subprocess.Popen(
            ["podman", "exec", "--interactive", name, "python3", "-c", _SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def answers(self) -> bool:
        """Tell whether the container still runs, which podman itself may not know at once."""
        return self._process.poll() is None and self._ask(b"\n") == b"\n"

    def run(self, command: Sequence[str]) -> Said:
        """Run a command; when the container ends, so does the command."""
        line = self._ask(json.dumps(command).encode() + b"\n")
        if not line.endswith(b"\n"):
            _, why = self._process.communicate()
            return Said(self._process.returncode or _KILLED, b"", why)
        code, out, err = json.loads(line)
        return Said(code, base64.b64decode(out), base64.b64decode(err))

    def _ask(self, line: bytes) -> bytes:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(line)
            self._process.stdin.flush()
            return self._process.stdout.readline()
        except BrokenPipeError:
            return b""


_idle: dict[str, list[_Session]] = {}
_lock = threading.Lock()


def run_inside(name: str, *command: str) -> Said:
    """Run a command in a container as root, with nothing to read; several threads have sessions of their own."""
    session = _waiting(name)
    # One that a restart of the container has ended is of no use, and has not got the command.
    while session is not None and not session.answers():
        session = _waiting(name)
    session = session or _Session(name)
    said = session.run(command)
    with _lock:
        _idle[name].append(session)
    return said


def _waiting(name: str) -> _Session | None:
    with _lock:
        sessions = _idle.setdefault(name, [])
        return sessions.pop() if sessions else None


class _Backend(PodmanBackend):
    """Runs what testinfra asks for."""

    def run(self, command: str, *args: str, **_: Any) -> CommandResult:
        told = self.get_command(command, *args)
        said = run_inside(self.name, "/bin/sh", "-c", told)
        return self.result(said.code, self.encode(told), said.out, said.err)


def inside(name: str) -> Host:
    """Return a container as testinfra sees it."""
    return Host(_Backend(name))


def wait_for_listener(host: Host, port: int) -> None:
    """Wait until something that a test has started in a container listens at a port."""
    deadline = time.monotonic() + 10
    while not host.check_output(f"ss --no-header --listening --numeric --tcp 'sport = :{port}'"):
        assert time.monotonic() < deadline, f"nobody listens at {port}"
        time.sleep(0.05)
