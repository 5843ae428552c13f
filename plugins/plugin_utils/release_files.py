# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""The files of a release that say how it is run; each has a template of its name with `.j2`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.emperor.flask.plugins.module_utils.layout import GUNICORN_FILE, UNIT_FILE, VASSAL_FILE


def release_files(app: Mapping[str, Any]) -> list[str]:
    """Return the names of the files that a release of a complete app has."""
    server = {"uwsgi": VASSAL_FILE, "gunicorn": GUNICORN_FILE}[app["server"]]
    return [server, *([UNIT_FILE] if app["isolation"] == "strict" else [])]


def recipe_of(app: Mapping[str, Any], find: Callable[[str], str]) -> str:
    """Return a digest of the templates, a change of which makes a new release; `find` returns where one is."""
    templates = (Path(find(f"{name}.j2")).read_bytes() for name in release_files(app))
    return hashlib.sha256(b"".join(templates)).hexdigest()
