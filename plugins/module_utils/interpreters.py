# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Which Pythons a host has, and which of them an app gets."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from ansible_collections.emperor.flask.plugins.module_utils.commands import SYSTEM_PYTHON
from ansible_collections.emperor.flask.plugins.module_utils.engines import is_own

# Where a Python that is asked for by its version is looked for; what uv has fetched comes last.
FOLDERS = (Path("/usr/bin"), Path("/usr/local/bin"))
FETCHED = Path("/opt/flask-emperor/python")
# What the emperor's unit hides from apps, and all that works for them.
HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108 - nothing is put there
# What `python` of an app means if it is no path.
VERSION = re.compile(r"3\.[0-9]{1,2}")
_NAME = re.compile(r"python(3\.[0-9]{1,2})")
_TELL = "import sys; print('%s-%d.%d' % (sys.implementation.name, *sys.version_info[:2]))"
# As many as the kernel follows.
_MOST_LINKS = 40

Run = Callable[[list[str]], tuple[int, str, str]]


class InterpreterError(Exception):
    """An app cannot have the Python that it asks for."""


class MissingVersionError(InterpreterError):
    """The host has no Python of a version."""


@dataclass(frozen=True)
class Interpreter:
    """A Python of a host: its path, and its name as release ids have it, such as `cpython-3.13`."""

    path: str
    name: str

    @property
    def version(self) -> str:
        return self.name.rpartition("-")[2]

    @property
    def is_distributions(self) -> bool:
        """Tell whether it is what the host's uWSGI was built with."""
        return Path(self.path).resolve() == Path(SYSTEM_PYTHON).resolve()

    @property
    def program(self) -> str:
        """Return what to make virtualenvs from: made from a link, one would look for its library beside the link."""
        return SYSTEM_PYTHON if self.is_distributions else str(Path(self.path).resolve())


def hidden_folder(path: PurePath) -> str | None:
    """Return the folder of a path that no app sees into, if there is one."""
    return next((folder for folder in HIDDEN if path.is_relative_to(folder)), None)


def on_host(run: Run) -> list[Interpreter]:
    """Return the Pythons that can be asked for by their version, the distribution's first."""
    known = (_ask(run, path) for path in [SYSTEM_PYTHON, *_candidates()] if not _flaw(Path(path)))
    return [python for python in known if python is not None]


def find(run: Run, wanted: str | None, here: Callable[[], Iterable[Interpreter]]) -> Interpreter:
    """Return the Python that an app asks for; `here` returns those of the host. Raises InterpreterError."""
    if wanted is None:
        own = _ask(run, SYSTEM_PYTHON)
        if own is None:
            raise InterpreterError(f"python: {SYSTEM_PYTHON} does not run; install the package python3")
        return own
    if VERSION.fullmatch(wanted):
        found = next((python for python in here() if python.version == wanted), None)
        if found is None:
            near = (path for path in _candidates() if path.endswith(f"/python{wanted}"))
            useless = "".join(f"; {path} {_flaw(Path(path)) or 'does not run'}" for path in near)
            raise MissingVersionError(f"the host has no Python {wanted}; it has {_listed(here())}{useless}")
        return found
    if flaw := _flaw(Path(wanted)):
        raise InterpreterError(f"python: {wanted} {flaw}; the host has {_listed(here())}")
    found = _ask(run, wanted)
    if found is None:
        raise InterpreterError(f"python: {wanted} does not run, or is no Python; the host has {_listed(here())}")
    return found


def unfit(description: Mapping[str, Any], python: Interpreter) -> str:
    """Return why what is to run an app cannot do so with this Python, or an empty text."""
    if not python.name.startswith("cpython-"):
        return f"python: {python.path} is {python.name}, and apps are run on CPython only; name another"
    of_virtualenv = is_own(description) or description.get("server") == "gunicorn"
    if not (of_virtualenv or python.is_distributions):
        return (
            f"uwsgi_engine: the host's uWSGI has the Python of {SYSTEM_PYTHON}, and no {python.version} "
            f"({python.path}); write uwsgi_engine: app, or leave it out"
        )
    return ""


def _candidates() -> list[str]:
    """Return what looks like a Python, by its name alone."""
    folders = [*FOLDERS, *sorted(FETCHED.glob("*/bin"))]
    files = [path for folder in folders if folder.is_dir() for path in sorted(folder.iterdir())]
    return [str(path) for path in files if _NAME.fullmatch(path.name)]


def _ask(run: Run, path: str) -> Interpreter | None:
    try:
        # What a link leads to: beside the link may be a virtualenv, and its packages run code of theirs at each start.
        # -S: nor those of the Python itself. -B: looking leaves no compiled files.
        code, out, _err = run([str(Path(path).resolve()), "-I", "-S", "-B", "-c", _TELL])
    except (OSError, RuntimeError):  # such as a file that nobody may execute
        return None
    name = out.strip()
    return Interpreter(path, name) if code == 0 and re.fullmatch(r"[a-z]+-\d+\.\d+", name) else None


def _flaw(path: Path) -> str:
    """Return why root should not run a file, or an app could not, or an empty text."""
    try:
        real = path.resolve(strict=True)
        if not real.is_file():
            return "is no file"
        if folder := hidden_folder(real):
            return f"is below {folder}, which no app sees; install it elsewhere, such as in /opt"
        # Root asks it for its version, and compiles with it.
        for part in _way(path):
            if _is_others(part.lstat()):
                return f"could be changed by others than root, because of {part}; give that to root alone"
    except (OSError, RuntimeError):
        return "does not exist"
    return ""


def _way(path: Path) -> list[Path]:
    """Return the folders that a path leads through, also by its links, and the file. Raises OSError."""
    here, way, links = Path("/"), [Path("/")], 0
    left = list(reversed(path.absolute().parts[1:]))
    while left:
        name = left.pop()
        if name == "..":
            here = here.parent
            continue
        step = here / name
        if step.is_symlink():
            links += 1
            if links > _MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
            target = step.readlink()
            if target.is_absolute():
                here = Path("/")
            left += reversed(target.parts[1:] if target.is_absolute() else target.parts)
            continue
        here = step
        way.append(here)
    return way


def _is_others(state: os.stat_result) -> bool:
    """Tell whether anybody but root may change a file, or what is in a folder."""
    by_group = state.st_gid != 0 and state.st_mode & stat.S_IWGRP
    return bool(state.st_uid != 0 or state.st_mode & stat.S_IWOTH or by_group)


def _listed(pythons: Iterable[Interpreter]) -> str:
    shown = [f"{python.version} ({python.path})" for python in pythons]
    return ", ".join(dict.fromkeys(shown)) or "none"
