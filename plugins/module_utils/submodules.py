# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Brings a commit with all its submodules onto the host, each repository bare.

Nothing of a repository is ever run or obeyed: there is no working tree, so no hook and no filter, and
`.gitmodules` is data that is read out of the commit.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ansible_collections.emperor.flask.plugins.module_utils.git_addresses import (
    has_password,
    is_address,
    is_local,
    resolve,
)
from ansible_collections.emperor.flask.plugins.module_utils.sources import (
    LOCAL_ENVIRONMENT,
    Run,
    SourceError,
    export_commit,
    fetch_commit,
    graft,
    refuse_links_out_of,
    unpack,
)
from ansible_collections.emperor.flask.plugins.module_utils.ssh_access import HOST_ACCESS, SshAccess

# Far more than anybody has; a repository that names itself, or thousands of others, ends here.
_DEPTH, _COUNT = 8, 100
_GITLINK, _FILE = "160000", "100"
_KEY = re.compile(r"submodule\.(?P<name>.+)\.(?P<key>path|url|update)", re.DOTALL)


@dataclass(frozen=True)
class Part:
    """A repository at one commit, and where its files belong; the app's own has the path `.`."""

    path: PurePosixPath
    address: str
    commit: str
    mirror: Path


@dataclass(frozen=True)
class Submodule:
    """What a commit says about one of its submodules; `url` is as it was written."""

    path: PurePosixPath
    commit: str
    url: str


def fetch_source(
    run: Run, address: str, commit: str, repository: Path, version: str, ssh: SshAccess = HOST_ACCESS
) -> list[Part]:
    """Fetch what is new of a commit and of its submodules; return all parts, outer ones first."""
    fetch_commit(run, address, commit, repository, version, ssh)
    parts = [Part(PurePosixPath(), address, commit, repository)]
    level = list(parts)
    for _depth in range(_DEPTH):
        level = [inner for outer in level for inner in _fetch_inner(run, outer, repository, ssh, parts)]
        if not level:
            return parts
    raise SourceError(f"submodule {level[0].path} is nested more than {_DEPTH} deep")


def _fetch_inner(run: Run, outer: Part, repository: Path, ssh: SshAccess, parts: list[Part]) -> Iterator[Part]:
    """Fetch the submodules of a part, and add them to `parts`."""
    for found in read_submodules(run, outer.mirror, outer.commit):
        path = outer.path / found.path
        address = submodule_address(outer.address, found.url, path)
        if len(parts) > _COUNT:
            raise SourceError(f"the source has more than {_COUNT} submodules")
        mirror = mirror_of(repository, address)
        mirror.parent.mkdir(mode=0o700, exist_ok=True)
        local = is_local(outer.address)
        fetch_commit(run, address, found.commit, mirror, f"submodule {path}", ssh, local)
        parts.append(Part(path, address, found.commit, mirror))
        yield parts[-1]


def export_source(run: Run, parts: list[Part], scratch: Path, target: Path) -> None:
    """Write the files of all parts into the new folder `target`."""
    for part in parts:
        archive = scratch / "part.tar"
        export_commit(run, part.commit, part.mirror, archive)
        if part.path.parts:
            graft(archive, target, part.path)
        else:
            unpack(archive, target, strip=False)
        archive.unlink()
    refuse_links_out_of(target)


def mirror_of(repository: Path, address: str) -> Path:
    """Return where the bare repository of a submodule is kept: one for each address."""
    return repository / "modules" / f"{hashlib.sha256(address.encode('utf-8')).hexdigest()[:16]}.git"


def submodule_address(parent: str, url: str, path: PurePosixPath) -> str:
    """Return the absolute address of a submodule, or say why it cannot be one."""
    address = resolve(parent, url)
    if not is_address(address):
        raise SourceError(f"submodule {path} has the address {address!r}; give https://…, ssh://… or ../name.git")
    if has_password(address):
        raise SourceError(f"submodule {path} has a password in its address, which logs would show; use source.key")
    if is_local(address) and not is_local(parent):
        raise SourceError(f"submodule {path} has the address {address}, a file of the host; give https://… or ssh://…")
    return address


def read_submodules(run: Run, mirror: Path, commit: str) -> list[Submodule]:
    """Return the submodules of a commit, without those that shall not be checked out."""
    git = ["git", "--git-dir", str(mirror)]
    listed = _read(run, [*git, "ls-tree", "-r", "-z", "--full-tree", commit], commit)
    links, described = [], False
    for mode, commit_id, name in _entries(listed):
        if mode == _GITLINK:
            links.append((_checked_path(name), commit_id))
        elif name == ".gitmodules":
            described = mode.startswith(_FILE)
    if not links:
        return []
    settings = {}
    if described:
        blob = f"--blob={commit}:.gitmodules"
        settings = parse_settings(_read(run, [*git, "config", blob, "--no-includes", "-z", "--list"], commit))
    found = []
    for path, commit_id in links:
        own = settings.get(str(path), {})
        if own.get("update") == "none":
            continue
        if not own.get("url"):
            raise SourceError(
                f"folder {path} is a submodule that .gitmodules gives no address; add it with "
                "git submodule add, or remove it with git rm --cached"
            )
        found.append(Submodule(path, commit_id, own["url"]))
    return found


def parse_settings(listed: str) -> dict[str, dict[str, str]]:
    """Return the settings of each submodule by its path, from what `git config -z --list` prints."""
    by_name: dict[str, dict[str, str]] = {}
    for entry in listed.split("\0"):
        key, _newline, value = entry.partition("\n")
        match = _KEY.fullmatch(key)
        if match:
            by_name.setdefault(match["name"], {})[match["key"]] = value
    return {own["path"].removesuffix("/"): own for own in by_name.values() if "path" in own}


def _entries(listed: str) -> Iterator[tuple[str, str, str]]:
    """Yield mode, object id and name of what `git ls-tree -z` lists."""
    for entry in filter(None, listed.split("\0")):
        head, _tab, name = entry.partition("\t")
        mode, _kind, object_id = head.split(" ")
        yield mode, object_id, name


def _checked_path(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or {"..", ".git"}.intersection(path.parts) or not name.isprintable():
        raise SourceError(f"submodule {name!r} has a path that leads out of the source, or one that nobody can type")
    return path


def _read(run: Run, command: list[str], commit: str) -> str:
    code, out, err = run(command, LOCAL_ENVIRONMENT)
    if code != 0:
        raise SourceError(f"git cannot read the submodules of {commit[:12]}: {err.strip()}")
    return out
