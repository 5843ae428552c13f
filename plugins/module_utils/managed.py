# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Files of a service that are put back when the service refuses the new ones."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.emperor.flask.plugins.module_utils.files import write_file

# Marks of files that are written and not yet in use. Gone after a boot, when every service has read its files anew.
PENDING = Path("/run/emperor-flask")


@dataclass(frozen=True)
class Before:
    """What stood at a path: None for nothing."""

    path: Path
    content: bytes | None
    mode: int
    owner: int
    group: int


def read_before(path: Path) -> Before:
    """Remember a file."""
    try:
        info = path.stat()
        return Before(path, path.read_bytes(), stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid)
    except FileNotFoundError:
        return Before(path, None, 0, 0, 0)


def restore(before: Before) -> None:
    """Put a file back as it was."""
    if before.content is None:
        before.path.unlink(missing_ok=True)
        return
    write_file(before.path, before.content, before.owner, before.group, before.mode)
