"""git with real repositories."""

# ruff: noqa: E501 - one case, one line

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import sources
from ansible_collections.emperor.flask.plugins.module_utils.sources import (
    Revision,
    SourceError,
    UnreachableError,
    explain,
    export_commit,
    fetch_commit,
    find_revision,
    known_revision,
    resolve_version,
    unpack,
)
from ansible_collections.emperor.flask.plugins.module_utils.ssh_access import HOST_ACCESS, SshAccess
from ansible_collections.emperor.flask.tests.support.repositories import Repository, run


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
    def ask(_command: list[str], _environment: Mapping[str, str]) -> tuple[int, str, str]:
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


def test_a_killed_fetch_is_no_obstacle(repository: Repository, tmp_path: Path) -> None:
    assert exported(repository, repository.commit("1"), tmp_path) == "1"
    (tmp_path / "mirror.git/packed-refs.lock").touch()
    (tmp_path / "mirror.git/refs/heads/main.lock").touch()
    assert exported(repository, repository.commit("2"), tmp_path) == "2"


def test_no_file_of_the_host_is_fetched_for_a_repository_of_elsewhere(repository: Repository, tmp_path: Path) -> None:
    """Whatever leads there: settings of the host may rewrite an address."""
    commit = repository.commit("1")
    with pytest.raises(SourceError, match=r"transport 'file' not allowed"):
        fetch_commit(run, repository.address, commit, tmp_path / "mirror.git", "main", local=False)


def test_a_filter_of_the_host_does_not_run_for_a_file_of_the_repository(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".gitconfig").write_text(f'[filter "x"]\n smudge = touch {tmp_path}/ran\n')
    (repository.path / ".gitattributes").write_text("* filter=x\n")
    repository.git("add", ".gitattributes")
    assert exported(repository, repository.commit("1"), tmp_path) == "1"
    assert not (tmp_path / "ran").exists()


ADDRESS = "ssh://git@git.example.org:2222/shop.git"
MANIFEST = {"revision": "a" * 40, "source": {"git": ADDRESS, "version": "main"}}


def test_a_release_of_the_same_address_and_version_tells_what_the_version_was() -> None:
    assert known_revision(MANIFEST, ADDRESS, "main") == "a" * 40


@pytest.mark.parametrize(
    "manifest",
    [
        {},
        {"revision": "a" * 40},
        {**MANIFEST, "source": {"git": ADDRESS, "version": "v1"}},
        {**MANIFEST, "source": {"git": "/other", "version": "main"}},
        {**MANIFEST, "source": None},
        {**MANIFEST, "source": ["git"]},
        {**MANIFEST, "revision": "unknown"},
        {**MANIFEST, "revision": None},
    ],
    ids=str,
)
def test_any_other_release_tells_nothing(manifest: dict[str, object]) -> None:
    assert known_revision(manifest, ADDRESS, "main") is None


def refuse(_command: list[str], _environment: Mapping[str, str]) -> tuple[int, str, str]:
    closed = "ssh: connect to host git.example.org port 2222: Connection refused\r"
    advice = "Please make sure you have the correct access rights\nand the repository exists."
    return 128, "", f"{closed}\nfatal: Could not read from remote repository.\n\n{advice}\n"


def test_a_server_that_is_away_leaves_the_app_at_what_it_has() -> None:
    refused = "ssh: connect to host git.example.org port 2222: Connection refused"
    reason = f"app shop, version main: git cannot read {ADDRESS}: {refused}"
    assert find_revision(refuse, "shop", ADDRESS, "main", HOST_ACCESS, MANIFEST) == Revision(
        "a" * 40, warning=f"{reason}; goes on with what that was at the last deploy, commit aaaaaaaaaaaa"
    )
    assert find_revision(refuse, "shop", ADDRESS, "main", HOST_ACCESS, {}) == Revision(None, error=reason)


def test_a_version_that_is_gone_is_an_error_though_it_was_deployed(repository: Repository) -> None:
    commit = repository.commit("1")
    manifest = {"revision": commit, "source": {"git": repository.address, "version": "v1"}}
    found = find_revision(run, "shop", repository.address, "v1", HOST_ACCESS, manifest)
    assert found.commit is None
    assert found.error.startswith(f"app shop, version v1: {repository.address} has no branch or tag 'v1'")


@pytest.mark.parametrize("code", [124, 137])
def test_a_server_that_says_nothing_is_left(code: int) -> None:
    with pytest.raises(UnreachableError, match=r"no answer within 60 s$"):
        resolve_version(lambda _command, _environment: (code, "", ""), ADDRESS, "main")


LOST = "fatal: Could not read from remote repository.\n\nPlease make sure\nand the repository exists.\n"
GIVEN = SshAccess("ssh", has_key=True, has_known_hosts=True)


@pytest.mark.parametrize(
    ("address", "message", "ssh", "said"),
    [
        (ADDRESS, "Host key verification failed.\r\n" + LOST, HOST_ACCESS, ["is unknown", "ssh-keyscan -p 2222 git.example.org,", "source.known_hosts or the host's /etc/ssh"]),
        ("git@a.test:b.git", "Host key verification failed.\n" + LOST, GIVEN, ["ssh-keyscan a.test,", "the lines under source.known_hosts$"]),
        (ADDRESS, "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.\n", GIVEN, ["is another"]),
        (ADDRESS, "git@git.example.org: Permission denied (publickey).\n" + LOST, HOST_ACCESS, ["source.key is not set"]),
        (ADDRESS, "git@git.example.org: Permission denied (publickey).\n" + LOST, GIVEN, ["does not take source.key", "ssh-keygen -y"]),
        (ADDRESS, "error: cannot run ssh: No such file or directory\nfatal: unable to fork\n", HOST_ACCESS, ["openssh-client"]),
        (ADDRESS, "remote: Repository not found.\n" + LOST, HOST_ACCESS, ["^remote: Repository not found.$"]),
        ("https://a.test/b", "Permission denied (publickey)\nfatal: unable to access\nmore\n", HOST_ACCESS, ["^fatal: unable to access$"]),
        ("/b", "what ever\n", HOST_ACCESS, ["^what ever$"]),
        ("/b", "", HOST_ACCESS, ["^no message$"]),
    ],
)  # fmt: skip
def test_a_refusal_says_what_to_do(address: str, message: str, ssh: SshAccess, said: list[str]) -> None:
    for text in said:
        assert re.search(text, explain(address, message, ssh))


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


def test_what_a_server_says_cannot_steer_a_terminal() -> None:
    message = "remote: \x1b[2Jall fine\nfatal: Could not read from remote repository.\n"
    assert explain("https://a.test/a.git", message, HOST_ACCESS) == "remote: ?[2Jall fine"


def test_a_server_that_sends_nothing_does_not_keep_the_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "git"
    program.write_text('#!/bin/sh\ncase "$*" in *fetch*) exec sleep 20;; *cat-file*) exit 1;; esac\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(sources, "_FETCH_SECONDS", 0.2)
    with pytest.raises(SourceError, match=r"^git cannot fetch v1 \(0{12}\) from git@a.test:a: no end within 0.2 s$"):
        fetch_commit(run, "git@a.test:a", "0" * 40, tmp_path / "mirror.git", "v1")
