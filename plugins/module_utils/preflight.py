# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Loads an app once before it is started: in its own virtualenv, as its own user, by the engine that will run it.

uWSGI does it by itself, from the release's own vassal file and without a server; so what imports `uwsgi` works,
and a mistake in the file shows too. So does gunicorn, by the program that will start it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.emperor.flask.plugins.module_utils import engines, serve, servers, uwsgi_options
from ansible_collections.emperor.flask.plugins.module_utils.commands import Result, run_as
from ansible_collections.emperor.flask.plugins.module_utils.diagnosis import own_words
from ansible_collections.emperor.flask.plugins.module_utils.files import write_file
from ansible_collections.emperor.flask.plugins.module_utils.launch import app_environment
from ansible_collections.emperor.flask.plugins.module_utils.layout import (
    GUNICORN_FILE,
    UNIT_FILE,
    VASSAL_FILE,
    AppLayout,
    release_sandbox,
)
from ansible_collections.emperor.flask.plugins.module_utils.provisioned import need

# Our own, by the role uwsgi.
SERVE = Path("/usr/local/lib/flask-emperor/serve")
EMPEROR_UNIT = Path("/etc/systemd/system/flask-emperor.service")
_FILE, _GUNICORN_FILE = "preflight.ini", "preflight.conf.py"
# How the emperor's unit limits what a vassal may do; all else in it is about the emperor.
_LIMIT = re.compile(
    r"(Inaccessible|Protect|Restrict|SystemCall|MemoryDeny|LockPersonality|NoNewPrivileges|Limit)\w*=.*"
)
# What the unit of a release of its own has besides.
_OWN_LIMIT = re.compile(r"(TemporaryFileSystem|Bind\w+|PrivateUsers|MemoryMax|CPUQuota|TasksMax)=.+")
# An import that does not end is aborted, and tells then where it was.
_TELL_WHERE = ("KillSignal=SIGABRT", "LimitCORE=0")
_LOADED = re.compile(r"^WSGI app 0 .* ready in ", re.MULTILINE)
_NOT_LOADED = "unable to load app 0 "
# Of the vassal's file: what only a server has, and what would leave the app unloaded.
_NOT_HERE = ("stats-server ", "lazy-apps ")
# Names what could have been meant, when the module has no such name.
_LIST_NAMES = """
import importlib, importlib.util, sys
target, paths = sys.argv[1], sys.argv[2:]
sys.path[:0] = paths
if target.endswith(".py"):
    spec = importlib.util.spec_from_file_location("app_to_look_at", target)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
else:
    module = importlib.import_module(target)
own = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")
       and (not isinstance(value, type)) and getattr(value, "__module__", "").split(".")[0] != "typing"]
likely = [n for n in own if n in ("app", "application", "create_app", "make_app", "wsgi")] or own
print("\\x1e" + ", ".join(likely[:8]))
"""


class PreflightError(Exception):
    """The app cannot be loaded; `log` is what it wrote."""

    def __init__(self, cause: str, log: str = "") -> None:
        super().__init__(cause)
        self.log = log


def load(layout: AppLayout, release_id: str, stage: Path, target: str, paths: Iterable[str], timeout: int) -> None:
    """Load the app of a release that stands at `stage` as yet, within `timeout` seconds.

    Raises PreflightError, and NotProvisionedError where the host lacks what the release needs.

    `target` is what `wsgi` says, `paths` are the folders to import from besides the root.
    """
    server = servers.of_release(stage)
    by = _by_gunicorn if server is servers.GUNICORN else _by_uwsgi
    result, good = by(layout, release_id, stage, timeout)
    if good:
        return
    said = "\n".join(own_words(result.output).replace(f"{stage}/", "").splitlines()[-60:])
    if result.code is None:
        raise PreflightError(f"{target} was not loaded within {timeout} s; the import does not end", said)
    if serve.NO_GUNICORN in result.output:
        raise PreflightError("gunicorn is not installed in the app's virtualenv; add it to the requirements")
    cause = last_error(said)
    if cause is None and any(text in result.output for text in (_NOT_LOADED, serve.NO_CALLABLE)):
        cause = _missing_callable(layout, stage, target, list(paths))
    raise PreflightError(cause or f"{server.title} ended with {result.code}", said if cause else result.tail)


def _by_uwsgi(layout: AppLayout, release_id: str, stage: Path, timeout: int) -> tuple[Result, bool]:
    text = (stage / VASSAL_FILE).read_text(encoding="utf-8")
    file = stage / _FILE
    write_file(file, staged(text, layout.release(release_id), stage).encode("utf-8"), "root", layout.user, 0o640)
    try:
        result = _run(layout, stage, [engines.program(stage), "--ini", str(file), "--no-server"], timeout)
    finally:
        file.unlink()
    return result, result.code == 0 and bool(_LOADED.search(result.output))


def _by_gunicorn(layout: AppLayout, release_id: str, stage: Path, timeout: int) -> tuple[Result, bool]:
    need(SERVE)
    text = (stage / GUNICORN_FILE).read_text(encoding="utf-8").replace(f"{layout.release(release_id)}/", f"{stage}/")
    file = stage / _GUNICORN_FILE
    write_file(file, text.encode("utf-8"), "root", layout.user, 0o640)
    try:
        result = _run(layout, stage, [str(stage / "venv/bin/python"), str(SERVE), str(file), "check"], timeout)
    finally:
        file.unlink()
    return result, result.code == 0 and serve.LOADED in result.output.splitlines()


def check_options(layout: AppLayout, stage: Path, description: Mapping[str, Any]) -> None:
    """Ask an app's own uWSGI if it knows what the app says; the host's was asked before. Raises PreflightError."""
    if not engines.is_own(description) or not uwsgi_options.asks(description):
        return

    def run(command: list[str]) -> tuple[int, str, str]:
        result = _run(layout, stage, command, 30)
        return result.code or 0, result.output, ""

    engine = uwsgi_options.read_engine(run, engines.program(stage), (), whose="the app's own")
    if found := uwsgi_options.flaws(description, engine):
        raise PreflightError("\n".join(found))


def staged(text: str, release: Path, stage: Path) -> str:
    """Return a vassal's file for the place where the release stands as yet, for loading the app and no more."""
    lines = text.replace(f"{release}/", f"{stage}/").splitlines()
    return "\n".join(line for line in lines if not line.startswith(_NOT_HERE)) + "\n"


def limits(unit: str) -> list[str]:
    """Return what the emperor's unit file forbids its vassals."""
    return [line for line in unit.splitlines() if _LIMIT.fullmatch(line)]


def limits_of(release: Path) -> list[str]:
    """Return what a release may not do, as properties of a unit; it may stand aside as yet.

    Raises OSError, and as such NotProvisionedError.
    """
    if not (release / UNIT_FILE).exists():
        return limits(EMPEROR_UNIT.read_text(encoding="utf-8")) if EMPEROR_UNIT.exists() else []
    need(release_sandbox())
    files = (release_sandbox(), release / UNIT_FILE)
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if _LIMIT.fullmatch(line) or _OWN_LIMIT.fullmatch(line)]


def last_error(text: str) -> str | None:
    """Return the line of an exception that ends a traceback, such as `KeyError: 'DB_URL'`."""
    lines = [
        line
        for line in text.splitlines()
        if re.match(r"[A-Za-z_][\w.]*(Error|Exception|Exit|Interrupt|Warning)\b", line)
    ]
    return lines[-1] if lines else None


def _missing_callable(layout: AppLayout, stage: Path, target: str, paths: list[str]) -> str:
    module, _, name = target.partition(":")
    name = name.removesuffix("()")
    folders = [str(stage / "src"), *(str(stage / "src" / path) for path in paths)]
    where = str(stage / "src" / module) if module.endswith(".py") else module
    command = [str(stage / "venv/bin/python"), "-c", _LIST_NAMES, where, *folders]
    result = _run(layout, stage, command, 30)
    _, mark, names = result.output.rpartition("\x1e")
    found = names.strip() if mark else ""
    return f"module {module} has no callable '{name}'; found: {found or 'none'}"


def _run(layout: AppLayout, stage: Path, command: list[str], timeout: int) -> Result:
    environment = {**app_environment(stage), "PYTHONFAULTHANDLER": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    properties = [*limits_of(stage), *_TELL_WHERE]
    return run_as(layout.user, command, stage / "src", environment, timeout, [layout.shared], properties)
