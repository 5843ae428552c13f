#!/usr/bin/env python3
"""Set up the tools of this clone: Debian packages, then .venv from the lock.

    python3 tools/bootstrap.py           what lint and unit tests need
    python3 tools/bootstrap.py --hosts   also what the container hosts need

Runs with any Python from 3.8 on and needs no other package. What is done
already is not done again: the second run takes a fraction of a second.
"""

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements-dev.lock"
VENV = ROOT / ".venv"
STAMP = VENV / "bootstrap.json"
CACHE = ROOT / ".cache"

# ansible-core 2.21 pipelines over podman, which halves every run; it needs 3.12.
PREFERRED, FLOOR, CEILING = (3, 12), (3, 11), (3, 14)
FETCHED = "3.13"
SYSTEM_CA = Path("/etc/ssl/certs/ca-certificates.crt")


class Need(NamedTuple):
    """A program or file, and the Debian package that brings it."""

    package: str
    found_as: Sequence[str]
    optional: bool = False


class StopError(Exception):
    """One line for the person at the terminal."""


def say(text: str) -> None:
    print(f"bootstrap: {text}", flush=True)


def run(command: Sequence[str], env: Optional[Dict[str, str]] = None) -> None:
    if subprocess.run(list(command), env=env, check=False).returncode:
        raise StopError(f"failed: {' '.join(map(shlex.quote, command))}")


def output(command: Sequence[str], timeout: float = 20) -> Optional[str]:
    """What a command prints, or None when it cannot be run or fails."""
    try:
        done = subprocess.run(
            list(command),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            timeout=timeout,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="replace") if done.returncode == 0 else None


# --- Debian packages ---------------------------------------------------------


def os_release() -> Dict[str, str]:
    try:
        text = Path("/etc/os-release").read_text(encoding="utf-8")
    except OSError:
        return {}
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line)
    return {key: value.strip("\"'") for key, value in pairs}


def host_needs() -> List[Need]:
    """What it takes to make host images and run systemd containers."""
    needs = [
        Need("podman", ["podman"]),
        Need("mmdebstrap", ["mmdebstrap"]),
        Need("git", ["git"]),
        Need("ca-certificates", [str(SYSTEM_CA)]),
        Need("uidmap", ["newuidmap"]),
        # Ubuntu 22.04 has podman's older network stack instead of these two.
        Need("netavark", ["/usr/lib/podman/netavark", "netavark"], optional=True),
        Need("aardvark-dns", ["/usr/lib/podman/aardvark-dns", "aardvark-dns"], optional=True),
        # netavark before 1.12 calls it, and its package does not ask for it.
        Need("iptables", ["/usr/sbin/iptables", "iptables"]),
        # For hosts of the sister distribution.
        Need(
            "debian-archive-keyring",
            ["/usr/share/keyrings/debian-archive-keyring.gpg"],
            optional=True,
        ),
        Need(
            "ubuntu-keyring",
            ["/usr/share/keyrings/ubuntu-archive-keyring.gpg"],
            optional=True,
        ),
    ]
    # crun cannot start systemd on the hybrid cgroup hierarchy.
    if not Path("/sys/fs/cgroup/cgroup.controllers").exists():
        needs.append(Need("runc", ["runc"]))
    return needs


def is_present(need: Need) -> bool:
    return any(Path(name).exists() if name.startswith("/") else shutil.which(name) for name in need.found_as)


def missing_packages(needs: Sequence[Need]) -> Tuple[List[str], List[str]]:
    """Names of the missing packages: required, optional."""
    missing = [need for need in needs if not is_present(need)]
    return (
        [need.package for need in missing if not need.optional],
        [need.package for need in missing if need.optional],
    )


def offered(packages: Sequence[str]) -> List[str]:
    """Those of the packages that this system's archive has."""
    text = output(["apt-cache", "policy", *packages]) or ""
    found = re.findall(r"^(\S+):\n.*\n\s+Candidate: (?!\(none\))", text, re.MULTILINE)
    return [package for package in packages if package in found]


def install_packages(required: List[str], optional: List[str]) -> None:
    """Install what is missing in one go, or say in one line what to type."""
    if not required and not (optional and offered(optional)):
        return
    if not shutil.which("apt-get"):
        raise StopError(f"please install: {' '.join(required)}")
    privilege: List[str] = []
    if os.geteuid() != 0:
        if shutil.which("sudo") and output(["sudo", "-n", "true"]) is not None:
            privilege = ["sudo", "-n"]
        elif shutil.which("sudo") and sys.stdin.isatty():
            privilege = ["sudo"]
        elif not required:
            return
        else:
            typed = f"apt-get update && apt-get install -y {' '.join(required)}"
            raise StopError(f"packages are missing; type, as root: {typed}")
    say(f"installing Debian packages: {' '.join(required + optional)}")
    apt = [*privilege, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]
    started = time.monotonic()
    # A third-party source that is down must not stop us: the install will tell.
    subprocess.run([*apt, "-o", "Acquire::Retries=2", "update"], check=False)
    # Waits for another apt, such as the first boot's unattended upgrade.
    apt += ["-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3"]
    run([*apt, "install", "-y", *required, *offered(optional)])
    say(f"Debian packages installed in {time.monotonic() - started:.0f} s")


# --- Python ------------------------------------------------------------------


class Python(NamedTuple):
    path: str
    version: Tuple[int, int]
    # Debian ships venv and ensurepip in a package of their own.
    complete: bool


NO_PYTHON = Python("", (0, 0), False)

PROBE = """
import sys
try:
    import ensurepip, ssl, venv
    complete = True
except ImportError:
    complete = False
print(sys.version_info[0], sys.version_info[1], complete, sys.executable)
"""


def candidates() -> Iterator[str]:
    names = [f"python3.{minor}" for minor in range(CEILING[1], FLOOR[1] - 1, -1)] + ["python3"]
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    for name in names:
        # Every one on the PATH: the first may be a shim that cannot run.
        for folder in folders:
            if os.access(folder / name, os.X_OK):
                yield str(folder / name)
    yield sys.executable
    home = Path.home()
    roots = [Path((output(["pyenv", "root"]) or "").strip() or home / ".pyenv"), home / ".pyenv"]
    for root in dict.fromkeys(roots):
        yield from map(str, sorted(root.glob("versions/3.*/bin/python3")))
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share")
    yield from map(str, sorted(data.glob("uv/python/*/bin/python3")))


def probe(path: str) -> Optional[Python]:
    """Run a candidate: being on the PATH is no proof that it works."""
    fields = (output([path, "-c", PROBE]) or "").split(maxsplit=3)
    if len(fields) != 4:
        return None
    return Python(fields[3].strip(), (int(fields[0]), int(fields[1])), fields[2] == "True")


def choose(pythons: Sequence[Python]) -> Optional[Python]:
    """The newest one that is ready, else the newest that lacks its venv package."""
    usable = [python for python in pythons if FLOOR <= python.version <= CEILING]
    if not usable:
        return None
    return max(usable, key=lambda p: (p.version >= PREFERRED, p.complete, p.version))


def find_python() -> Optional[Python]:
    seen: Dict[str, Python] = {}
    for path in candidates():
        real = os.path.realpath(path)
        if real in seen:
            continue
        python = probe(path)
        if python and python.path not in (found.path for found in seen.values()):
            seen[real] = python
    return choose(list(seen.values()))


# --- the virtualenv ----------------------------------------------------------


def pip_setting(name: str) -> Optional[str]:
    """An http address or a file from pip's own configuration, environment first."""
    value = os.environ.get(f"PIP_{name.upper().replace('-', '_')}")
    if value is None:
        for section in ("install", "global"):
            text = output([sys.executable, "-m", "pip", "config", "get", f"{section}.{name}"])
            value = value or (text.strip() if text else None)
    return value or None


def tool_environment() -> Dict[str, str]:
    """Let uv reach the same index, by the same certificates, as pip does here."""
    env = dict(os.environ)
    env.pop("VIRTUAL_ENV", None)
    # The system's bundle holds what an operator added to it, pip's and uv's own do not.
    if SYSTEM_CA.exists():
        env.setdefault("SSL_CERT_FILE", str(SYSTEM_CA))
        env.setdefault("PIP_CERT", str(SYSTEM_CA))
    if not any(name in env for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_CONFIG_FILE")):
        index = pip_setting("index-url")
        if index and index.startswith("http"):
            env["UV_DEFAULT_INDEX"] = index
    env["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    return env


def locked(name: str) -> str:
    """One package's lines of the lock, hashes included."""
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"{name}=="))
    end = start + 1
    while end < len(lines) and lines[end].startswith(" "):
        end += 1
    return "\n".join(lines[start:end]) + "\n"


def install_uv(python: str, env: Dict[str, str]) -> str:
    """Install the locked uv by pip into the virtualenv of this Python."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(locked("uv"))
        file.flush()
        command = [python, "-m", "pip", "install", "-q", "--no-deps", "--require-hashes"]
        run([*command, "-r", file.name], env)
    return str(Path(python).with_name("uv"))


def read_stamp() -> Dict[str, object]:
    """What earlier runs finished; nothing of it holds for another lock or a moved clone."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    # The clone's path is in every script of a virtualenv.
    if stamp.get("root") != str(ROOT) or not os.access(VENV / "bin" / "python", os.X_OK):
        return {}
    return dict(stamp)


def write_stamp(stamp: Dict[str, object]) -> None:
    STAMP.write_text(json.dumps(stamp), encoding="utf-8")


def sync(uv: str, env: Dict[str, str]) -> None:
    """Install exactly the lock; of uv's output show what is on its way."""
    say("installing the locked tools (about 10 s, longer on a slow line)")
    command = [uv, "pip", "sync", "--require-hashes", "--python", str(VENV / "bin" / "python")]
    process = subprocess.Popen([*command, str(LOCK)], env=env, stderr=subprocess.PIPE, universal_newlines=True)
    assert process.stderr is not None  # noqa: S101
    for line in process.stderr:
        if not re.match(r" [+~-] ", line):
            say(line.strip())
    if process.wait():
        raise StopError("the locked tools could not be installed; the lines above tell why")


def make_venv(python: Optional[Python]) -> None:
    env = tool_environment()
    shutil.rmtree(VENV, ignore_errors=True)
    if python:
        say(f"making .venv with Python {python.version[0]}.{python.version[1]} ({python.path})")
        run([python.path, "-m", "venv", str(VENV)], env)
        sync(install_uv(str(VENV / "bin" / "python"), env), env)
    else:
        say(f"no Python {FLOOR[0]}.{FLOOR[1]} or newer here: uv fetches {FETCHED}")
        seed = CACHE / "uv"
        shutil.rmtree(seed, ignore_errors=True)
        run([sys.executable, "-m", "venv", str(seed)], env)
        uv = install_uv(str(seed / "bin" / "python"), env)
        run([uv, "venv", "-q", "--python", FETCHED, str(VENV)], env)
        sync(uv, env)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Two makes at once: the second waits, then finds the work done."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "bootstrap.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def set_up(hosts: bool) -> None:
    stamp = read_stamp()
    lock = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    required, optional = missing_packages(host_needs() if hosts else [])
    if hosts and stamp.get("hosts"):
        # What the archive did not have last time, it need not be asked for again.
        optional = []
    if stamp.get("lock") == lock:
        install_packages(required, optional)
    elif stamp and (VENV / "bin" / "uv").exists():
        install_packages(required, optional)
        sync(str(VENV / "bin" / "uv"), tool_environment())
    else:
        python = find_python()
        if python is None and not (probe(sys.executable) or NO_PYTHON).complete:
            required.append("python3-venv")
        elif python and not python.complete:
            required.append(f"python{python.version[0]}.{python.version[1]}-venv")
        install_packages(required, optional)
        make_venv(python)
    done = {"lock": lock, "root": str(ROOT), "hosts": bool(hosts or stamp.get("hosts"))}
    if done != stamp:
        write_stamp(done)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hosts", action="store_true", help="also what container hosts need")
    options = parser.parse_args()
    started = time.monotonic()
    try:
        with alone():
            set_up(options.hosts)
    except StopError as stop:
        print(f"bootstrap: {stop}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    if time.monotonic() - started > 1:
        say(f"tools ready in {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
