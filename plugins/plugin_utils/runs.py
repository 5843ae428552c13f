# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""In whose name this run holds apps."""

from __future__ import annotations

import getpass
import os
import platform
import uuid


def this_run() -> dict[str, str]:
    """Return the name of this run, and the person and controller behind it."""
    # The process that runs the playbook; an action plugin is in a worker of it.
    run = f"{os.getppid()}-{platform.node()}-{uuid.uuid4().hex[:8]}"
    return {"run": run, "who": f"{getpass.getuser()}@{platform.node()}"}
