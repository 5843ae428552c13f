# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Reads on the controller what an app's source asks to install, for a person to see before it is deployed."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.emperor.flask.plugins.module_utils.changes import without_credentials
from ansible_collections.emperor.flask.plugins.module_utils.details import requirement_texts
from ansible_collections.emperor.flask.plugins.module_utils.sources import SourceError, unpack
from ansible_collections.emperor.flask.plugins.module_utils.virtualenvs import RequirementsError

# A larger one is not unpacked for a few lines.
_ARCHIVE_BYTES = 20 << 20
_PACKED = "not known before the archive is unpacked"


def requirements_of(app: Mapping[str, Any]) -> dict[str, Any]:
    """Return `requirements`, texts by the names of their files, or `unknown`, why there are none."""
    source = app["source"]
    try:
        if source["path"]:
            return _texts(Path(source["path"]), app)
        if source["archive"] and "://" not in source["archive"]:
            return _texts_of_archive(Path(source["archive"]), app)
    except (RequirementsError, SourceError, OSError) as error:
        return {"unknown": without_credentials(str(error))}
    # The host asks git.
    return {"unknown": _PACKED if source["archive"] else ""}


def _texts_of_archive(archive: Path, app: Mapping[str, Any]) -> dict[str, Any]:
    if archive.stat().st_size > _ARCHIVE_BYTES:
        return {"unknown": _PACKED}
    with tempfile.TemporaryDirectory(prefix="emperor-flask-") as scratch:
        unpack(archive, Path(scratch, "src"), strip=True)
        return _texts(Path(scratch, "src"), app)


def _texts(folder: Path, app: Mapping[str, Any]) -> dict[str, Any]:
    found = requirement_texts(folder, app)
    return {"requirements": {name: without_credentials(text) for name, text in found.items()}}
