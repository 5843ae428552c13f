"""git with real repositories."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from ansible_collections.emperor.flask.plugins.module_utils.sources import (
    GIT_ENVIRONMENT,
    SourceError,
    export_commit,
    fetch_commit,
    resolve_version,
    unpack,
)

IDENTITY = {
    "GIT_AUTHOR_NAME": "n", "GIT_AUTHOR_EMAIL": "e", "GIT_COMMITTER_NAME": "n", "GIT_COMMITTER_EMAIL": "e",
    "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null",
}  # fmt: skip


def run(command: list[str]) -> tuple[int, str, str]:
    environment = {**os.environ, **GIT_ENVIRONMENT, **IDENTITY}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=30)
    return done.returncode, done.stdout, done.stderr


class Repository:
    """A repository that somebody develops an app in."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.address = f"file://{path}"
        path.mkdir()
        self.git("init", "--initial-branch=main")

    def git(self, *arguments: str) -> str:
        code, out, err = run(["git", "-C", str(self.path), *arguments])
        assert code == 0, err
        return out.strip()

    def commit(self, text: str) -> str:
        (self.path / "app.py").write_text(text)
        self.git("add", "app.py")
        self.git("commit", "-m", text)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "origin")


def test_branches_and_tags_stand_for_their_commits(repository: Repository) -> None:
    first = repository.commit("1")
    repository.git("tag", "light")
    repository.git("tag", "-a", "-m", "m", "v1.0")
    repository.git("branch", "feature/x")
    second = repository.commit("2")
    found = {
        name: resolve_version(run, repository.address, name) for name in ("light", "v1.0", "feature/x", "main", "HEAD")
    }
    assert found == {"light": first, "v1.0": first, "feature/x": first, "main": second, "HEAD": second}
    assert repository.git("rev-parse", "v1.0") != first  # the tag is an object of its own


def test_a_name_that_only_ends_alike_is_another(repository: Repository) -> None:
    repository.commit("1")
    repository.git("branch", "old/stable")
    with pytest.raises(SourceError):
        resolve_version(run, repository.address, "stable")


def test_a_commit_id_is_taken_without_asking() -> None:
    def ask(_command: list[str]) -> tuple[int, str, str]:
        raise AssertionError("asked")

    assert resolve_version(ask, "https://a.test/a.git", "0" * 40) == "0" * 40


@pytest.mark.parametrize("version", ["v9", "abc1234"])
def test_an_unknown_version_is_named(repository: Repository, version: str) -> None:
    repository.commit("1")
    with pytest.raises(SourceError) as caught:
        resolve_version(run, repository.address, version)
    assert str(caught.value) == (
        f"{repository.address} has no branch or tag '{version}'; a commit is named by all its 40 digits"
    )


def test_an_unreachable_repository_is_named(tmp_path: Path) -> None:
    address = f"file://{tmp_path}/none"
    with pytest.raises(SourceError, match=rf"^git cannot read {address}: \S+"):
        resolve_version(run, address, "main")
    with pytest.raises(SourceError, match=rf"^git cannot fetch v1 \(000000000000\) from {address}: \S+"):
        fetch_commit(run, address, "0" * 40, tmp_path / "mirror.git", "v1")


def exported(repository: Repository, commit: str, folder: Path) -> str:
    mirror = folder / "mirror.git"
    fetch_commit(run, repository.address, commit, mirror, "main")
    export_commit(run, commit, mirror, folder / "a.tar")
    unpack(folder / "a.tar", folder / commit, strip=False)
    assert not (folder / commit / ".git").exists()
    return (folder / commit / "app.py").read_text()


def test_a_moved_branch_is_fetched_and_the_old_commit_stays_to_be_had(repository: Repository, tmp_path: Path) -> None:
    first = repository.commit("1")
    assert exported(repository, first, tmp_path) == "1"
    repository.git("checkout", "--orphan", "other")
    rewritten = repository.commit("2")
    repository.git("branch", "-f", "main", rewritten)
    assert exported(repository, rewritten, tmp_path) == "2"
    (tmp_path / first).rename(tmp_path / "seen")
    assert exported(repository, first, tmp_path) == "1"


def test_a_commit_that_is_there_needs_no_network(repository: Repository, tmp_path: Path) -> None:
    commit = repository.commit("1")
    assert exported(repository, commit, tmp_path) == "1"
    repository.path.rename(tmp_path / "gone")
    (tmp_path / commit).rename(tmp_path / "seen")
    assert exported(repository, commit, tmp_path) == "1"


def test_a_commit_on_no_branch_is_fetched_by_its_id(repository: Repository, tmp_path: Path) -> None:
    repository.git("config", "uploadpack.allowAnySHA1InWant", "true")
    lost = repository.commit("1")
    repository.git("commit", "--amend", "-m", "again")
    assert exported(repository, lost, tmp_path) == "1"


def test_a_commit_that_nobody_has_is_named(repository: Repository, tmp_path: Path) -> None:
    repository.commit("1")
    with pytest.raises(SourceError, match=r"^git cannot fetch v1 \(1{12}\) from file://\S+: "):
        fetch_commit(run, repository.address, "1" * 40, tmp_path / "mirror.git", "v1")


def test_what_git_cannot_export_is_named(repository: Repository, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"^git cannot export 111111111111: "):
        export_commit(run, "1" * 40, repository.path / ".git", tmp_path / "a.tar")
