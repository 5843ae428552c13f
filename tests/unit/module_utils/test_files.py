"""Changes to files that are either done or not."""

from __future__ import annotations

import errno
import os
import pwd
import resource
import stat
from pathlib import Path

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import files
from ansible_collections.emperor.flask.tests.support.hosts import Accounts


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_a_file_is_replaced_whole(tmp_path: Path, accounts: Accounts) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    before = path.stat().st_ino
    files.write_file(path, b"new\0\xff", "root", "root", 0o640)
    assert path.read_bytes() == b"new\0\xff"
    assert mode(path) == 0o640
    assert path.stat().st_ino != before
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_replaced_and_its_target_left_alone(tmp_path: Path, accounts: Accounts) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("theirs")
    link.symlink_to(target)
    files.write_file(link, b"ours", "root", "root", 0o644)
    assert (link.is_symlink(), link.read_text(), target.read_text()) == (False, "ours", "theirs")


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(LookupError, match="no-such-user-here"):
        files.write_file(path, b"new", "no-such-user-here", "root", 0o644)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_unfinished_file_is_private(tmp_path: Path, accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def look(path: Path, *_rest: object) -> None:
        seen.append((path.parent, mode(path)))

    monkeypatch.setattr(files, "set_access", look)
    files.write_file(tmp_path / "file", b"secret", "root", "root", 0o644)
    assert seen == [(tmp_path, 0o600)]
    assert (tmp_path / "file").read_bytes() == b"secret"


def test_what_stands_beside_a_file_is_taken_by_nobody(
    tmp_path: Path, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """nginx includes *.conf, the emperor *.ini."""
    seen: list[Path] = []
    monkeypatch.setattr(files, "set_access", lambda path, *_rest: seen.append(path))
    files.write_file(tmp_path / "shop.ini", b"", "root", "root", 0o644)
    assert seen[0].suffix not in (".ini", ".conf")


@pytest.mark.root
def test_owner_and_group_are_real(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    files.set_access(path, "nobody", "daemon", 0o2750)
    info = path.stat()
    assert (info.st_uid, stat.S_IMODE(info.st_mode)) == (pwd.getpwnam("nobody").pw_uid, 0o2750)
    assert not files.differs(path, "nobody", "daemon", 0o2750)
    assert files.differs(path, "root", "daemon", 0o2750)
    assert files.differs(path, "nobody", "root", 0o2750)
    assert files.differs(path, "no-such-user-here", "daemon", 0o2750)


def test_a_mode_or_a_missing_file_differs(tmp_path: Path, accounts: Accounts) -> None:
    path = tmp_path / "file"
    assert files.differs(path, "root", "root", 0o640)
    path.touch()
    path.chmod(0o640)
    assert not files.differs(path, "root", "root", 0o640)
    assert files.differs(path, "root", "root", 0o644)


def test_a_link_changes_once(tmp_path: Path) -> None:
    link = tmp_path / "current"
    assert [files.point_link(link, to) for to in ("releases/a", "releases/a", "releases/b")] == [
        True,
        False,
        True,
    ]
    assert str(link.readlink()) == "releases/b"
    assert list(tmp_path.iterdir()) == [link]


def test_a_link_left_behind_by_a_crash_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / f".current.{os.getpid()}.tmp").symlink_to("x")
    assert files.point_link(tmp_path / "current", "releases/a")
    assert [path.name for path in tmp_path.iterdir()] == ["current"]


@pytest.mark.root
def test_a_link_gets_its_owner_and_its_target_does_not(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.touch()
    assert files.point_link(link, str(target), owner="nobody")
    assert not files.point_link(link, str(target), owner="nobody")
    assert files.point_link(link, str(target), owner="daemon")
    assert (link.lstat().st_uid, target.stat().st_uid) == (pwd.getpwnam("daemon").pw_uid, 0)


def test_a_tree_becomes_roots_and_links_are_not_followed(tmp_path: Path, accounts: Accounts) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").touch()
    (outside / "file").chmod(0o604)
    root = tmp_path / "tree"
    (root / "sub").mkdir(parents=True)
    for name, given in (("sub/program", 0o777), ("sub/text", 0o666), ("setuid", 0o4755)):
        (root / name).touch()
        (root / name).chmod(given)
    (root / "link").symlink_to(outside)
    (root / "file-link").symlink_to(outside / "file")
    files.own_tree(root, "app-shop")
    modes = {name: mode(root / name) for name in ("", "sub", "sub/program", "sub/text", "setuid")}
    assert modes == {"": 0o750, "sub": 0o750, "sub/program": 0o750, "sub/text": 0o640, "setuid": 0o750}
    assert mode(outside / "file") == 0o604
    everything = {root, *root.rglob("*")}
    assert accounts.given == dict.fromkeys(everything, (0, os.getgid()))


def test_static_files_are_copied_and_links_become_what_they_show(tmp_path: Path) -> None:
    source = tmp_path / "src"
    (source / "static").mkdir(parents=True)
    (source / "logo.png").write_text("logo")
    (source / "static/link.png").symlink_to("../logo.png")
    files.copy_public(source / "static", tmp_path / "public", source)
    copied = tmp_path / "public/link.png"
    assert (copied.is_symlink(), copied.read_text()) == (False, "logo")


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside", "inner"])
def test_a_static_link_out_of_the_app_is_refused(tmp_path: Path, target: str) -> None:
    (tmp_path / "outside").write_text("theirs")
    source = tmp_path / "src"
    (source / "static").mkdir(parents=True)
    (source / "static/link").symlink_to(target)
    (source / "static/inner").symlink_to("../../outside")
    with pytest.raises(ValueError, match="leads out of the app"):
        files.copy_public(source / "static", tmp_path / "public", source)
    assert not (tmp_path / "public").exists()


def test_removing_takes_a_link_and_not_what_it_shows(tmp_path: Path) -> None:
    (tmp_path / "kept/sub").mkdir(parents=True)
    (tmp_path / "link").symlink_to("kept")
    (tmp_path / "tree/sub").mkdir(parents=True)
    (tmp_path / "file").touch()
    for name in ("link", "tree", "file", "never-there"):
        files.remove_tree(tmp_path / name)
    assert [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*"))] == ["kept", "kept/sub"]


def test_folders_of_any_depth_are_removed(tmp_path: Path) -> None:
    """An app may make as many as it likes, deeper than a path can tell and than files can be open."""
    here = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    (tmp_path / "kept").mkdir()
    (tmp_path / "tree").mkdir()
    try:
        os.chdir(tmp_path / "tree")
        for _ in range(3000):
            os.mkdir("folder")  # noqa: PTH102 - a path to it would be too long
            os.chdir("folder")
        os.symlink(tmp_path / "kept", "link")  # noqa: PTH211 - as above
    finally:
        os.fchdir(here)
        os.close(here)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        files.remove_tree(tmp_path / "tree")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert list(tmp_path.iterdir()) == [tmp_path / "kept"]


def test_what_cannot_be_removed_is_an_error_of_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "tree"
    folder.mkdir()
    program = tmp_path / "bin/rm"
    program.parent.mkdir()
    said = "rm: cannot remove 'a\a': Read-only file system"
    program.write_text(f'#!/bin/sh\necho "{said}" >&2\necho more >&2\nexit 1\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    with pytest.raises(OSError, match="cannot remove") as caught:
        files.remove_tree(folder)
    assert (caught.value.errno, caught.value.filename) == (errno.EROFS, str(folder))
    assert str(caught.value).isprintable()
    program.write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(OSError, match="Input/output error"):
        files.remove_tree(folder)


@pytest.mark.parametrize("name", ["-rf", "--help", "a b", "a\nb"])
def test_a_tree_of_any_name_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name, "sub").mkdir(parents=True)
    files.remove_tree(Path(name))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_a_new_directory_is_open_whatever_the_umask_is(tmp_path: Path, umask: int) -> None:
    (tmp_path / "theirs").mkdir(mode=0o700)
    before = os.umask(umask)
    try:
        files.make_directory(tmp_path / "theirs/a/b")
        files.make_directory(tmp_path / "theirs/a/b")
    finally:
        os.umask(before)
    assert [mode(tmp_path / name) for name in ("theirs", "theirs/a", "theirs/a/b")] == [0o700, 0o755, 0o755]


def test_a_link_to_a_folder_among_static_files_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "src"
    (source / "static/real").mkdir(parents=True)
    (source / "static/link").symlink_to("real")
    with pytest.raises(ValueError, match=r"^static/link is a link to a folder; name that folder instead$"):
        files.copy_public(source / "static", tmp_path / "public", source)
    (source / "also").symlink_to("static/real")
    with pytest.raises(ValueError, match=r"^also is a link to a folder"):
        files.copy_public(source / "also", tmp_path / "public", source)
    assert not (tmp_path / "public").exists()
