# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Settings of the kernel, as files in sysctl.d wish for them and as they are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SETTINGS = Path("/proc/sys")
# Of files of the same name the first is read; all are read in the order of their names.
FOLDERS = (Path("/etc/sysctl.d"), Path("/run/sysctl.d"), Path("/usr/local/lib/sysctl.d"), Path("/usr/lib/sysctl.d"))


@dataclass(frozen=True)
class Setting:
    """A setting that is not as a file wishes it."""

    path: Path
    value: str
    now: str

    @property
    def key(self) -> str:
        return ".".join(self.path.relative_to(SETTINGS).parts)

    @property
    def is_writable(self) -> bool:
        return os.access(self.path, os.W_OK)


def differing(file: Path) -> list[Setting]:
    """Return what is not as the file wishes it, where no file after it has another wish. Raises OSError."""
    later = {path for other in _after(file) for path, _ in _wishes(other)}
    found = []
    for path, value in _wishes(file):
        now = _read(path)
        if path not in later and now is not None and now.split() != value.split():
            found.append(Setting(path, value, now))
    return found


def apply(file: Path) -> list[str]:
    """Set what differs; return what the kernel refuses. Raises OSError if the file cannot be read."""
    return [refusal for setting in differing(file) if (refusal := _set(setting))]


def _set(setting: Setting) -> str:
    try:
        setting.path.write_text(f"{setting.value}\n", encoding="ascii")
    except OSError as error:
        return f"{setting.key} ({error.strerror})"
    return ""


def _after(file: Path) -> list[Path]:
    names: dict[str, Path] = {}
    for folder in FOLDERS:
        for other in sorted(folder.glob("*.conf")):
            names.setdefault(other.name, other)
    return [names[name] for name in sorted(names) if name > file.name]


def _wishes(file: Path) -> Iterator[tuple[Path, str]]:
    """Yield each setting that is there with its wished value; a `*` stands for all of a folder."""
    found: dict[Path, str] = {}
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        key, equals, value = line.strip().partition("=")
        if not equals or key[:1] in "#;":
            continue
        pattern = key.strip().removeprefix("-")
        # As sysctl has it: the first separator says which of both is one.
        separators = [letter for letter in pattern if letter in "./"]
        if separators[:1] == ["."]:
            pattern = pattern.translate(str.maketrans("./", "/."))
        for path in sorted(SETTINGS.glob(pattern)) if pattern else []:
            found[path] = value.strip()
    yield from found.items()


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return None
