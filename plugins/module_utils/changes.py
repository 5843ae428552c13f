# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Says in short lines what differs between what an app is and what it shall be; never a value of its environment."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

# No options, or told in lines of their own.
_NO_OPTIONS = frozenset(
    {
        *("name", "user", "builder", "root", "source", "recipe", "engine"),
        *("environment", "secrets", "secret_names", "auth_basic_users"),
    }
)
# More of it nobody reads, and it would bury the other apps.
_MOST_LINES = 40
_LONGEST = 160
_CREDENTIALS = re.compile(r"(?<=://)[^/\s]*@")
_PACKAGE = re.compile(r'^name = "(?P<name>[^"]+)"\nversion = "(?P<version>[^"]+)"', re.MULTILINE)


def without_credentials(text: str) -> str:
    """Return a text without the user and the password of any address in it."""
    return _CREDENTIALS.sub("", text)


def clean(line: str) -> str:
    """Return a line that a terminal shows as it is: no credentials, no control characters, not too long."""
    safe = "".join(sign if sign.isprintable() else "?" for sign in without_credentials(line))
    return safe if len(safe) <= _LONGEST else f"{safe[: _LONGEST - 1]}…"


def section(title: str, lines: Sequence[str]) -> list[str]:
    """Return a title with its lines below, or nothing if there are none."""
    return [f"  {title}", *(f"    {line}".rstrip() for line in lines)] if lines else []


def first(lines: Sequence[str], most: int = _MOST_LINES, total: int | None = None) -> list[str]:
    """Return the first lines, and how many more there are."""
    left = (len(lines) if total is None else total) - most
    return [*lines[:most], *([f"and {left} more"] if left > 0 else [])]


def revision_line(old: Mapping[str, Any], old_revision: str, new: Mapping[str, Any], new_revision: str) -> str:
    """Return how source and revision differ, or an empty text; `old` and `new` are the sources."""
    parts = [
        f"{what} {before} -> {after}"
        for what, before, after in (
            ("source", _place(old), _place(new)),
            ("revision", _short(old, old_revision), _short(new, new_revision)),
            ("version", old.get("version"), new.get("version")),
        )
        if before != after and after is not None and (what != "version" or (old.get("git") and new.get("git")))
    ]
    return clean(", ".join(parts))


def _place(source: Mapping[str, Any]) -> str:
    if source.get("git"):
        return str(source["git"])
    if source.get("archive"):
        # A file of the controller may stand there under another path for everybody who deploys.
        archive = str(source["archive"])
        return archive if "://" in archive else PurePosixPath(archive).name
    return "a folder of the controller"


def _short(source: Mapping[str, Any], revision: str) -> str:
    return revision[: 7 if source.get("git") else 12]


def environment_lines(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return the names of variables that come, go, or get another value."""
    before, after = old.get("environment") or {}, new.get("environment") or {}
    names = [*_names(before, after), *(f"~ {name}" for name in before if name in after and before[name] != after[name])]
    return [clean(name) for name in sorted(names, key=lambda line: line[2:])]


def secret_lines(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return the names of secrets that come or go; of their values a host knows only whether they are the same."""
    names = _names(old.get("secret_names") or (), new.get("secret_names") or ())
    if not names and (old.get("secrets") or "") != (new.get("secrets") or ""):
        return ["values changed"]
    return [clean(name) for name in names]


def _names(before: Iterable[str], after: Iterable[str]) -> list[str]:
    gone, come = set(before) - set(after), set(after) - set(before)
    return sorted((*(f"- {name}" for name in gone), *(f"+ {name}" for name in come)), key=lambda line: line[2:])


def option_lines(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return the options of an app that differ, with their values."""
    known = {key: value for key, value in old.items() if key not in _NO_OPTIONS}
    wanted = {key: value for key, value in new.items() if key not in _NO_OPTIONS}
    lines = [clean(line) for line in _options("", known, wanted)]
    # Digests, which tell nobody anything.
    if (old.get("auth_basic_users") or "") != (new.get("auth_basic_users") or ""):
        lines.append("auth_basic_users changed")
    untold = {"recipe": "the templates of the release changed", "engine": "the app's own uWSGI changed"}
    return [*lines, *(text for key, text in untold.items() if old.get(key) != new.get(key))]


def _options(prefix: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for key in sorted({*old, *new}):
        name, before, after = f"{prefix}{key}", old.get(key), new.get(key)
        if before == after:
            continue
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _options(f"{name}.", before, after)
        elif isinstance(before, list) and isinstance(after, list):
            yield from _items(name, before, after)
        else:
            yield f"{name}: {_shown(before)} -> {_shown(after)}"


def _items(name: str, before: list[Any], after: list[Any]) -> Iterator[str]:
    gone = [f"{name}: - {_shown(item)}" for item in before if item not in after]
    come = [f"{name}: + {_shown(item)}" for item in after if item not in before]
    # The first domain, for one, is the one that the check asks for.
    yield from [*gone, *come] or [f"{name}: {_shown(before)} -> {_shown(after)}"]


def _shown(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_shown(entry)}" for key, entry in value.items() if entry is not None)
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    return str(value)


def requirement_lines(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Return the requirements that go and come; both sides are texts by the names of their files."""
    before, after = _requirements(old), _requirements(new)
    lines = [f"- {line}" for line in before - after] + [f"+ {line}" for line in after - before]
    # A package's old line stands above its new one: '-' would come after '+'.
    ordered = sorted(lines, key=lambda line: (re.split(r"[^\w.-]", line[2:].lower())[0], line[0] == "+", line))
    return first([clean(line) for line in ordered])


def _requirements(files: Mapping[str, str]) -> set[str]:
    found = set[str]()
    # A lock says all that the declaration beside it does.
    locked = {name for name in files if PurePosixPath(name).name in ("uv.lock", "pylock.toml")}
    for name in locked or files:
        if name in locked:
            found |= {f"{package['name']}=={package['version']}" for package in _PACKAGE.finditer(files[name])}
        else:
            lines = (re.sub(r"(^|\s)#.*", "", line) for line in files[name].splitlines())
            found |= {line for line in (re.sub(r"(--hash[=\s].*|\\)$", "", line).strip() for line in lines) if line}
    return found


def file_lines(old: str, new: str) -> list[str]:
    """Return a unified diff, without the names of the files."""
    compared = difflib.unified_diff(old.splitlines(), new.splitlines(), n=1, lineterm="")
    return first([clean(line) for line in compared][2:])


def stranger_line(name: str) -> str:
    """Return what is said of an app on the host that the inventory does not list."""
    return f"{name}: on this host, not in the inventory; left alone"


def removal_lines(name: str, removed: Sequence[str], kept: Sequence[str]) -> list[str]:
    """Return what is said of an app that goes."""
    return [f"{name}: remove; state: absent", *section("goes", first(removed)), *section("stays", kept)]
