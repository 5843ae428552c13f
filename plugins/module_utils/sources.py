# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Gets the source of an app onto the host: from git, or out of an archive."""

from __future__ import annotations

import hashlib
import lzma
import os
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

# Runs a command given as a list in an environment; returns exit code, stdout and stderr.
Run = Callable[[list[str]], "tuple[int, str, str]"]

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# What the libraries raise for a damaged, hostile or contradictory archive has no common base.
_UNREADABLE = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    *(OSError, EOFError, KeyError, NotImplementedError, RuntimeError),
)
GIT_ENVIRONMENT = {
    "GIT_TERMINAL_PROMPT": "0",  # ask nobody: fail
    "GIT_SSH_COMMAND": "ssh -o BatchMode=yes -o ConnectTimeout=20",
    "GIT_CONFIG_COUNT": "2",
    "GIT_CONFIG_KEY_0": "http.lowSpeedLimit",
    "GIT_CONFIG_VALUE_0": "1000",
    "GIT_CONFIG_KEY_1": "http.lowSpeedTime",
    "GIT_CONFIG_VALUE_1": "30",
}


class SourceError(Exception):
    """The source cannot be had, or is not what it should be."""


class Member(NamedTuple):
    """One entry of an archive: a file if it has `data`, a symbolic link if it has a `target`."""

    name: PurePosixPath
    data: IO[bytes] | None
    target: str | None
    program: bool


def resolve_version(run: Run, address: str, version: str) -> str:
    """Return the commit id that a branch, tag or commit id stands for now."""
    if _COMMIT.fullmatch(version):
        return version
    names = (
        ["HEAD"]
        if version == "HEAD"
        else [f"refs/heads/{version}", f"refs/tags/{version}", f"refs/tags/{version}^{{}}"]
    )
    code, out, err = run(["git", "ls-remote", "--", address, *names])
    if code != 0:
        raise SourceError(f"git cannot read {address}: {_last_line(err)}")
    found = {name: commit for commit, _, name in (line.partition("\t") for line in out.splitlines())}
    for name in (f"refs/tags/{version}^{{}}", *names):  # an annotated tag names its commit with ^{}
        if name in found:
            return found[name]
    raise SourceError(f"{address} has no branch or tag '{version}'; a commit is named by all its 40 digits")


def fetch_commit(run: Run, address: str, commit: str, mirror: Path, version: str) -> None:
    """Bring a commit into the bare repository `mirror`, from the network only if it is not there."""
    git = ["git", "--git-dir", str(mirror)]
    # Nobody but root: it holds the code that the release hides from the neighbours.
    mirror.mkdir(mode=0o700, exist_ok=True)
    mirror.chmod(0o700)
    if not (mirror / "HEAD").exists():
        code, _out, err = run(["git", "init", "--quiet", "--bare", str(mirror)])
        if code != 0:
            raise SourceError(f"git cannot make {mirror}: {_last_line(err)}")
    if run([*git, "cat-file", "-e", f"{commit}^{{commit}}"])[0] == 0:
        return
    wanted = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]
    code, _out, err = run([*git, "fetch", "--quiet", "--prune", "--", address, *wanted])
    if code == 0 and run([*git, "cat-file", "-e", f"{commit}^{{commit}}"])[0] != 0:
        # On no branch and no tag any more: many servers still give it by its id.
        code, _out, err = run([*git, "fetch", "--quiet", "--", address, commit])
    if code != 0:
        raise SourceError(f"git cannot fetch {version} ({commit[:12]}) from {address}: {_last_line(err)}")


def export_commit(run: Run, commit: str, mirror: Path, archive: Path) -> None:
    """Write the files of a commit as a tar archive."""
    code, _out, err = run(["git", "--git-dir", str(mirror), "archive", "--format=tar", f"--output={archive}", commit])
    if code != 0:
        raise SourceError(f"git cannot export {commit[:12]}: {_last_line(err)}")


def verify_checksum(archive: Path, checksum: str) -> None:
    """Compare an archive with `sha256:<digest>`."""
    total = hashlib.sha256()
    with archive.open("rb") as file:
        while block := file.read(1 << 20):
            total.update(block)
    found = f"sha256:{total.hexdigest()}"
    if found != checksum:
        raise SourceError(f"the archive's checksum is {found}, not {checksum}")


def unpack(archive: Path, target: Path, strip: bool) -> None:
    """Unpack a tar or zip archive into the new directory `target`.

    Only plain files, folders and links that stay inside are taken. Links are made last, so that no
    file can be written through one. `strip` drops a single folder that holds all the rest.
    """
    try:
        _unpack(archive, target, strip)
    except _UNREADABLE as error:
        raise SourceError(f"not a readable tar or zip archive: {error}") from error
    _refuse_links_out_of(target)


def _unpack(archive: Path, target: Path, strip: bool) -> None:
    target.mkdir()
    links: list[tuple[Path, str]] = []
    for member in _members(archive):
        path = target / member.name
        if member.target is not None:
            links.append((path, member.target))
        elif member.data is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            with member.data as source, path.open("wb") as file:
                shutil.copyfileobj(source, file)
            path.chmod(0o755 if member.program else 0o644)
        else:
            path.mkdir(parents=True, exist_ok=True)
    places = {path for path, _destination in links}
    for path, destination in links:
        # Nothing is made through a link: a chain of them can lead anywhere, whatever each one says.
        if places.intersection(path.parents):
            raise SourceError(f"{path.relative_to(target)} stands below a link")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(destination)
    if strip:
        _strip_single_folder(target)


def _refuse_links_out_of(root: Path) -> None:
    """Look where links really lead, now that all are there: one may go through another."""
    for folder, folders, names in os.walk(root):
        for path in (Path(folder, name) for name in (*folders, *names)):
            if not path.is_symlink():
                continue
            destination = path.readlink()
            try:
                leaves = destination.is_absolute() or not path.resolve().is_relative_to(root.resolve())
            except (OSError, RuntimeError):  # a circle of links; which of them depends on the Python
                leaves = True
            if leaves:
                raise SourceError(f"link {path.relative_to(root)} leads out of the source, to {destination}")


def _strip_single_folder(target: Path) -> None:
    entries = list(target.iterdir())
    if len(entries) == 1 and entries[0].is_dir() and not entries[0].is_symlink():
        aside = target.with_name(f"{target.name}.strip")
        entries[0].rename(aside)
        target.rmdir()
        aside.rename(target)


def _members(archive: Path) -> Iterator[Member]:
    if zipfile.is_zipfile(archive):
        yield from _zip_members(archive)
    else:
        yield from _tar_members(archive)


def _tar_members(archive: Path) -> Iterator[Member]:
    with tarfile.open(archive) as tar:
        for entry in tar:
            name = _safe_name(entry.name)
            if entry.isdir():
                yield Member(name, None, None, False)
            elif entry.issym():
                yield Member(name, None, entry.linkname, False)
            elif entry.isfile() or entry.islnk():
                yield Member(name, tar.extractfile(entry), None, bool(entry.mode & 0o100))
            else:
                raise SourceError(f"{entry.name} is a device or a pipe")


def _zip_members(archive: Path) -> Iterator[Member]:
    with zipfile.ZipFile(archive) as zipped:
        for entry in zipped.infolist():
            name = _safe_name(entry.filename)
            mode = entry.external_attr >> 16
            if entry.is_dir():
                yield Member(name, None, None, False)
            elif stat.S_ISLNK(mode):
                yield Member(name, None, zipped.read(entry).decode("utf-8", "surrogateescape"), False)
            else:
                yield Member(name, zipped.open(entry), None, bool(mode & 0o100))


def _safe_name(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise SourceError(f"{name!r} leads out of the source")
    return path


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1] if lines else "no message"
