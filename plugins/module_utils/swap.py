# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""A swap file that is made once, and never in the place of what others have made."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from ansible_collections.emperor.flask.plugins.module_utils.files import sync_directory

SWAPS = Path("/proc/swaps")
_SIZE = re.compile(r"([1-9][0-9]{0,5})([mg])")
# What has to be free beside it, so that a swap file never fills the disk.
_RESERVE = 1 << 30


class SwapError(Exception):
    """Why there is no swap file, with the remedy."""


def size_of(text: str) -> int:
    """Return the bytes of a size such as `2g`; 0 for none."""
    match = _SIZE.fullmatch(text)
    return int(match[1]) << {"m": 20, "g": 30}[match[2]] if match else 0


def in_use() -> list[str]:
    """Return what the host swaps to."""
    return [line.split()[0] for line in SWAPS.read_text(encoding="utf-8").splitlines()[1:]]


def obstacle(file: Path, size: int) -> str:
    """Return why a swap file cannot be made; with one of this size there is nothing to do."""
    others = [name for name in in_use() if name != str(file)]
    if others:
        return f"baseline_swap: this host swaps to {', '.join(others)} already, which is kept; set baseline_swap: 0"
    if file.exists():
        found = file.stat().st_size
        if found != size:
            return (
                f"baseline_swap: {file} has {found >> 20} MiB, and {size >> 20} are wanted; its size is not changed "
                f"while it may be in use: swapoff {file}; rm {file}; then run again"
            )
        return ""
    free = shutil.disk_usage(file.parent if file.parent.exists() else "/").free
    if free < size + _RESERVE:
        return (
            f"baseline_swap: {size >> 20} MiB are wanted, and {free >> 20} are free where {file} would be, of which "
            f"{_RESERVE >> 20} shall stay; take a smaller one"
        )
    return ""


def make(file: Path, size: int) -> None:
    """Make a swap file, whole or not at all. Raises SwapError."""
    temporary = file.with_name(f".{file.name}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        # Readable to root alone from its first byte on: what is swapped may be secret.
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            # Not a hole: the kernel refuses to swap to one.
            os.posix_fallocate(handle, 0, size)
            os.fsync(handle)
        finally:
            os.close(handle)
        done = subprocess.run(["mkswap", str(temporary)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SwapError(f"baseline_swap: mkswap refuses {temporary}: {done.stderr.strip()}")
        temporary.rename(file)
        sync_directory(file.parent)
    except OSError as error:
        raise SwapError(f"baseline_swap: {file} cannot be made: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)
