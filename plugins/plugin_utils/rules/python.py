# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Which Python runs an app, and which uWSGI. Whether the host has that Python is seen there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from ansible_collections.emperor.flask.plugins.module_utils.engines import is_own
from ansible_collections.emperor.flask.plugins.module_utils.interpreters import VERSION, hidden_folder
from ansible_collections.emperor.flask.plugins.plugin_utils.app_schema import Problems
from ansible_collections.emperor.flask.plugins.plugin_utils.rules.values import PATH_LENGTH

_PATH = re.compile(r"(/(?!\.\.?(/|$))[A-Za-z0-9_.][A-Za-z0-9_.+-]*)+")
# The first that uv makes virtualenvs for, and that uWSGI is to be had for as a wheel.
_OLDEST = 8
_WITHIN = re.compile(r"3\.[0-9]{1,2}(?![0-9])")


def check(app: dict[str, Any], path: str, problems: Problems) -> None:
    python = app["python"]
    if python is not None:
        _check_python(python, f"{path}.python", problems)
    if is_own(finish(app)) and "plugin" in app["uwsgi_options"]:
        problems.add(
            f"{path}.uwsgi_options.plugin",
            "goes with the host's uWSGI only; the app's own has its plugins built in; leave it out",
        )


def finish(app: Mapping[str, Any]) -> dict[str, Any]:
    # gunicorn is the virtualenv's in any case.
    needs_own = app["python"] is not None and app["server"] == "uwsgi"
    return {"uwsgi_engine": app["uwsgi_engine"] or ("app" if needs_own else "distribution")}


def _check_python(python: str, where: str, problems: Problems) -> None:
    if VERSION.fullmatch(python):
        if int(python.partition(".")[2]) < _OLDEST:
            problems.add(where, f"{python} is too old; 3.{_OLDEST} is the first that can be had")
    elif len(python) > PATH_LENGTH or not _PATH.fullmatch(python):
        meant = _WITHIN.search(python)
        problems.add(
            where,
            f"{python[:40]!r} is neither a version such as '3.12' nor the path of an interpreter such as "
            f"/opt/python/bin/python3.12; try '{meant[0] if meant else '3.12'}'",
        )
    elif folder := hidden_folder(PurePosixPath(python)):
        problems.add(where, f"{python} is below {folder}, which no app sees; install it elsewhere, such as in /opt")
