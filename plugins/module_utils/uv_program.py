# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Where uv is, and from what it was installed."""

from __future__ import annotations

import hashlib
from pathlib import Path

# Holds the digest of the requirements, and is written last: an interrupted installation is made anew.
_STAMP = ".emperor-installed"


def program(home: Path) -> Path:
    """Return the path of uv."""
    return home / "bin/uv"


def stamp(home: Path) -> Path:
    """Return the file that holds the digest of what uv was installed from."""
    return home / _STAMP


def digest(requirements: str) -> bytes:
    """Return what the stamp holds for these requirements."""
    return hashlib.sha256(requirements.encode("utf-8")).hexdigest().encode("ascii")


def is_installed(home: Path, requirements: str) -> bool:
    """Tell whether uv was installed from just these requirements, to the end."""
    try:
        return program(home).exists() and stamp(home).read_bytes() == digest(requirements)
    except FileNotFoundError:
        return False
