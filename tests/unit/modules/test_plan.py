"""The plan as a module: all apps at once, git asked here."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.plugins.modules import plan
from ansible_collections.emperor.flask.tests.support.hosts import Host
from ansible_collections.emperor.flask.tests.support.modules import run_module


def app(name: str, **source: str) -> dict[str, Any]:
    return {"description": {"name": name, "writable": [], "media": []}, **source}


@pytest.fixture
def repository(tmp_path: Path) -> str:
    identity = ["-c", "user.name=n", "-c", "user.email=e"]
    for command in (["init", "-b", "main"], ["commit", "--allow-empty", "-m", "m"]):
        subprocess.run(["git", *identity, *command], cwd=tmp_path, check=True, capture_output=True)
    return f"file://{tmp_path}"


def test_every_app_gets_its_plan_in_order(host: Host, repository: str) -> None:
    found = run_module(plan, apps=[app("a", revision="r1"), app("b", git=repository, version="main")])
    assert [(entry["name"], entry["action"]) for entry in found["apps"]] == [("a", "create"), ("b", "create")]
    assert found["apps"][0]["revision"] == "r1"
    assert len(found["apps"][1]["revision"]) == 40
    assert found["diff"]["before"] == "a: release none\nb: release none\n"


def test_the_same_input_plans_the_same_release(host: Host) -> None:
    first, second = (run_module(plan, apps=[app("a", revision="r1")])["apps"][0]["id"] for _ in range(2))
    assert first == second
    assert run_module(plan, apps=[app("a", revision="r2")])["apps"][0]["id"] != first


@pytest.mark.parametrize(("check", "changed"), [(False, False), (True, True)])
def test_it_reports_a_change_in_check_mode_alone(host: Host, check: bool, changed: bool) -> None:
    assert run_module(plan, check=check, apps=[app("a", revision="r1")])["changed"] is changed
    assert run_module(plan, check=check, apps=[])["changed"] is False
    assert list(host.apps.iterdir()) == []


def test_a_repository_that_cannot_be_read_is_named(host: Host, tmp_path: Path) -> None:
    found = run_module(plan, apps=[app("a", git=f"file://{tmp_path}/none", version="main")])
    assert found["failed"]
    assert found["msg"].startswith(f"git cannot read file://{tmp_path}/none: ")


def test_a_bare_host_without_git_plans_in_check_mode(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AnsibleModule, "get_bin_path", lambda *_rest, **_more: None)
    found = run_module(plan, check=True, apps=[app("a", git="https://git.invalid/a.git", version="main")])
    assert (found["apps"][0]["id"], found["apps"][0]["action"]) == ("unknown", "create")
