"""The plan as a module: all apps at once, git asked here."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.plugins.modules import plan
from ansible_collections.emperor.flask.tests.support.hosts import Host
from ansible_collections.emperor.flask.tests.support.modules import run_module


def app(name: str, **source: str) -> dict[str, Any]:
    description = {"name": name, "writable": [], "media": []}
    return {"want": "deploy", "name": name, "description": description, **source}


def plan_of(*requests: dict[str, Any], check: bool = False, **more: Any) -> dict[str, Any]:
    """Return what the module answers for these apps."""
    known = [request["name"] for request in requests]
    return run_module(plan, check, requests=list(requests), known=known, uv_home="/uv", uv_requirements="uv", **more)


@pytest.fixture
def repository(tmp_path: Path) -> str:
    identity = ["-c", "user.name=n", "-c", "user.email=e"]
    for command in (["init", "-b", "main"], ["commit", "--allow-empty", "-m", "m"]):
        subprocess.run(["git", *identity, *command], cwd=tmp_path, check=True, capture_output=True)
    return f"file://{tmp_path}"


def test_every_app_gets_its_plan_in_order(host: Host, repository: str) -> None:
    found = plan_of(app("a", revision="r1"), app("b", git=repository, version="main"))
    assert [(entry["name"], entry["action"]) for entry in found["apps"]] == [("a", "create"), ("b", "create")]
    assert found["apps"][0]["revision"] == "r1"
    assert len(found["apps"][1]["revision"]) == 40
    assert found["diff"]["before"] == "a: release none\nb: release none\n"


def test_the_same_input_plans_the_same_release(host: Host) -> None:
    first, second = (plan_of(app("a", revision="r1"))["apps"][0]["id"] for _ in range(2))
    assert first == second
    assert plan_of(app("a", revision="r2"))["apps"][0]["id"] != first


@pytest.mark.parametrize(("check", "changed"), [(False, False), (True, True)])
def test_it_reports_a_change_in_check_mode_alone(host: Host, check: bool, changed: bool) -> None:
    assert plan_of(app("a", revision="r1"), check=check)["changed"] is changed
    assert plan_of(check=check)["changed"] is False
    assert list(host.apps.iterdir()) == []


def test_a_repository_that_cannot_be_read_is_named(host: Host, tmp_path: Path) -> None:
    [failure] = plan_of(app("a", git=f"file://{tmp_path}/none", version="main"))["failures"]
    assert failure["name"] == "a"
    assert failure["report"].startswith(f"app a: git cannot read file://{tmp_path}/none: ")


def served(host: Host, name: str, **manifest: Any) -> None:
    """Leave the manifest of a release that gets the traffic."""
    release = host.apps / name / "releases/0123456789ab"
    release.mkdir(parents=True)
    (release / "release.json").write_text(json.dumps(manifest))
    (host.apps / name / "current").symlink_to("releases/0123456789ab")


def test_a_repository_that_is_away_leaves_the_app_at_its_commit(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(AnsibleModule, "warn", lambda _module, text: warnings.append(text))
    source = {"git": f"file://{tmp_path}/none", "version": "main"}
    served(host, "a", revision="a" * 40, source=source)
    found = plan_of(app("a", **source), app("b", revision="r1"))
    assert [entry["revision"] for entry in found["apps"]] == ["a" * 40, "r1"]
    [warning] = warnings
    assert warning.startswith(f"app a: git cannot read file://{tmp_path}/none: ")
    assert warning.endswith("; goes on with what main was at the last deploy, commit aaaaaaaaaaaa")


@pytest.mark.parametrize("manifest", ["", "[]", "{}"])
def test_an_unreadable_manifest_tells_nothing(host: Host, tmp_path: Path, manifest: str) -> None:
    served(host, "a")
    (host.apps / "a/current/release.json").write_text(manifest)
    assert plan_of(app("a", git=f"file://{tmp_path}/none", version="main"))["apps"][0]["action"] == "failed"


def test_what_cannot_be_read_is_alone(host: Host, tmp_path: Path) -> None:
    apps = [app(name, git=f"file://{tmp_path}/{name}", version="main") for name in ("a", "b")]
    found = plan_of(*apps, app("c", revision="r1"))
    assert [failure["report"].split(": ")[0] for failure in found["failures"]] == ["app a", "app b"]
    assert [entry["name"] for entry in found["to_do"]] == ["c"]


def test_ssh_gets_the_key_of_its_app_and_no_other(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program in the place of ssh writes down what it could read, and where."""
    fake = tmp_path / "bin/ssh"
    fake.parent.mkdir()
    fake.write_text(
        f'#!/bin/sh\necho "$@" >>{tmp_path}/argv\nenv >>{tmp_path}/env\n'
        f'while [ "$1" != -i ]; do [ $# = 0 ] && exit 1; shift; done\ncat "$2" >>{tmp_path}/keys\nexit 1\n'
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    apps = [app(name, git=f"git@{name}.test:a.git", version="main") for name in ("a", "b")]
    found = plan_of(*apps, access=json.dumps({"a": {"key": "canary\n", "known_hosts": []}}))
    assert len(found["failures"]) == 2
    assert (tmp_path / "keys").read_text() == "canary\n"
    assert len((tmp_path / "argv").read_text().splitlines()) == 2
    assert "canary" not in (tmp_path / "argv").read_text() + (tmp_path / "env").read_text() + json.dumps(found)


def test_a_bare_host_without_git_plans_in_check_mode(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AnsibleModule, "get_bin_path", lambda *_rest, **_more: None)
    found = plan_of(app("a", git="https://git.invalid/a.git", version="main"), check=True)
    assert (found["apps"][0]["id"], found["apps"][0]["action"]) == ("unknown", "create")
