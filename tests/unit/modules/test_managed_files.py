"""Configuration files together, or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import managed
from ansible_collections.emperor.flask.plugins.modules import managed_files
from ansible_collections.emperor.flask.tests.support.hosts import Accounts
from ansible_collections.emperor.flask.tests.support.modules import run_module


@pytest.fixture
def folder(tmp_path: Path, accounts: Accounts) -> Path:
    """Return a folder with a file that is right, one that is not, and one of somebody else."""
    for name, text in {"same": "same", "old": "old", "theirs": "theirs"}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o644)
    return tmp_path


def wanted(folder: Path, **contents: str) -> list[dict[str, str]]:
    return [{"path": str(folder / name.replace("__", "/")), "content": text} for name, text in contents.items()]


def state(folder: Path) -> dict[str, tuple[str, int]]:
    return {
        str(path.relative_to(folder)): (path.read_text(), stat.S_IMODE(path.stat().st_mode))
        for path in folder.rglob("*")
        if path.is_file()
    }


def write(folder: Path, check: bool = False, validate: list[str] | None = None, **contents: str) -> dict[str, Any]:
    return run_module(managed_files, check=check, files=wanted(folder, **contents), validate=validate or [])


def test_what_differs_is_written_and_shown(folder: Path) -> None:
    found = write(folder, same="same", old="new", sub__dir__made="made")
    assert found["changed"]
    assert found["written"] == [str(folder / "old"), str(folder / "sub/dir/made")]
    assert [(entry["before"], entry["after"]) for entry in found["diff"]] == [("old", "new"), ("", "made")]
    assert found["diff"][0]["after_header"] == str(folder / "old")
    assert {name: text for name, (text, _) in state(folder).items()} == {
        "same": "same", "old": "new", "theirs": "theirs", "sub/dir/made": "made",
    }  # fmt: skip


def test_a_second_run_changes_nothing(folder: Path) -> None:
    write(folder, same="same", old="new")
    before = {path: path.stat().st_ino for path in folder.iterdir()}
    found = write(folder, same="same", old="new")
    assert (found["changed"], found["written"], found["diff"]) == (False, [], [])
    assert {path: path.stat().st_ino for path in folder.iterdir()} == before


def test_check_mode_says_the_same_and_writes_nothing(folder: Path) -> None:
    before = state(folder)
    found = write(folder, check=True, same="same", old="new", sub__made="made")
    assert state(folder) == before
    assert not (folder / "sub").exists()
    real = write(folder, same="same", old="new", sub__made="made")
    assert {key: found[key] for key in ("changed", "written", "diff")} == {
        key: real[key] for key in ("changed", "written", "diff")
    }


def test_a_mode_alone_is_a_difference(folder: Path) -> None:
    files = [{"path": str(folder / "same"), "content": "same", "mode": "0600"}]
    assert run_module(managed_files, files=files)["written"] == [str(folder / "same")]
    assert state(folder)["same"] == ("same", 0o600)
    assert not run_module(managed_files, files=files)["changed"]


def test_what_a_pattern_names_goes_but_for_what_is_written(folder: Path) -> None:
    for name in ("a/web.conf", "b/web.conf", "b/web2.conf"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("old")
    gone = {"path": str(folder / "*/web.conf"), "state": "absent"}
    files = [gone, {"path": str(folder / "a/web.conf"), "content": "new"}]
    paths = [str(folder / "a/web.conf"), str(folder / "b/web.conf")]
    assert run_module(managed_files, check=True, files=files)["written"] == paths
    assert run_module(managed_files, files=files)["written"] == paths
    assert {name for name in state(folder) if "/" in name} == {"a/web.conf", "b/web2.conf"}
    assert not run_module(managed_files, files=files)["changed"]


def test_text_is_written_byte_by_byte(folder: Path) -> None:
    write(folder, old="ü\n{{ not a template }}\r\n")
    assert (folder / "old").read_bytes() == "ü\n{{ not a template }}\r\n".encode()


def test_a_refusal_puts_all_back_and_takes_new_ones_away(folder: Path) -> None:
    (folder / "old").chmod(0o600)
    before = state(folder)
    script = f"grep -q new {folder}/old && grep -q made {folder}/made && echo 'line 3 is wrong' >&2; exit 1"
    found = write(folder, validate=["sh", "-c", script], same="same", old="new", made="made")
    assert found["failed"]
    assert found["msg"] == f"sh -c {script} refused the new files; the old are back.\nline 3 is wrong"
    assert state(folder) == before


def test_what_the_checker_accepts_stays(folder: Path) -> None:
    found = write(folder, validate=["sh", "-c", f"grep -q new {folder}/old"], old="new")
    assert (found["changed"], state(folder)["old"][0]) == (True, "new")


def test_a_checker_that_is_not_there_is_not_called(folder: Path) -> None:
    """A bare host has no nginx yet."""
    assert write(folder, validate=["no-such-program-here", "-t"], old="new")["changed"]


def test_nothing_is_checked_when_nothing_differs(folder: Path) -> None:
    found = write(folder, validate=["sh", "-c", f"touch {folder}/called"], same="same")
    assert (found["changed"], (folder / "called").exists()) == (False, False)


def test_a_failure_halfway_puts_all_back(tmp_path: Path) -> None:
    """An account may be missing; then the files before it have been written already."""
    import grp
    import pwd

    mine = {"owner": pwd.getpwuid(os.getuid()).pw_name, "group": grp.getgrgid(os.getgid()).gr_name}
    (tmp_path / "old").write_text("old")
    files = [
        {"path": str(tmp_path / "old"), "content": "new", **mine},
        {"path": str(tmp_path / "made"), "content": "made", **mine, "owner": "no-such-user-here"},
    ]
    found = run_module(managed_files, files=files)
    assert found["failed"]
    assert {name: text for name, (text, _) in state(tmp_path).items()} == {"old": "old"}
    assert found["msg"] == ("the new files cannot be written; the old are back.\nthere is no user no-such-user-here")


@pytest.mark.root
def test_a_file_of_an_account_that_is_gone_is_put_back(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    os.chown(path, 54321, 54321)
    files = [{"path": str(path), "content": "new"}]
    found = run_module(managed_files, files=files, validate=["false"])
    assert path.read_text() == "old"
    assert path.stat().st_uid == 54321
    assert "refused the new files" in found["msg"]


def test_a_text_that_is_forbidden_is_a_refusal(folder: Path) -> None:
    before = state(folder)
    given: dict[str, Any] = {"files": wanted(folder, old="new"), "forbidden": ["conflicting server name"]}
    for stream in ("1", "2"):
        script = f"echo '[warn] conflicting server name' >&{stream}"
        found = run_module(managed_files, **given, validate=["sh", "-c", script])
        assert found["msg"].splitlines() == [
            f"sh -c {script} refused the new files; the old are back.",
            "[warn] conflicting server name",
        ]
        assert state(folder) == before
    assert run_module(managed_files, **given, validate=["echo", "syntax is ok"])["changed"]
    assert state(folder)["old"][0] == "new"


@pytest.fixture
def pending(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the marks, which a boot empties."""
    path = tmp_path_factory.mktemp("run") / "emperor-flask"
    monkeypatch.setattr(managed, "PENDING", path)
    return path


def test_the_task_is_changed_until_its_last_handler_has_run(folder: Path, pending: Path) -> None:
    given: dict[str, Any] = {"files": wanted(folder, old="new"), "pending": "nginx"}
    assert run_module(managed_files, **given)["changed"]
    assert [path.name for path in pending.iterdir()] == ["nginx"]
    # The run was killed here; the next one writes nothing and notifies its handlers all the same.
    for check in (False, True):
        again = run_module(managed_files, check=check, **given)
        assert (again["changed"], again["written"], again["diff"]) == (True, [], [])
    assert not run_module(managed_files, **{**given, "pending": "apps"})["changed"]
    (pending / "nginx").unlink()
    assert not run_module(managed_files, **given)["changed"]


def test_nothing_is_pending_when_nothing_was_written(folder: Path, pending: Path) -> None:
    run_module(managed_files, files=wanted(folder, same="same"), pending="nginx")
    run_module(managed_files, check=True, files=wanted(folder, old="new"), pending="nginx")
    run_module(managed_files, files=wanted(folder, old="new"))
    assert not pending.exists()


def test_the_mark_is_there_before_the_first_file(folder: Path, pending: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run may be killed between any two of them."""
    seen: list[bool] = []
    monkeypatch.setattr(managed_files, "write_all", lambda _pairs: seen.append((pending / "nginx").exists()))
    run_module(managed_files, files=wanted(folder, old="new"), pending="nginx")
    assert seen == [True]


def test_folders_are_open_whatever_the_umask_is(folder: Path, pending: Path) -> None:
    before = os.umask(0o077)
    try:
        run_module(managed_files, files=wanted(folder, sub__dir__made="made"), pending="nginx")
    finally:
        os.umask(before)
    for path in (folder / "sub", folder / "sub/dir", pending):
        assert stat.S_IMODE(path.stat().st_mode) == 0o755
    assert state(folder)["sub/dir/made"] == ("made", 0o644)


def absent(folder: Path, *names: str) -> list[dict[str, str]]:
    return [{"path": str(folder / name), "state": "absent"} for name in names]


def test_a_file_is_taken_away_once_and_shown(folder: Path) -> None:
    files = absent(folder, "old", "never-there")
    found = run_module(managed_files, check=True, files=files)
    assert (found["written"], state(folder)["old"][0]) == ([str(folder / "old")], "old")
    assert run_module(managed_files, files=files)["diff"] == found["diff"]
    assert (found["diff"][0]["before"], found["diff"][0]["after"]) == ("old", "")
    assert state(folder).keys() == {"same", "theirs"}
    assert not run_module(managed_files, files=files)["changed"]


def test_a_file_that_was_taken_away_comes_back_after_a_refusal(folder: Path) -> None:
    before = state(folder)
    script = f"test -e {folder}/old"
    found = run_module(managed_files, files=absent(folder, "old"), validate=["sh", "-c", script])
    assert "refused the new files; the old are back" in found["msg"]
    assert state(folder) == before
