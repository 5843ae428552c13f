# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Gets the source of an app onto the host: from git, or out of an archive."""

from __future__ import annotations

import hashlib
import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

from ansible_collections.emperor.flask.plugins.module_utils.changes import clean
from ansible_collections.emperor.flask.plugins.module_utils.git_addresses import is_commit, ssh_server
from ansible_collections.emperor.flask.plugins.module_utils.ssh_access import HOST_ACCESS, SshAccess

# Runs a command given as a list, with some more environment; returns exit code, stdout and stderr.
Run = Callable[[list[str], Mapping[str, str]], "tuple[int, str, str]"]

# What the libraries raise for a damaged, hostile or contradictory archive has no common base.
_UNREADABLE = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    *(OSError, EOFError, KeyError, NotImplementedError, RuntimeError),
)
_QUIET = {
    "LC_ALL": "C.UTF-8",  # messages are looked at
    "GIT_TERMINAL_PROMPT": "0",  # ask nobody: fail
}
# For what stands on the host already. Without the host's configuration no attribute of a file in the
# repository can name a filter to run.
LOCAL_ENVIRONMENT = {**_QUIET, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
_REMOTE_ENVIRONMENT = {
    **_QUIET,
    "GIT_CONFIG_COUNT": "2",
    "GIT_CONFIG_KEY_0": "http.lowSpeedLimit",
    "GIT_CONFIG_VALUE_0": "1000",
    "GIT_CONFIG_KEY_1": "http.lowSpeedTime",
    "GIT_CONFIG_VALUE_1": "30",
}
# A server that drops packets answers neither yes nor no; the plan of all apps waits for this one.
_ANSWER_SECONDS = 60
# By ssh, a server that is alive and sends nothing would keep the app's lock for ever.
_FETCH_SECONDS = 1800


class SourceError(Exception):
    """The source cannot be had, or is not what it should be."""


class UnreachableError(SourceError):
    """A git server does not answer, or not to us."""


class Member(NamedTuple):
    """One entry of an archive: a file if it has `data`, a symbolic link if it has a `target`."""

    name: PurePosixPath
    data: IO[bytes] | None
    target: str | None
    program: bool


@dataclass(frozen=True)
class Revision:
    """What a version stands for now; without a commit, `error` says why, or it cannot be asked yet."""

    commit: str | None
    error: str = ""
    warning: str = ""


def find_revision(
    run: Run, app: str, address: str, version: str, ssh: SshAccess, manifest: Mapping[str, Any]
) -> Revision:
    """Ask the server what a version stands for; if it does not answer, what it stood for at the last deploy.

    `manifest` is that of the release that gets the traffic.
    """
    # The release would be named after the commit.
    about = f"app {app}, version {version}"
    try:
        return Revision(resolve_version(run, address, version, ssh))
    except UnreachableError as error:
        known = known_revision(manifest, address, version)
        if known is None:
            return Revision(None, error=f"{about}: {error}")
        return Revision(
            known,
            warning=f"{about}: {error}; goes on with what that was at the last deploy, commit {known[:12]}",
        )
    except SourceError as error:
        return Revision(None, error=f"{about}: {error}")


def known_revision(manifest: Mapping[str, Any], address: str, version: str) -> str | None:
    """Return the commit of a release if it was made from this very address and version."""
    source, revision = manifest.get("source"), manifest.get("revision")
    if not isinstance(source, Mapping) or not isinstance(revision, str) or not is_commit(revision):
        return None
    return revision if (source.get("git"), source.get("version")) == (address, version) else None


def resolve_version(run: Run, address: str, version: str, ssh: SshAccess = HOST_ACCESS) -> str:
    """Return the commit id that a branch, tag or commit id stands for now."""
    if is_commit(version):
        return version
    names = (
        ["HEAD"]
        if version == "HEAD"
        else [f"refs/heads/{version}", f"refs/tags/{version}", f"refs/tags/{version}^{{}}"]
    )
    limit = ["timeout", "--kill-after=5", str(_ANSWER_SECONDS)]
    code, out, err = run([*limit, "git", "ls-remote", "--", address, *names], _remote_environment(ssh))
    if code in (124, 137):
        err = f"no answer within {_ANSWER_SECONDS} s"
    if code != 0:
        raise UnreachableError(f"git cannot read {address}: {explain(address, err, ssh)}")
    found = {name: commit for commit, _, name in (line.partition("\t") for line in out.splitlines())}
    for name in (f"refs/tags/{version}^{{}}", *names):  # an annotated tag names its commit with ^{}
        if name in found:
            return found[name]
    raise SourceError(f"{address} has no branch or tag '{version}'; a commit is named by all its 40 digits")


def fetch_commit(
    run: Run,
    address: str,
    commit: str,
    mirror: Path,
    version: str,
    ssh: SshAccess = HOST_ACCESS,
    local: bool = True,
) -> None:
    """Bring a commit into the bare repository `mirror`, from the network only if it is not there.

    Without `local`, nothing is fetched from the host's own files.
    """
    git = ["git", "--git-dir", str(mirror)]
    # Nobody but root: it holds the code that the release hides from the neighbours.
    mirror.mkdir(mode=0o700, exist_ok=True)
    mirror.chmod(0o700)
    if not (mirror / "HEAD").exists():
        code, _out, err = run(["git", "init", "--quiet", "--bare", "--template=", str(mirror)], LOCAL_ENVIRONMENT)
        if code != 0:
            raise SourceError(f"git cannot make {mirror}: {_last_line(err)}")

    def is_there() -> bool:
        return run([*git, "cat-file", "-e", f"{commit}^{{commit}}"], LOCAL_ENVIRONMENT)[0] == 0

    if is_there():
        return
    for lock in mirror.rglob("*.lock"):  # of a fetch that was killed; the app's own lock keeps others out
        lock.unlink()
    environment = _remote_environment(ssh, local)
    limit = ["timeout", "--kill-after=5", str(_FETCH_SECONDS)]
    fetch = [*limit, *git, "fetch", "--quiet", "--no-recurse-submodules"]
    wanted = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]
    code, _out, err = run([*fetch, "--prune", "--", address, *wanted], environment)
    if code == 0 and not is_there():
        # On no branch and no tag any more: many servers still give it by its id.
        code, _out, err = run([*fetch, "--", address, commit], environment)
    if code in (124, 137):
        err = f"no end within {_FETCH_SECONDS} s"
    if code != 0:
        raise SourceError(f"git cannot fetch {version} ({commit[:12]}) from {address}: {explain(address, err, ssh)}")


def export_commit(run: Run, commit: str, mirror: Path, archive: Path) -> None:
    """Write the files of a commit as a tar archive; each submodule is an empty folder in it."""
    command = ["git", "--git-dir", str(mirror), "archive", "--format=tar", f"--output={archive}", commit]
    code, _out, err = run(command, LOCAL_ENVIRONMENT)
    if code != 0:
        raise SourceError(f"git cannot export {commit[:12]}: {_last_line(err)}")


def _remote_environment(ssh: SshAccess, local: bool = True) -> dict[str, str]:
    protocols = "https:http:ssh:git" + (":file" if local else "")
    return {**_REMOTE_ENVIRONMENT, "GIT_SSH_COMMAND": ssh.command, "GIT_ALLOW_PROTOCOL": protocols}


def explain(address: str, message: str, ssh: SshAccess) -> str:
    """Return the one line of git's and ssh's messages that tells, and what to do about it."""
    server = ssh_server(address)
    if server and "Host key verification failed" in message:
        port = f"-p {server[1]} " if server[1] else ""
        place = "source.known_hosts" + ("" if ssh.has_known_hosts else " or the host's /etc/ssh/ssh_known_hosts")
        what = "is another" if "IDENTIFICATION HAS CHANGED" in message else "is unknown"
        return (
            f"Host key verification failed: the server's key {what}; type ssh-keyscan {port}{server[0]}, compare "
            f"the fingerprint with what the server's owner says, and put the lines under {place}"
        )
    if server and "Permission denied (" in message:
        if ssh.has_key:
            return (
                "Permission denied: the server does not take source.key; register its public half, which "
                "ssh-keygen -y -f <file of the key> prints, as a deploy key of the repository"
            )
        return "Permission denied: source.key is not set, and the host's root has no key that the server takes"
    if "cannot run ssh" in message:
        return "the host has no ssh; add openssh-client to the app's packages"
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    # git ends with advice of several lines; what happened stands before it.
    telling = [line for line in lines if line.startswith(("ssh:", "fatal:", "ERROR:", "remote: ", "kex_"))]
    vague = "fatal: Could not read from remote repository"
    # The server has written it.
    return clean(next((line for line in telling if not line.startswith(vague)), None) or _last_line(message))


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
    refuse_links_out_of(target)


def graft(archive: Path, root: Path, path: PurePosixPath) -> None:
    """Unpack the archive of a submodule where the tree around it has an empty folder.

    When all are there, refuse_links_out_of() has to look at the whole.
    """
    place = root
    for part in path.parts:
        place = place / part
        if place.is_symlink():
            raise SourceError(f"submodule {path} stands below a link")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists():
            place.rmdir()
        _unpack(archive, place, strip=False)
    except _UNREADABLE as error:
        raise SourceError(f"submodule {path} cannot be unpacked: {error}") from error


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


def refuse_links_out_of(root: Path) -> None:
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
