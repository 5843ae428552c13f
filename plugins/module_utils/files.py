# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Changes to files that are either done or not: a crash leaves the old or the new, never a mixture."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Iterable
from pathlib import Path

from ansible_collections.emperor.flask.plugins.module_utils.diagnosis import visible

# Of what rm says; names in it are the app's.
_LONGEST = 400


def user_id(name: str) -> int | None:
    """Return the id of a user, or None if there is no such user (a host before its first run)."""
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


def group_id(name: str) -> int | None:
    """Return the id of a group, or None if there is no such group."""
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def differs(path: Path, owner: str, group: str, mode: int) -> bool:
    """Tell whether the path lacks this owner, group or mode, or does not exist."""
    try:
        info = path.lstat()
    except FileNotFoundError:
        return True
    return (info.st_uid, info.st_gid, stat.S_IMODE(info.st_mode)) != (
        user_id(owner),
        group_id(group),
        mode,
    )


def set_access(path: Path, owner: str | int, group: str | int, mode: int) -> None:
    """Give a file or directory its owner and group, by name or number, and mode. Raises LookupError."""
    uid = owner if isinstance(owner, int) else user_id(owner)
    gid = group if isinstance(group, int) else group_id(group)
    if uid is None or gid is None:
        raise LookupError(f"there is no {f'user {owner}' if uid is None else f'group {group}'}")
    os.chown(path, uid, gid, follow_symlinks=False)
    # After chown, which clears the set-group-id bit.
    path.chmod(mode)


def make_directory(path: Path) -> None:
    """Make a directory and what is missing above it, 0755 whatever the umask is."""
    for missing in reversed([folder for folder in (path, *path.parents) if not folder.exists()]):
        missing.mkdir(exist_ok=True)
        missing.chmod(0o755)


def write_file(path: Path, content: bytes, owner: str | int, group: str | int, mode: int) -> None:
    """Replace a file by rename, under a name until then that neither nginx nor the emperor takes."""
    temporary = path.parent / f".{path.name}.{os.getpid()}.tmp"
    try:
        # Mode 0600 from the first byte on: what is written may be secret.
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            set_access(temporary, owner, group, mode)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_directory(path.parent)


def point_link(link: Path, target: str, owner: str | None = None) -> bool:
    """Make `link` a symbolic link to `target` by rename; return whether that changed anything."""
    current = str(link.readlink()) if link.is_symlink() else None
    if current == target and (owner is None or link.lstat().st_uid == user_id(owner)):
        return False
    temporary = link.parent / f".{link.name}.{os.getpid()}.tmp"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    if owner is not None:
        account = pwd.getpwnam(owner)
        os.lchown(temporary, account.pw_uid, account.pw_gid)
    temporary.rename(link)
    sync_directory(link.parent)
    return True


def sync_directory(path: Path) -> None:
    """Make renames in a directory durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(root: Path) -> None:
    """Make every file and directory below `root` durable."""
    for folder, _folders, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            if path.is_symlink() or not path.is_file():
                continue
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        sync_directory(Path(folder))


def own_tree(root: Path, group: str, owner: str = "root") -> None:
    """Make a tree the owner's, readable to `group` alone; links are not followed, programs stay programs."""
    uid, gid = pwd.getpwnam(owner).pw_uid, grp.getgrnam(group).gr_gid
    for path in (root, *_walk(root)):
        os.lchown(path, uid, gid)
        if not path.is_symlink():
            program = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o750 if program else 0o640)


def copy_public(source: Path, target: Path, within: Path) -> None:
    """Copy a folder or a file; a link becomes the file that it points to, and must not lead out of `within`."""
    boundary = within.resolve()
    for path in (source, *_walk(source)):
        if not path.resolve().is_relative_to(boundary):
            raise ValueError(f"{path.relative_to(within)} leads out of the app, to {path.resolve()}")
        if path.is_symlink() and path.is_dir():
            raise ValueError(f"{path.relative_to(within)} is a link to a folder; name that folder instead")
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)


def remove_tree(path: Path) -> None:
    """Remove a directory tree, a link or a file; it may be gone already. Raises OSError.

    What is mounted below it stays, and is an error.
    """
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    # Not by Python, which calls itself and keeps a file open for each folder: an app may have nested thousands.
    done = subprocess.run(
        ["rm", "-rf", "--one-file-system", "--", str(path)],
        env={**os.environ, "LC_ALL": "C"},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        raise _of_rm(done.stderr, path)


def _of_rm(said: str, path: Path) -> OSError:
    """Return the error that rm tells, with its number if that is known."""
    first = visible(said.partition("\n")[0][:_LONGEST])
    numbers = (number for number in errno.errorcode if first.endswith(f": {os.strerror(number)}"))
    number = next(numbers, errno.EIO)
    return OSError(number, first or os.strerror(number), str(path))


def _walk(root: Path) -> Iterable[Path]:
    for folder, folders, names in os.walk(root):
        for name in (*folders, *names):
            yield Path(folder, name)
