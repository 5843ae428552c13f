# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""In whose name this run holds apps."""

from __future__ import annotations

import getpass
import hashlib
import os
import platform
import uuid
from pathlib import Path

# Which start of a machine this is, and which of its spaces of process numbers.
_BOOT, _PROCESSES = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")


def this_run() -> dict[str, str]:
    """Return the name of this run, and the person and controller behind it."""
    # The process that runs the playbook; an action plugin is in a worker of it.
    run = f"{os.getppid()}-{machine()}-{uuid.uuid4().hex[:8]}"
    return {"run": run, "who": f"{getpass.getuser()}@{platform.node()}"}


def machine() -> str:
    """Return what names the place that a number of a process belongs to; many containers have the same host name."""
    try:
        mark = f"{_BOOT.read_text(encoding='ascii')} {_PROCESSES.readlink()}"
    except OSError:  # no Linux
        mark = hex(uuid.getnode())
    return f"{platform.node()}-{hashlib.sha256(mark.encode()).hexdigest()[:12]}"


def is_over(run: str) -> bool:
    """Tell whether a run was one of this controller, whose process is gone."""
    process, _, rest = run.partition("-")
    if not process.isdigit() or rest.rpartition("-")[0] != machine():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return int(process) == os.getppid()
