# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""What listens on a host, and for whom."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.emperor.flask.plugins.module_utils.diagnosis import visible

PROC = Path("/proc")
_LISTEN = "0A"
# A UDP socket that is connected to nobody.
_UNCONNECTED = "07"


@dataclass(frozen=True, order=True)
class Listener:
    """A port that is open to more than the host itself, and the program behind it."""

    port: int
    protocol: str
    program: str
    # Whether it runs as root. Anybody else may call a process of his own as he likes.
    by_root: bool = False


def listeners() -> list[Listener]:
    """Return what others than the host itself could reach, were it not for a firewall."""
    wanted = {
        inode: (port, protocol)
        for protocol, state in (("tcp", _LISTEN), ("udp", _UNCONNECTED))
        for family in ("", "6")
        for inode, port in _open_ports(PROC / "net" / f"{protocol}{family}", state)
    }
    programs = dict(_programs(set(wanted)))
    return sorted(
        {Listener(port, protocol, *programs.get(inode, ("", False))) for inode, (port, protocol) in wanted.items()}
    )


def _open_ports(table: Path, state: str) -> Iterator[tuple[str, int]]:
    try:
        lines = table.read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return
    for line in lines:
        fields = line.split()
        address, _, port = fields[1].partition(":")
        if fields[3] == state and not _address(address).is_loopback:
            yield fields[9], int(port, 16)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return an address that the kernel has written as words in its own byte order."""
    raw = bytes.fromhex(text)
    if sys.byteorder == "little":
        raw = b"".join(raw[start : start + 4][::-1] for start in range(0, len(raw), 4))
    family = socket.AF_INET if len(raw) == 4 else socket.AF_INET6
    address = ipaddress.ip_address(socket.inet_ntop(family, raw))
    return getattr(address, "ipv4_mapped", None) or address


def _programs(inodes: set[str]) -> Iterator[tuple[str, tuple[str, bool]]]:
    for process in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            name = visible((process / "comm").read_text(encoding="utf-8", errors="replace").strip())
            status = (process / "status").read_text(encoding="utf-8", errors="replace")
            program = (name, re.search(r"^Uid:\s+0\s", status, re.MULTILINE) is not None)
            for link in (process / "fd").iterdir():
                target = str(link.readlink())
                inode = target.removeprefix("socket:[").removesuffix("]")
                if target.startswith("socket:[") and inode in inodes:
                    yield inode, program
