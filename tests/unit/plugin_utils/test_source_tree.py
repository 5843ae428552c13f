"""A folder on the controller: what counts, its digest, its archive."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from ansible_collections.emperor.flask.plugins.module_utils.sources import unpack
from ansible_collections.emperor.flask.plugins.plugin_utils.source_tree import SourceTree

COUNTED = [".gitignore", "app.py", "link", "run.sh", "static/style.css"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "app"
    for name, text in {
        ".gitignore": "*.log\n/build/\n",
        "app.py": "app = 1\n",
        "run.sh": "#!/bin/sh\n",
        "static/style.css": "a {}\n",
        "debug.log": "ignored",
        "build/out.js": "ignored",
        "instance/app.db": "the app's own",
        "static/__pycache__/x.py": "never",
        "old.pyc": "never",
        "venv/bin/python": "never",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "run.sh").chmod(0o755)
    (root / "link").symlink_to("static")
    return root


def listed(root: Path) -> list[str]:
    return [str(name) for name in SourceTree(root, ["instance"]).files()]


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=n", "-c", "user.email=e"]
    subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True, capture_output=True)


def test_a_plain_folder_obeys_its_gitignore(folder: Path) -> None:
    assert listed(folder) == COUNTED


def test_a_repository_counts_what_is_not_committed_yet_and_not_what_is_deleted(folder: Path) -> None:
    git(folder, "init")
    (folder / "gone.py").touch()
    git(folder, "add", "gone.py", "app.py")
    git(folder, "commit", "-m", "m")
    (folder / "gone.py").unlink()
    assert listed(folder) == COUNTED


def test_a_folder_of_a_repository_is_listed_from_itself_on(folder: Path) -> None:
    git(folder.parent, "init")
    (folder.parent / ".gitignore").write_text("*.sh\n")
    assert listed(folder) == [name for name in COUNTED if name != "run.sh"]


def test_a_folder_that_its_repository_ignores_is_not_empty(folder: Path) -> None:
    """It was named as the source of an app, so it is one."""
    git(folder.parent, "init")
    (folder.parent / ".gitignore").write_text("/app/\n")
    assert listed(folder) == COUNTED


def test_without_git_all_but_what_never_counts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    assert listed(folder) == sorted([*COUNTED, "debug.log", "build/out.js"])


def test_the_revision_ignores_times_places_and_what_does_not_count(folder: Path, tmp_path: Path) -> None:
    before = SourceTree(folder, ["instance"]).revision()
    os.utime(folder / "app.py", (1, 1))
    (folder / "debug.log").write_text("more")
    (folder / "instance/app.db").write_text("more")
    (folder / "app.py").chmod(0o600)
    moved = folder.rename(tmp_path / "elsewhere")
    assert SourceTree(moved, ["instance"]).revision() == before


@pytest.mark.parametrize(
    "change",
    [
        "echo 'app = 2' > app.py",
        "mv app.py app2.py",
        "touch new.py",
        "rm run.sh",
        "chmod +x app.py",
        "ln -sfn app.py link",
        "rm link; cp -r static link",
    ],
)
def test_the_revision_tells_every_change(folder: Path, change: str) -> None:
    before = SourceTree(folder, []).revision()
    subprocess.run(["sh", "-ec", change], cwd=folder, check=True)
    assert SourceTree(folder, []).revision() != before


def test_the_archive_carries_exactly_the_files(folder: Path, tmp_path: Path) -> None:
    tree = SourceTree(folder, ["instance"])
    packed = tmp_path / "a.tar.gz"
    with packed.open("wb") as file:
        tree.write_archive(file)
    with tarfile.open(packed) as archive:
        entries = {entry.name: entry for entry in archive}
    assert sorted(entries) == COUNTED
    assert {(entry.uname, entry.uid, entry.gname, entry.gid) for entry in entries.values()} == {("root", 0, "root", 0)}
    assert (entries["run.sh"].mode, entries["app.py"].mode) == (0o755, 0o644)
    unpack(packed, tmp_path / "out", strip=False)
    assert SourceTree(tmp_path / "out", []).revision() == tree.revision()


def test_an_archive_keeps_hard_links_as_files(folder: Path, tmp_path: Path) -> None:
    (folder / "twin.py").hardlink_to(folder / "app.py")
    packed = tmp_path / "a.tar.gz"
    with packed.open("wb") as file:
        SourceTree(folder, []).write_archive(file)
    unpack(packed, tmp_path / "out", strip=False)
    assert (tmp_path / "out/twin.py").read_text() == "app = 1\n"
