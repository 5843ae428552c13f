# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""The ssh connection that Ansible has come by, and how sshd lets people in."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
SSHD = "/usr/sbin/sshd"
_PORT = 22
# A way to log in that an attacker could guess.
_GUESSABLE = ("password", "keyboard-interactive")
_KEY = re.compile(r"(?:^|\s)(?:sk-)?(?:ssh|ecdsa)-[a-z0-9@.-]+\s+AAAA", re.MULTILINE)


@dataclass(frozen=True)
class Session:
    """Who is connected from where, as the host sees it: a jump host or a proxy stands for the controller."""

    client: str
    client_port: int
    port: int
    user: str


def session(pid: int | None = None) -> Session | None:
    """Return the connection that a process has come by, this one unless told; None without ssh.

    sudo takes the variable away, so it is read where it still is: with one of the processes above.
    """
    current = os.getpid() if pid is None else pid
    while current > 0:
        try:
            variables = (PROC / str(current) / "environ").read_bytes().split(b"\0")
            status = (PROC / str(current) / "status").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
        found = next((entry for entry in variables if entry.startswith(b"SSH_CONNECTION=")), b"")
        parsed = _parse(found.partition(b"=")[2].decode("utf-8", "replace"), _number(status, "Uid"))
        if parsed is not None:
            return parsed
        current = _number(status, "PPid")
    return None


def _parse(text: str, uid: int) -> Session | None:
    try:
        client, client_port, _, port = text.split()
        return Session(plain_address(client), int(client_port), int(port), _user_name(uid))
    except ValueError:
        return None


def plain_address(text: str) -> str:
    """Return an address without its zone, and an IPv4 one that is told as IPv6 as what it is. Raises ValueError."""
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _number(status: str, key: str) -> int:
    match = re.search(rf"^{key}:\s+(\d+)", status, re.MULTILINE)
    return int(match[1]) if match else 0


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def is_within(address: str, networks: Iterable[str]) -> bool:
    """Tell whether an address is in one of the networks."""
    found = ipaddress.ip_address(address)
    return any(found in ipaddress.ip_network(network, strict=False) for network in networks)


def sshd_settings(user: str = "", client: str = "") -> dict[str, list[str]]:
    """Return what sshd goes by, for a user from an address if told; nothing where it cannot tell."""
    if not Path(SSHD).exists():
        return {}
    who = ["-C", f"user={user},host={client},addr={client}"] if user and client else []
    done = subprocess.run([SSHD, "-T", *who], capture_output=True, text=True, check=False)
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines() if done.returncode == 0 else []:
        key, _, value = line.partition(" ")
        found.setdefault(key.lower(), []).append(value)
    return found


def sshd_ports(settings: Mapping[str, Sequence[str]], listening: Iterable[int], here: Session | None) -> list[int]:
    """Return the ports that ssh is reached at: those of the settings, those that are listened on, and ours."""
    configured = {int(value) for value in settings.get("port", ()) if value.isdigit()}
    for value in settings.get("listenaddress", ()):
        _, _, port = value.rpartition(":")
        configured |= {int(port)} if port.isdigit() else set()
    ports = {*configured, *listening, *([here.port] if here else [])}
    return sorted(ports) or [_PORT]


def socket_ports() -> list[int]:
    """Return the ports that systemd listens on for sshd, which need not be those of sshd's own settings."""
    command = ["systemctl", "show", "--property=ActiveState,Listen", "ssh.socket"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return []
    if "ActiveState=active" not in done.stdout.splitlines():
        return []
    return sorted({int(port) for port in re.findall(r"^Listen=.*?(\d+) \(Stream\)$", done.stdout, re.MULTILINE)})


def accepted_by(here: Session) -> str:
    """Return the way this connection was let in, such as `publickey`; nothing where the journal does not know."""
    if not shutil.which("journalctl"):
        return ""
    who = re.escape(f"for {here.user} from {here.client} port {here.client_port} ")
    done = subprocess.run(
        [
            *("journalctl", "--quiet", "--output=cat", "--reverse", "--lines=1", f"--grep=^Accepted [a-z/-]+ {who}"),
            # Anybody can call a process so; root alone is root.
            *("_UID=0", "_COMM=sshd", "_COMM=sshd-session"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    words = done.stdout.split()
    return words[1].partition("/")[0] if len(words) > 1 else ""


def has_key(user: str, settings: Mapping[str, Sequence[str]]) -> bool:
    """Tell whether sshd knows a key of a user, or asks somebody else for it."""
    for source in ("trustedusercakeys", "authorizedkeyscommand", "authorizedprincipalscommand"):
        if settings.get(source, ["none"])[0] not in ("none", ""):
            return True
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        return False
    files = " ".join(settings.get("authorizedkeysfile", [".ssh/authorized_keys .ssh/authorized_keys2"])).split()
    for name in files:
        for token, value in (("%h", account.pw_dir), ("%u", user), ("%U", str(account.pw_uid)), ("%%", "%")):
            name = name.replace(token, value)
        with contextlib.suppress(OSError):
            if _KEY.search((Path(account.pw_dir) / name).read_text(encoding="utf-8", errors="replace")):
                return True
    return False


def users_with_shell() -> list[str]:
    """Return who could log in: root, and people."""
    shells = ("", "/usr/sbin/nologin", "/sbin/nologin", "/bin/false", "/usr/bin/false")
    people = (entry for entry in pwd.getpwall() if entry.pw_uid == 0 or 1000 <= entry.pw_uid < 60000)
    return [entry.pw_name for entry in people if entry.pw_shell not in shells]


def lock_out(here: Session | None, way: str, keyed: Sequence[str], by_password: bool = False) -> str:
    """Return why password login must stay, or an empty text.

    `way` is how the present connection was let in, `keyed` are the users that can log in by a key.
    """
    keep = "or set baseline_sshd_password_login: true"
    if by_password or way in _GUESSABLE:
        return (
            "this very connection came by a password; give its user a key with ssh-copy-id, connect by that and "
            f"without ansible_password, {keep}"
        )
    if here is None:
        return "" if keyed else f"no user of this host has a key that sshd would take; add one with ssh-copy-id, {keep}"
    if way == "publickey":
        return ""
    if here.user not in keyed:
        return f"user {here.user}, whom this connection belongs to, has no key that sshd would take; add one, {keep}"
    return (
        f"the journal does not tell how user {here.user} was let in from {here.client}; let sshd log with "
        f"LogLevel INFO and connect anew, {keep}"
    )
