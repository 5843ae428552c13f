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
            candidate = Path(start) / Path(path).expanduser()
            if candidate.is_dir() if folder else candidate.is_file():
                return candidate.resolve()
        return None

    def files(self) -> list[Path]:
        """Return the files and symbolic links, relative to the root, in a stable order."""
        ignored = set(self._ignored)
        listed = [
            name for name in self._list() if not _NEVER.intersection(name.parts) and name.suffix != ".pyc"
        ]
        return sorted(
            name for name in listed if not any(str(part) in ignored for part in (name, *name.parents))
        )

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
        if shutil.which("git"):
            listed = self._list_with_git()
            if listed is not None:
                return listed
        return [
            (Path(folder) / name).relative_to(self.root)
            for folder, _folders, names in os.walk(self.root)
            for name in names
        ]

    def _list_with_git(self) -> list[Path] | None:
        tracked = _git(["-C", str(self.root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        if tracked is None:
            # No repository around it: an empty one elsewhere makes git apply the .gitignore all the same.
            with tempfile.TemporaryDirectory(prefix="emperor-flask-") as folder:
                if _git(["init", "--quiet", "--bare", folder]) is None:
                    return None
                place = [f"--git-dir={folder}", f"--work-tree={self.root}", "-C", str(self.root)]
                tracked = _git([*place, "ls-files", "-z", "--others", "--exclude-standard"])
        if tracked is None:
            return None
        names = {Path(os.fsdecode(name)) for name in tracked.split(b"\0") if name}
        # A deleted file stays in git's index; a nested repository is listed as a folder.
        return [name for name in names if (self.root / name).is_symlink() or (self.root / name).is_file()]


def _git(arguments: list[str]) -> bytes | None:
    # The folder may belong to somebody else than the person who deploys it; listing runs none of its code.
    command = ["git", "-c", "safe.directory=*", "-c", "core.fsmonitor=false", *arguments]
    result = subprocess.run(command, capture_output=True, check=False, timeout=60)
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
