# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""What runs an app: the host's uWSGI, or one in the virtualenv of a release, for another Python.

That one is pyuwsgi, uWSGI as a library: it needs no libpython, which most Pythons do not bring, and has wheels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.emperor.flask.plugins.module_utils.layout import VASSAL_FILE

HOSTS_UWSGI = "/usr/bin/uwsgi-core"
# Link of a release to the uWSGI of its virtualenv, there only if that runs it; the emperor's wrapper looks for it.
ENGINE = "engine"
# Where it leads: uWSGI as a library of that Python. A bin/uwsgi may be another one, of a package uwsgi.
OF_VIRTUALENV = "bin/pyuwsgi"
_PLUGIN = re.compile(r"^plugins? = .*\n", re.MULTILINE)
_VIRTUALENV = re.compile(r"^virtualenv = (.*)$", re.MULTILINE)


def is_own(description: Mapping[str, Any]) -> bool:
    """Tell whether an app brings what runs it; descriptions of early releases do not say."""
    return description.get("uwsgi_engine") == "app"


def program(release: Path) -> str:
    """Return what runs a release."""
    own = release / ENGINE
    return str(own) if own.is_symlink() else HOSTS_UWSGI


def vassal_file(text: str, description: Mapping[str, Any]) -> str:
    """Return a vassal's file for what runs it.

    An app's own uWSGI has Python and its plugins built in. For a reload, by SIGHUP, it would become the Python that
    the virtualenv was made from, and find nothing that is installed.
    """
    if not is_own(description):
        return text
    return _VIRTUALENV.sub(r"virtualenv = \1\nbinary-path = \1/bin/python", _PLUGIN.sub("", text))


def run_files(files: Mapping[str, str], description: Mapping[str, Any]) -> dict[str, str]:
    """Return the files of a release that say how it is run, as they are for what runs it."""
    return {name: vassal_file(text, description) if name == VASSAL_FILE else text for name, text in files.items()}
