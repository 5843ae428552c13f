# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Virtualenvs: what goes into one, its name by that, and the commands that build it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.emperor.flask.plugins.module_utils.commands import SYSTEM_PYTHON
from ansible_collections.emperor.flask.plugins.module_utils.digests import digest

# In this order: a lock says more than a list, a list more than a declaration.
CANDIDATES = ("uv.lock", "pylock.toml", "requirements.txt", "pyproject.toml")
# Written last, so a virtualenv without it is unfinished. A virtualenv cannot be built aside and
# renamed: its scripts name the path that it was built at.
COMPLETE = ".emperor-complete"
_INCLUDE = re.compile(r"^\s*(?:-r|-c|--requirement|--constraint)[ =]\s*(\S+)", re.MULTILINE)
_HASH = re.compile(r"--hash[= ]sha(256|384|512):")


class RequirementsError(Exception):
    """The requirements cannot be used as they are."""


def find_requirements(source: Path, named: str | None, installer: str) -> Path | None:
    """Return the file that names what to install; None for an app that needs nothing."""
    if named is not None:
        if not (source / named).is_file():
            raise RequirementsError(f"requirements {named} does not exist in the source")
        return source / named
    found = next((source / name for name in CANDIDATES if (source / name).is_file()), None)
    if installer == "pip" and found is not None and found.name != "requirements.txt":
        if (source / "requirements.txt").is_file():
            return source / "requirements.txt"
        raise RequirementsError(f"installer pip cannot read {found.name}; use uv, or add a requirements.txt")
    return found


def virtualenv_id(source: Path, requirements: Path | None, installer: str, interpreter: str) -> str:
    """Return the name of the virtualenv: a digest of interpreter, installer and every file that counts."""
    files = {
        str(path.relative_to(source)): path.read_text(encoding="utf-8")
        for path in _inputs(source, requirements)
    }
    return digest([interpreter, installer, files])


def _inputs(source: Path, requirements: Path | None) -> Iterator[Path]:
    if requirements is None:
        return
    if requirements.name == "uv.lock":
        yield requirements.with_name("pyproject.toml")
    pending, seen = [requirements], set()
    while pending:
        path = pending.pop()
        if path in seen:
            continue
        seen.add(path)
        if not path.resolve().is_relative_to(source.resolve()):
            raise RequirementsError(f"{path} is outside the source")
        if not path.is_file():
            raise RequirementsError(f"{path.relative_to(source)} does not exist in the source")
        yield path
        if path.suffix == ".txt":
            pending += [path.parent / name for name in _INCLUDE.findall(path.read_text(encoding="utf-8"))]


def build_commands(
    target: Path, requirements: Path | None, installer: str, uv: Path, scratch: Path
) -> list[list[str]]:
    """Return the commands that build a virtualenv, to be run in the folder of the requirements."""
    python = str(target / "bin/python")
    if installer == "pip":
        commands = [[SYSTEM_PYTHON, "-m", "venv", str(target)]]
        if requirements is not None:
            commands.append(
                [python, "-m", "pip", "install", "--no-input", "--requirement", str(requirements)]
            )
        return commands
    commands = [[str(uv), "venv", "--allow-existing", "--python", SYSTEM_PYTHON, str(target)]]
    if requirements is None:
        return commands
    install = [str(uv), "pip", "install", "--compile-bytecode", "--python", python]
    if requirements.name == "uv.lock":
        exported = scratch / "requirements.txt"
        commands.append(
            [
                str(uv),
                "export",
                "--frozen",
                "--no-dev",
                "--no-emit-project",
                "--quiet",
                "--output-file",
                str(exported),
            ]
        )
        return [*commands, [*install, "--requirement", str(exported)]]
    if requirements.name == "pylock.toml":
        install += ["--preview-features", "pylock"]
    if requirements.suffix == ".txt" and _HASH.search(requirements.read_text(encoding="utf-8")):
        # One hash obliges all, as with pip: else a requirement without one would slip through.
        install.append("--require-hashes")
    return [*commands, [*install, "--requirement", str(requirements)]]
