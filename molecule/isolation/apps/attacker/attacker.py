"""What an attacker tries. As a program it tries the same as whoever calls it."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

_PTRACE_SEIZE = 0x4206
_CLONE_NEWUSER = 0x10000000
_LEAKED: list[bytes] = []
_LONGEST_BOMB = 60


def attempt(name: str, *arguments: Any) -> dict[str, Any]:
    """Try it, and tell what came of it, or by what it was refused."""
    try:
        return {"got": PROBES[name](*arguments)}
    except Exception as error:
        return {"refused": f"{type(error).__name__}: {error}"}


def read(path: str) -> str:
    with Path(path).open("rb") as file:
        return file.read(4096).decode("utf-8", "replace")


def names(path: str) -> list[str]:
    return sorted(entry.name for entry in Path(path).iterdir())


def write(path: str) -> str:
    """Add to a file, or make it."""
    with Path(path).open("a") as file:
        file.write("# the attacker was here\n")
    return path


def remove(path: str) -> str:
    Path(path).unlink()
    return path


def move(path: str, target: str) -> str:
    Path(path).rename(target)
    return target


def open_up(path: str) -> str:
    Path(path).chmod(0o777)
    return path


def link(path: str, target: str) -> str:
    """Make a symbolic link, in the place of what is there."""
    if Path(path).is_symlink() or Path(path).exists():
        Path(path).unlink()
    Path(path).symlink_to(target)
    return path


def hard_link(path: str, target: str) -> str:
    os.link(target, path)
    return path


def signal_to(pid: int) -> int:
    """Ask the kernel for the right to kill; 0 sends nothing."""
    os.kill(pid, 0)
    return pid


def trace(pid: int) -> int:
    """Take hold of a process, as a debugger does."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    if libc.ptrace(_PTRACE_SEIZE, pid, None, None):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return pid


def trace_child() -> int:
    """Take hold of a process of one's own."""
    child = os.fork()
    if not child:
        time.sleep(5)
        os._exit(0)
    try:
        return trace(child)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def processes() -> list[int]:
    """Name the users of all processes that can be seen."""
    return sorted({entry.stat().st_uid for entry in Path("/proc").iterdir() if entry.name.isdigit()})


def ask(path: str, variables: dict[str, str]) -> str:
    """Send a request to a socket of uWSGI, with variables that nginx would not send."""
    given = {"REQUEST_METHOD": "GET", "REQUEST_URI": "/", "PATH_INFO": "/", "SERVER_PROTOCOL": "HTTP/1.1", **variables}
    parts = [part.encode() for pair in given.items() for part in pair]
    body = b"".join(struct.pack("<H", len(part)) + part for part in parts)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(4)
        connection.connect(path)
        connection.sendall(struct.pack("<BHB", 0, len(body), 0) + body)
        return _all_of(connection)


def listen_to(path: str) -> str:
    """Read what a socket says by itself, as one of statistics does."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(4)
        connection.connect(path)
        return _all_of(connection)


def bind(path: str) -> str:
    """Put a socket somewhere, to get what is sent there."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.bind(path)
    return path


def doors() -> list[str]:
    """Name the sockets of which this process could take the requests."""
    fields = [line.split() for line in _lines("/proc/net/unix")]
    paths = {int(field[6]): field[7] for field in fields[1:] if len(field) > 7}
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        # The one that this folder is read by is closed by now.
        if entry.exists() and stat.S_ISSOCK(entry.stat().st_mode):
            with socket.socket(fileno=os.dup(int(entry.name))) as held:
                if held.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    found.append(paths.get(entry.stat().st_ino, "unknown"))
    return sorted(found)


def run(*command: str) -> str:
    """Run a program, which must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=4, check=False)
    if done.returncode:
        raise PermissionError(f"{command[0]} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def copy_as_root(program: str, path: str) -> str:
    """Copy a program and let it run as its owner."""
    shutil.copyfile(program, path)
    Path(path).chmod(0o4755)
    return path


def become(uid: int) -> int:
    os.setuid(uid)
    return os.geteuid()


def new_namespace() -> str:
    """Become root of a user namespace, where many a weakness of a kernel begins."""
    child = os.fork()
    if not child:
        os._exit(ctypes.CDLL(None).unshare(_CLONE_NEWUSER) and 1)
    if os.waitpid(child, 0)[1]:
        raise PermissionError("unshare failed")
    return "new"


def temporary() -> str:
    return tempfile.gettempdir()


def limit(name: str) -> str:
    return next(line for line in _lines("/proc/self/limits") if line.startswith(name))


def bomb(folder: str) -> str:
    """Leave processes behind that do nothing but start more, until somebody writes there that it is over."""
    refused, over = Path(folder, "refused"), Path(folder, "over")
    refused.unlink(missing_ok=True)
    over.unlink(missing_ok=True)
    _leave(lambda: _multiply(refused, over))
    return "lit"


def leak(megabytes: int) -> int:
    """Take memory and give none back."""
    _LEAKED.append(b"x" * (megabytes << 20))
    return sum(map(len, _LEAKED)) >> 20


def sleep(seconds: float) -> float:
    """Hold the worker."""
    time.sleep(seconds)
    return seconds


def _multiply(refused: Path, over: Path) -> None:
    # Nobody waits for the dead, so none of them may stay.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    latest = time.monotonic() + _LONGEST_BOMB
    while time.monotonic() < latest and not over.exists():
        try:
            os.fork()
        except BlockingIOError:  # noqa: PERF203 - what it waits for
            refused.touch()
            time.sleep(0.1)


def _leave(work: Callable[[], None]) -> None:
    """Let a process do it that nobody waits for, and that holds no connection."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    if not os.fork():
        os.closerange(0, 1024)
        work()
    os._exit(0)


def _all_of(connection: socket.socket) -> str:
    data = b""
    while block := connection.recv(65536):
        data += block
    return data.decode("utf-8", "replace")


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


PROBES: dict[str, Callable[..., Any]] = {
    probe.__name__: probe
    for probe in (
        *(read, names, write, remove, move, open_up, link, hard_link),
        *(signal_to, trace, trace_child, processes),
        *(ask, listen_to, bind, doors),
        *(run, copy_as_root, become, new_namespace, temporary, limit),
        *(bomb, leak, sleep),
    )
}


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    size = int(environ.get("CONTENT_LENGTH") or 0)
    outcome = attempt(*json.loads(environ["wsgi.input"].read(size))) if size else {}
    body = json.dumps(outcome).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


if __name__ == "__main__":
    sys.stdout.write(json.dumps([attempt(*call) for call in json.load(sys.stdin)]))
