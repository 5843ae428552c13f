"""Commits that are on the server alone, seen without a trace on the host."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ansible_collections.emperor.flask.plugins.module_utils.commits import Repository, within
from ansible_collections.emperor.flask.plugins.module_utils.details import requirement_texts
from ansible_collections.emperor.flask.plugins.module_utils.sources import (
    LOCAL_ENVIRONMENT,
    Run,
    SourceError,
    fetch_commit,
)

Commit = Callable[..., str]


def run(command: list[str], environment: Mapping[str, str] = LOCAL_ENVIRONMENT) -> tuple[int, str, str]:
    known = {**os.environ, **environment}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=known)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def server(tmp_path: Path) -> Path:
    (tmp_path / "server").mkdir()
    run(["git", "init", "-q", "-b", "main", str(tmp_path / "server")])
    return tmp_path / "server"


@pytest.fixture
def commit(server: Path) -> Commit:
    git = ["git", "-C", str(server), "-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false"]

    def made(message: str, **files: str) -> str:
        for name, text in files.items():
            path = server / name.replace("__", "/")
            path.parent.mkdir(exist_ok=True)
            path.with_suffix(".txt").write_text(text)
        run([*git, "add", "--all"])
        assert run([*git, "commit", "-q", "--allow-empty", "-m", message])[0] == 0
        return run([*git, "rev-parse", "HEAD"])[1].strip()

    return made


def state(folder: Path) -> list[tuple[str, int]]:
    return sorted((str(path), path.lstat().st_mtime_ns) for path in folder.rglob("*"))


def test_commits_come_from_the_server_and_leave_no_trace(tmp_path: Path, server: Path, commit: Commit) -> None:
    mirror = tmp_path / "mirror.git"
    old = commit("Answer one")
    fetch_commit(run, f"file://{server}", old, mirror, "main")
    commit("Sell umbrellas")
    new = commit("Mend the \x1b[31mbasket")
    before = state(tmp_path)
    with Repository.beside(run, mirror, str(tmp_path)) as repository:
        assert repository.has(old)
        assert not repository.has(new)
        fetch_commit(run, f"file://{server}", new, repository.path, "main")
        lines = repository.between(old, new)
        assert [line[8:] for line in lines] == ["Mend the ?[31mbasket", "Sell umbrellas"]
        assert lines[0][:8] == f"{new[:7]} "
        assert repository.between(new, old) == []
        # Only what the mirror has not: two commits, and their tree is known.
        assert int(run(["git", "--git-dir", str(repository.path), "count-objects", "-v"])[1].split()[1]) <= 2
    changed = {path for path, _time in set(state(tmp_path)) ^ set(before)}
    assert changed == set()
    assert run(["git", "--git-dir", str(mirror), "cat-file", "-e", new])[0] != 0


def test_more_than_twenty_commits_are_counted(tmp_path: Path, server: Path, commit: Commit) -> None:
    old = commit("0")
    all_of_them = [commit(str(number)) for number in range(1, 24)]
    with Repository.beside(run, server / ".git", str(tmp_path)) as repository:
        assert repository.between(old, all_of_them[19])[-1].endswith(" 1")
        lines = repository.between(old, all_of_them[-1])
    assert (len(lines), lines[0][8:], lines[-1]) == (21, "23", "and 3 more")


def test_a_commit_that_is_nowhere_is_an_error(tmp_path: Path, commit: Commit, server: Path) -> None:
    here = commit("0")
    with (
        Repository.beside(run, server / ".git", str(tmp_path)) as repository,
        pytest.raises(SourceError, match="bad object"),
    ):
        repository.between("0" * 40, here)


def test_requirements_come_with_what_they_include(tmp_path: Path, commit: Commit, server: Path) -> None:
    new = commit(
        "r", requirements="-r more/base.txt\nflask\n", more__base="-c ../limits.txt\nclick\n", limits="click<9\n"
    )
    (tmp_path / "out").mkdir()
    with Repository.beside(run, server / ".git", str(tmp_path)) as repository:
        repository.write_requirements(new, None, tmp_path / "out")
    texts = requirement_texts(tmp_path / "out", {})
    assert sorted(texts.values()) == ["-c ../limits.txt\nclick\n", "-r more/base.txt\nflask\n", "click<9\n"]


def test_requirements_cannot_be_written_elsewhere(tmp_path: Path, commit: Commit, server: Path) -> None:
    new = commit("r", requirements="-r ../outside.txt\n-r /tmp/outside.txt\n")
    (tmp_path / "out").mkdir()
    before = state(tmp_path)
    with Repository.beside(run, server / ".git", str(tmp_path)) as repository:
        repository.write_requirements(new, None, tmp_path / "out")
    assert {Path(path).name for path, _time in set(state(tmp_path)) ^ set(before)} == {"requirements.txt", "out"}


def test_nothing_of_a_repositorys_own_runs(
    tmp_path: Path, commit: Commit, server: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unguarded(command: list[str], _environment: Mapping[str, str]) -> tuple[int, str, str]:
        return run(command, {})

    proof = tmp_path / "proof"
    program = tmp_path / "program"
    program.write_text(f'#!/bin/sh\ntouch {proof}\ncat "$1"\n')
    program.chmod(0o755)
    attributes = tmp_path / "attributes"
    attributes.write_text("*.txt diff=evil\n")
    new = commit("r", requirements="flask\n")
    config = tmp_path / "config"
    config.write_text(
        f'[core]\nattributesFile = {attributes}\n[diff "evil"]\ntextconv = {program}\n'
        f"[log]\nshowSignature = true\n[gpg]\nprogram = {program}\n"
    )
    monkeypatch.setitem(os.environ, "GIT_CONFIG_GLOBAL", str(config))
    with Repository.beside(unguarded, server / ".git", str(tmp_path)) as repository:
        assert list((repository.path).glob("hooks/*")) == []
        repository.write_requirements(new, None, tmp_path)
        repository.between(new, new)
    assert not proof.exists()
    # The trap works: what a person would type does run it.
    run(["git", "-C", str(server), "show", "--textconv", f"{new}:requirements.txt"], {})
    assert proof.exists()


def test_all_commands_share_one_limit() -> None:
    begin = time.monotonic()
    limited: Run = within(run, 0.5)
    assert limited(["sleep", "5"], {}) == (124, "", "no answer within 0 s")
    assert limited(["sleep", "5"], {})[0] == 124
    assert time.monotonic() - begin < 2
