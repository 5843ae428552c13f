# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Virtualenvs: what goes into one, its name by that, and the commands that build it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from ansible_collections.emperor.flask.plugins.module_utils.commands import SYSTEM_PYTHON
from ansible_collections.emperor.flask.plugins.module_utils.digests import digest, tree_digest
from ansible_collections.emperor.flask.plugins.module_utils.files import differs

# In this order: a lock says more than a list, a list more than a declaration.
CANDIDATES = ("uv.lock", "pylock.toml", "requirements.txt", "pyproject.toml")
MARKER_SUFFIX = ".complete"
_INCLUDE = re.compile(r"^[^\S\n]*(?:-[rc](?:\s*=)?|--(?:requirement|constraint)[\s=])\s*(\S+)", re.MULTILINE)
_EDITABLE = re.compile(r"^[^\S\n]*(?:-e\b|--editable\b)", re.MULTILINE)
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


def virtualenv_id(source: Path, files: Mapping[Path, str], installer: str, interpreter: str, engine: str = "") -> str:
    """Return the name of the virtualenv: a digest of interpreter, installer, engine and every file that counts."""
    inputs = {str(path.relative_to(source)): text for path, text in files.items()}
    # What is installed from the source itself changes with it.
    of_source = tree_digest(source) if needs_source(files) else ""
    return digest([interpreter, installer, inputs, of_source, *([engine] if engine else [])])


def has_hashes(files: Mapping[Path, str]) -> bool:
    """Tell whether a hash stands in any of the files."""
    return any(_HASH.search(text) for text in files.values())


def marker(virtualenv: Path) -> Path:
    """Return the file that says that a virtualenv is complete.

    It is written last, beside the virtualenv: inside, the builder could have put it there. (A virtualenv
    cannot be built aside and renamed, since its scripts name the path that it was built at.)
    """
    return virtualenv.with_name(virtualenv.name + MARKER_SUFFIX)


def is_complete(virtualenv: Path, user: str) -> bool:
    """Tell whether a virtualenv was built to its end, for the app's user of today, and still has its Python."""
    python = virtualenv / "bin/python"
    if python.is_symlink() and not python.exists():
        return False
    return marker(virtualenv).exists() and not differs(virtualenv, "root", user, 0o750)


def needs_source(files: Mapping[Path, str]) -> bool:
    """Tell whether a requirement is a file or folder of the source itself."""
    texts = (text for path, text in files.items() if path.suffix == ".txt")
    return any(_is_local(line) for text in texts for line in text.splitlines())


def _is_local(line: str) -> bool:
    requirement = re.sub(r"(^|\s)#.*", "", line).partition(";")[0].strip()
    if not requirement or requirement.startswith("-"):
        return False
    return requirement.startswith(".") or "file:" in requirement or ("/" in requirement and "://" not in requirement)


def read_inputs(source: Path, requirements: Path) -> dict[Path, str]:
    """Return the content of the file and of those that it includes, none of them outside the source."""
    pending = [requirements]
    if requirements.name == "uv.lock":
        pending.append(requirements.with_name("pyproject.toml"))
    found: dict[Path, str] = {}
    while pending:
        path = pending.pop()
        if path in found:
            continue
        if not path.resolve().is_relative_to(source.resolve()):
            raise RequirementsError(f"{path} is outside the source")
        found[path] = _read(path)
        if path.suffix == ".txt" and _EDITABLE.search(found[path]):
            raise RequirementsError(f"{path.name} asks for an editable install; write the path without -e")
        pending += includes(path, found[path])
    return found


def includes(path: Path, text: str) -> list[Path]:
    """Return the files that a file of requirements includes, beside which their names start."""
    return [path.parent / name for name in _INCLUDE.findall(text)] if path.suffix == ".txt" else []


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RequirementsError(f"{path.name} does not exist in the source") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RequirementsError(f"{path.name} cannot be read: {error}") from error


def build_commands(
    target: Path,
    requirements: Path | None,
    installer: str,
    uv: Path,
    hashed: bool = False,
    base: str = SYSTEM_PYTHON,
) -> list[list[str]]:
    """Return the commands that build a virtualenv, to be run in the folder of the requirements.

    `hashed` says that a hash stands somewhere in them; `base` is the Python that it is made from.
    """
    python = str(target / "bin/python")
    if installer == "pip":
        commands = [[base, "-m", "venv", str(target)]]
        if requirements is not None:
            commands.append([python, "-m", "pip", "install", "--no-input", "--requirement", str(requirements)])
        return commands
    commands = [[str(uv), "venv", "--allow-existing", "--python", base, str(target)]]
    if requirements is None:
        return commands
    install = [str(uv), "pip", "install", "--compile-bytecode", "--python", python]
    if requirements.name == "uv.lock":
        exported = str(target / "requirements.txt")
        export = ["export", "--frozen", "--no-dev", "--no-emit-project", "--quiet"]
        commands.append([str(uv), *export, "--output-file", exported])
        return [*commands, [*install, "--requirement", exported]]
    if requirements.name == "pylock.toml":
        install += ["--preview-features", "pylock"]
    if hashed and requirements.suffix == ".txt":
        # One hash obliges all, as with pip: else a requirement without one would slip through.
        install.append("--require-hashes")
    return [*commands, [*install, "--requirement", str(requirements)]]


def engine_command(target: Path, pinned: Path, installer: str, uv: Path) -> list[str]:
    """Return the command that adds a uWSGI to a virtualenv: as a wheel or, where there is none, from its source."""
    python = str(target / "bin/python")
    begin = [python, "-m", "pip"] if installer == "pip" else [str(uv), "pip"]
    into = ["--no-input"] if installer == "pip" else ["--python", python]
    return [*begin, "install", *into, "--require-hashes", "--requirement", str(pinned)]
