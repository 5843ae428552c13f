# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Lends git a deploy key for as long as this process lives."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

_SSH = (
    *("ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=20"),
    *("-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=4"),
    # A shared connection could outlive us; what the server says of other keys is not ours to write down.
    *("-o", "ControlPath=none", "-o", "UpdateHostKeys=no"),
)


@dataclass(frozen=True)
class SshAccess:
    """What git runs to reach a server by ssh, and what the app has given for it."""

    command: str = " ".join(_SSH)
    has_key: bool = False
    has_known_hosts: bool = False


HOST_ACCESS = SshAccess()


@contextmanager
def ssh_access(key: str | None, known_hosts: Sequence[str] = ()) -> Iterator[SshAccess]:
    """Hand out an access with a private key and the servers' own keys; without them, the host's own are used.

    Both stay in memory. The files have no name, and end with this process however it ends; nobody but
    root can open them through /proc. No command line and no environment holds more than that path.
    """
    options = list(_SSH)
    with ExitStack() as stack:
        if key:
            options += ["-i", stack.enter_context(_nameless_file("deploy-key", key)), "-o", "IdentitiesOnly=yes"]
        if known_hosts:
            lines = "".join(f"{line}\n" for line in known_hosts)
            file = stack.enter_context(_nameless_file("known-hosts", lines))
            options += ["-o", f"UserKnownHostsFile={file}", "-o", "GlobalKnownHostsFile=/dev/null"]
        if key or known_hosts:
            options += ["-o", "StrictHostKeyChecking=yes"]
        yield SshAccess(" ".join(options), bool(key), bool(known_hosts))


@contextmanager
def _nameless_file(label: str, text: str) -> Iterator[str]:
    """Write a text into memory; return a path by which the children of this process can read it."""
    handle = os.memfd_create(label, os.MFD_CLOEXEC)
    try:
        os.fchmod(handle, 0o600)  # ssh refuses a key that others could read
        with os.fdopen(os.dup(handle), "wb") as file:
            file.write(text.encode("utf-8"))
        yield f"/proc/{os.getpid()}/fd/{handle}"
    finally:
        os.close(handle)
