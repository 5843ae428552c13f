"""Services that run with what their files were before, and those that do not run."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ansible_collections.emperor.flask.plugins.module_utils.services import Service, Steps, steps
from ansible_collections.emperor.flask.plugins.module_utils.units import Unit

NAME = "fail2ban.service"
NOTHING = Steps([], [], [])


def unit(age: float = 0.0, state: str = "active", file_state: str = "enabled") -> dict[str, Unit]:
    """Return a unit that was started so many seconds ago."""
    started = str(int((time.monotonic() - age) * 1e6)) if state == "active" else "0"
    properties = {
        "ActiveState": state,
        "UnitFileState": file_state,
        "ExecMainStartTimestampMonotonic": started,
    }
    return {NAME: Unit(NAME, properties)}


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "jail.conf").touch()
    return str(tmp_path / "jail.conf")


def test_what_runs_with_its_files_is_left_alone(file: str) -> None:
    found = steps([Service(NAME, [file])], unit(age=-1))
    assert found == NOTHING
    assert not found


def test_what_was_started_before_its_file_changed_is_started_anew(file: str) -> None:
    assert steps([Service(NAME, [file])], unit(age=60)) == Steps([], [], [NAME])


def test_what_does_not_run_is_started_and_comes_with_a_boot(file: str) -> None:
    assert steps([Service(NAME, [file])], unit(state="inactive", file_state="disabled")) == Steps([NAME], [NAME], [])


def test_a_unit_that_only_others_start_is_not_enabled() -> None:
    assert steps([Service(NAME)], unit(file_state="static")) == NOTHING


def test_what_others_start_is_only_restarted(file: str) -> None:
    """sshd on Ubuntu, which waits for a socket."""
    sshd = [Service(NAME, [file], start=False)]
    assert steps(sshd, unit(state="inactive", file_state="disabled")) == NOTHING
    assert steps(sshd, unit(age=60, file_state="disabled")) == Steps([], [], [NAME])


def test_what_is_not_ours_is_restarted_once_when_our_file_is_gone(file: str) -> None:
    other = [Service(NAME, [file], wanted=False)]
    assert steps(other, unit(age=60)) == NOTHING
    assert steps(other, unit(age=60), [file]) == Steps([], [], [NAME])
    assert steps(other, unit(state="inactive"), [file]) == NOTHING
