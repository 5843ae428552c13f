# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Digests that name releases and virtualenvs by what went into them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# Raised when what a release consists of on disk changes, so that existing ones are built anew.
RELEASE_FORMAT = 1


def digest(value: Any, length: int = 12) -> str:
    """Return the first `length` hex digits of the SHA-256 of a JSON-like value."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:length]


def tree_digest(root: Path) -> str:
    """Return a digest of the names, kinds and contents of all files and links below a folder."""
    total = hashlib.sha256()
    for folder, folders, names in os.walk(root):
        folders.sort()
        for path in (Path(folder, name) for name in sorted(names + folders)):
            if path.is_symlink():
                kind, content = b"link", os.fsencode(path.readlink())
            elif path.is_file():
                kind, content = b"file", path.read_bytes()
            else:
                continue
            total.update(os.fsencode(path.relative_to(root)) + b"\0" + kind + hashlib.sha256(content).digest())
    return total.hexdigest()


def secrets_digest(app: str, secrets: Mapping[str, str]) -> str:
    """Return a digest of secrets that cannot be used to guess them.

    The release id, which contains it, is public. So a slow function stands between: scrypt with
    4 MiB, about 10 ms an app, and the app's name as salt so that hosts agree on the id.
    """
    if not secrets:
        return ""
    text = json.dumps(secrets, sort_keys=True, ensure_ascii=True).encode("ascii")
    salt = f"emperor.flask {app}".encode("ascii", "replace")
    return hashlib.scrypt(text, salt=salt, n=4096, r=8, p=1, dklen=16).hex()


def release_id(description: Mapping[str, Any], revision: str, interpreter: str) -> str:
    """Return the id of the release of an app: 12 hex digits (48 bits, enough for the releases of one app).

    `description` is the completed app without its source, which `revision` stands for, and with the
    digest of its secrets instead of the secrets.
    """
    return digest([RELEASE_FORMAT, description, revision, interpreter])
