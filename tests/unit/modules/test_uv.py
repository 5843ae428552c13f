"""The pinned uv; the commands that would install it are noted, not run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.plugins.module_utils.uv_program import stamp
from ansible_collections.emperor.flask.plugins.modules import uv
from ansible_collections.emperor.flask.tests.support.hosts import Accounts
from ansible_collections.emperor.flask.tests.support.modules import run_module


class Pip:
    """Makes what the real one makes, or fails."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.code = 0
        self.commands: list[list[str]] = []
        self.environments: list[dict[str, str]] = []

    def run(self, command: list[str], environ_update: dict[str, str]) -> tuple[int, str, str]:
        self.commands.append(command)
        self.environments.append(environ_update)
        (self.home / "bin").mkdir(parents=True, exist_ok=True)
        if self.code == 0:
            (self.home / "bin/uv").touch()
        return self.code, "", "no such package"


@pytest.fixture
def pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, accounts: Accounts) -> Pip:
    made = Pip(tmp_path / "uv")
    monkeypatch.setattr(AnsibleModule, "run_command", made.run)
    return made


def install(pip: Pip, requirements: str = "uv==1 --hash=sha256:0\n", **more: Any) -> dict[str, Any]:
    return run_module(uv, requirements=requirements, home=str(pip.home), **more)


def test_it_is_installed_once_and_with_hashes(pip: Pip) -> None:
    assert [install(pip)["changed"] for _ in range(2)] == [True, False]
    assert len(pip.commands) == 2
    assert {"--require-hashes", "--no-deps", "--only-binary=:all:"} <= set(pip.commands[1])


def test_another_version_replaces_it(pip: Pip) -> None:
    install(pip)
    (pip.home / "old").touch()
    assert install(pip, "uv==2 --hash=sha256:0\n")["changed"]
    assert not (pip.home / "old").exists()


def test_an_interrupted_installation_is_made_anew(pip: Pip) -> None:
    install(pip)
    stamp(pip.home).unlink()
    assert install(pip)["changed"]


def test_a_failure_is_told_and_leaves_nothing(pip: Pip) -> None:
    pip.code = 1
    assert install(pip)["msg"].endswith("ended with 1.\nno such package")
    assert not pip.home.exists()


def test_check_mode_installs_nothing(pip: Pip) -> None:
    assert install(pip, check=True)["changed"]
    assert (pip.commands, pip.home.exists()) == ([], False)


def test_the_environment_reaches_pip_and_does_not_blot_the_path(pip: Pip) -> None:
    found = install(pip, environment='{"PIP_RETRIES": 1, "A": "uv"}')
    assert pip.environments[1]["PIP_RETRIES"] == "1"
    assert found["path"] == str(pip.home / "bin/uv")
