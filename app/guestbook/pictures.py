"""Pictures: recognised by their content, stored under a name of our own."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path
from typing import IO

from flask import current_app

TYPES = {"gif": "image/gif", "jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
STORED_NAME = re.compile(rf"[0-9a-f]{{32}}\.(?:{'|'.join(TYPES)})")


def recognise(content: IO[bytes]) -> str | None:
    """Return the file extension that fits the first bytes, or None if it is no picture."""
    content.seek(0)
    head = content.read(12)
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if head.startswith(b"RIFF") and head.endswith(b"WEBP"):
        return "webp"
    return None


def size(content: IO[bytes]) -> int:
    """Return the number of bytes in a file."""
    return content.seek(0, os.SEEK_END)


def directory() -> Path:
    """Return the directory of the stored pictures."""
    return Path(current_app.config["MEDIA_DIR"])


def store(content: IO[bytes], extension: str) -> str:
    """Store a picture and return its new name.

    The file appears under its name only when it is complete. Its group may read it, because
    the web server, which hands it out, is a member of the group that owns the directory.
    """
    directory().mkdir(parents=True, exist_ok=True)
    name = f"{secrets.token_hex(16)}.{extension}"
    partial = directory() / f".{name}.partial"
    try:
        with partial.open("xb") as file:
            content.seek(0)
            while chunk := content.read(64 * 1024):
                file.write(chunk)
        partial.chmod(0o640)
        partial.replace(directory() / name)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return name


def exists(name: str) -> bool:
    """Tell whether a picture is stored under this name."""
    return STORED_NAME.fullmatch(name) is not None and (directory() / name).is_file()


def remove(name: str) -> None:
    """Remove a stored picture, if it is still there."""
    (directory() / name).unlink(missing_ok=True)
