# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""A folder on the controller as a source: which files count, their digest, one archive of them."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

# Never part of an app, whether or not a .gitignore says so.
_NEVER = frozenset({".git", ".hg", ".svn", "__pycache__", ".venv", "venv", "node_modules"})


class SourceTree:
    """The files of one folder, without what git is told to ignore and the paths of `ignored`."""

    def __init__(self, root: Path, ignored: list[str]) -> None:
        self.root = root
        self._ignored = ignored

    @classmethod
    def find(cls, path: str, search: list[str], folder: bool = True) -> Path | None:
        """Return the first existing place of `path` below the folders of `search`, or None."""
        for start in search:
            candidate = Path(start) / os.path.expanduser(path)  # noqa: PTH111 - leaves an unknown ~user
            # Unlike Path's own methods, these say no to a path that is too long to exist.
            if os.path.isdir(candidate) if folder else os.path.isfile(candidate):  # noqa: PTH112, PTH113
                return candidate.resolve()
        return None

    def files(self) -> list[Path]:
        """Return the files and symbolic links, relative to the root, in a stable order."""
        ignored = set(self._ignored)
        listed = [name for name in self._list() if not _NEVER.intersection(name.parts) and name.suffix != ".pyc"]
        return sorted(name for name in listed if not any(str(part) in ignored for part in (name, *name.parents)))

    def revision(self) -> str:
        """Return a digest of names, executable bits and contents."""
        total = hashlib.sha256()
        for name in self.files():
            path = self.root / name
            info = path.lstat()
            if stat.S_ISLNK(info.st_mode):
                kind, content = "link", os.fsencode(path.readlink())
            else:
                kind = "program" if info.st_mode & 0o100 else "file"
                content = _file_digest(path)
            total.update(f"{kind} {len(content)} ".encode() + os.fsencode(str(name)) + b"\0" + content)
        return total.hexdigest()

    def write_archive(self, target: IO[bytes]) -> None:
        """Write a compressed tar archive of the files, owned by root and with plain modes."""
        with tarfile.open(fileobj=target, mode="w:gz", compresslevel=1) as archive:
            for name in self.files():
                archive.add(self.root / name, arcname=str(name), recursive=False, filter=_plain)

    def _list(self) -> list[Path]:
        with tempfile.TemporaryDirectory(prefix="emperor-flask-") as repository:
            if shutil.which("git") and _git("init", "--quiet", "--bare", repository) is not None:
                return list(_unignored(self.root, Path(), repository))
        walk = os.walk(self.root)
        found = (Path(folder, name) for folder, folders, names in walk for name in folders + names)
        return [path.relative_to(self.root) for path in found if path.is_symlink() or path.is_file()]


def _unignored(root: Path, below: Path, repository: str) -> Iterator[Path]:
    """Yield what git would not ignore, asked through an empty repository of our own.

    The folder's own repository is never used: its configuration can name commands that git runs.
    """
    place = (f"--git-dir={repository}", f"--work-tree={root / below}", "-C", str(root / below))
    listed = _git(*place, "ls-files", "-z", "--others", "--exclude-standard")
    if listed is None:
        raise OSError(f"git cannot list {root / below}; look at its .gitignore files")
    for name in (below / os.fsdecode(name) for name in listed.split(b"\0") if name):
        if (root / name).is_dir() and not (root / name).is_symlink():
            yield from _unignored(root, name, repository)  # a repository in the folder, such as a submodule
        else:
            yield name


def _git(*arguments: str) -> bytes | None:
    result = subprocess.run(["git", *arguments], capture_output=True, check=False, timeout=60)
    return result.stdout if result.returncode == 0 else None


def _file_digest(path: Path) -> bytes:
    total = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            total.update(block)
    return total.digest()


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mode = 0o755 if entry.mode & 0o100 else 0o644
    return entry
