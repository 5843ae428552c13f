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
    """The same files wherever it stands: nothing above it counts."""
    git(folder.parent, "init")
    (folder.parent / ".gitignore").write_text("*.sh\n")
    (folder.parent / "other.py").touch()
    assert listed(folder) == COUNTED


def test_what_is_ignored_is_not_shipped_even_if_it_is_tracked(folder: Path) -> None:
    git(folder, "init")
    git(folder, "add", "--force", "debug.log", "build/out.js", "app.py")
    git(folder, "commit", "-m", "m")
    assert listed(folder) == COUNTED


def test_the_files_of_a_repository_inside_count_as_its_own_gitignore_says(folder: Path) -> None:
    nested = folder / "lib/nested"
    for name in ("deep/inner.py", "own.tmp", "deep/more/x.py"):
        (nested / name).parent.mkdir(parents=True, exist_ok=True)
        (nested / name).touch()
    (nested / ".gitignore").write_text("*.tmp\n")
    for repository in (folder, nested, nested / "deep/more"):
        git(repository, "init")
        git(repository, "add", ".")
        git(repository, "commit", "-m", "m")
    inner = [".gitignore", "deep/inner.py", "deep/more/x.py"]
    assert listed(folder) == sorted([*COUNTED, *(f"lib/nested/{name}" for name in inner)], key=Path)


def test_a_submodule_counts(folder: Path) -> None:
    """Its .git is a file that names the repository."""
    nested = folder / "lib"
    nested.mkdir()
    git(nested, "init", "--separate-git-dir", str(folder.parent / "lib.git"))
    (nested / "a.py").touch()
    git(nested, "add", ".")
    git(nested, "commit", "-m", "m")
    assert listed(folder) == sorted([*COUNTED, "lib/a.py"], key=Path)


HOSTILE = """
[core]
    repositoryformatversion = 1
    fsmonitor = "{evil}"
    hooksPath = {hooks}
    sshCommand = "{evil}"
    pager = "{evil}"
[extensions]
    partialClone = origin
[remote "origin"]
    url = ssh://nobody@localhost/gone
    promisor = true
    partialclonefilter = blob:none
    uploadpack = "{evil}"
[filter "evil"]
    clean = "{evil}"
    process = "{evil}"
[include]
    path = {included}
"""


def poison(root: Path, evil: Path) -> None:
    """Make a repository whose configuration runs a program whenever git reads its index, or an object."""
    git(root, "init")
    git(root, "add", "--all")
    git(root, "commit", "-m", "m")
    (root / ".gitattributes").write_text("* filter=evil\n")
    with (root / ".git/config").open("a") as config:
        config.write(HOSTILE.format(evil=evil, hooks=evil.parent, included=evil.with_suffix(".config")))
    evil.with_suffix(".config").write_text(f'[core]\n    fsmonitor = "{evil}"\n')


def test_the_configuration_of_a_folder_runs_nothing(folder: Path, tmp_path: Path) -> None:
    """Whoever hands over a folder does not get the controller with it."""
    evil, proof = tmp_path / "evil", tmp_path / "proof"
    evil.write_text(f"#!/bin/sh\necho ran >> {proof}\n")
    evil.chmod(0o755)
    nested = folder / "lib/nested"
    nested.mkdir(parents=True)
    (nested / "inner.py").touch()
    for root in (nested, folder):
        poison(root, evil)
        # It would: else this test tells nothing.
        subprocess.run(["git", "-C", str(root), "status"], capture_output=True, check=False, timeout=30)
        assert proof.exists()
        proof.unlink()
    expected = [*COUNTED, ".gitattributes", "lib/nested/.gitattributes", "lib/nested/inner.py"]
    assert listed(folder) == sorted(expected, key=Path)
    tree = SourceTree(folder, [])
    tree.revision()
    with (tmp_path / "a.tar.gz").open("wb") as file:
        tree.write_archive(file)
    assert not proof.exists()


def test_an_object_that_is_not_there_is_not_fetched(folder: Path, tmp_path: Path) -> None:
    """A partial clone lacks files, and would start a program of its remote for them."""
    evil, proof = tmp_path / "evil", tmp_path / "proof"
    evil.write_text(f"#!/bin/sh\necho ran >> {proof}\n")
    evil.chmod(0o755)
    poison(folder, evil)
    for objects in (folder / ".git/objects").iterdir():
        if len(objects.name) == 2:
            shutil.rmtree(objects)
    proof.unlink(missing_ok=True)
    git_says = subprocess.run(
        ["git", "-C", str(folder), "cat-file", "-p", "HEAD"], capture_output=True, check=False, timeout=30
    )
    assert git_says.returncode != 0
    assert proof.exists()
    proof.unlink()
    assert "app.py" in listed(folder)
    assert not proof.exists()


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
