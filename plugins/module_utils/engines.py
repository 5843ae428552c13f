# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""What runs an app: the host's uWSGI, or one in the virtualenv of a release, for another Python."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.emperor.flask.plugins.module_utils.layout import VASSAL_FILE

HOSTS_UWSGI = "/usr/bin/uwsgi-core"
# Link of a release to the uWSGI of its virtualenv, there only if that runs it; the emperor's wrapper looks for it.
ENGINE = "engine"
# Where it leads; packages that bring a uWSGI put it there.
OF_VIRTUALENV = "bin/uwsgi"
_PLUGIN = re.compile(r"^plugins? = .*\n", re.MULTILINE)


def is_own(description: Mapping[str, Any]) -> bool:
    """Tell whether an app brings what runs it; descriptions of early releases do not say."""
    return description.get("uwsgi_engine") == "app"


def program(release: Path) -> str:
    """Return what runs a release."""
    own = release / ENGINE
    return str(own) if own.is_symlink() else HOSTS_UWSGI


def vassal_file(text: str, description: Mapping[str, Any]) -> str:
    """Return a vassal's file for what runs it: an app's own uWSGI has Python and its plugins built in."""
    return _PLUGIN.sub("", text) if is_own(description) else text


def run_files(files: Mapping[str, str], description: Mapping[str, Any]) -> dict[str, str]:
    """Return the files of a release that say how it is run, as they are for what runs it."""
    return {name: vassal_file(text, description) if name == VASSAL_FILE else text for name, text in files.items()}
