"""Pythons that the host lacks; what uv would do is given, not done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.plugins.module_utils.interpreters import Interpreter
from ansible_collections.emperor.flask.plugins.modules import fetch_python
from ansible_collections.emperor.flask.tests.support.modules import run_module

NO_ROUTE = """\
error: Failed to install cpython-3.9.25-linux-x86_64-gnu
  Caused by: Request failed after 1 retry
  Caused by: Failed to download https://files.example.org/cpython-3.9.tar.gz
  Caused by: client error for https://ada:canary@files.example.org
"""


class Uv:
    """Notes what it is asked, and answers as it is told."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.environments: list[dict[str, str]] = []
        self.answers: dict[str, tuple[int, str, str]] = {}

    def run(
        self, command: list[str], environ_update: dict[str, str] | None = None, **_more: Any
    ) -> tuple[int, str, str]:
        self.commands.append(command)
        self.environments.append(environ_update or {})
        return self.answers.get(command[-1], (0, "", ""))


@pytest.fixture
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Uv:
    made = Uv()
    monkeypatch.setattr(AnsibleModule, "run_command", made.run)
    monkeypatch.setattr(fetch_python, "FETCHED", tmp_path / "python")
    monkeypatch.setattr(fetch_python, "on_host", lambda _run: [Interpreter("/opt/python3.12", "cpython-3.12")])
    return made


def fetch(*versions: str, **more: Any) -> dict[str, Any]:
    return run_module(fetch_python, versions=list(versions), uv="/opt/uv", **more)


def test_what_is_there_afterwards_was_fetched(uv: Uv, tmp_path: Path) -> None:
    found = fetch("3.12")
    assert (found["changed"], found["unfetched"]) == (True, {})
    assert uv.commands == [
        ["/opt/uv", "python", "install", "--install-dir", str(tmp_path / "python"), "--no-bin", "3.12"]
    ]
    # All others may not fetch any.
    assert uv.environments[0]["UV_PYTHON_DOWNLOADS"] == "manual"


def test_one_that_fails_is_told_without_passwords_and_the_others_are_fetched(uv: Uv) -> None:
    uv.answers["3.9"] = (1, "", NO_ROUTE)
    found = fetch("3.9", "3.12")
    assert found["changed"]
    assert list(found["unfetched"]) == ["3.9"]
    assert found["unfetched"]["3.9"] == (
        "Failed to install cpython-3.9.25-linux-x86_64-gnu: client error for https://files.example.org"
    )
    assert "canary" not in str(found)


def test_what_is_not_there_afterwards_was_not_fetched(uv: Uv) -> None:
    found = fetch("3.14")
    assert (found["changed"], found["unfetched"]) == (
        False,
        {"3.14": "the host has no Python 3.14; it has 3.12 (/opt/python3.12)"},
    )


def test_check_mode_fetches_nothing(uv: Uv) -> None:
    assert fetch("3.9", check=True)["changed"]
    assert uv.commands == []


def test_the_environment_may_forbid_it(uv: Uv) -> None:
    fetch("3.12", environment='{"UV_PYTHON_DOWNLOADS": "never"}')
    assert uv.environments[0]["UV_PYTHON_DOWNLOADS"] == "never"
