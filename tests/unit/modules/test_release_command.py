"""The release command, once for each release."""

from __future__ import annotations

import stat
from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.module_utils.commands import Result
from ansible_collections.emperor.flask.plugins.modules import release_command
from ansible_collections.emperor.flask.tests.support.hosts import ID, STEP, App
from ansible_collections.emperor.flask.tests.support.modules import run_module


def run(check: bool = False) -> dict[str, Any]:
    return run_module(release_command, check=check, **STEP, command="flask init-db", timeout=9)


@pytest.fixture
def result(shop: App, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    shop.build()
    told: dict[str, Any] = {"is": Result(0, "migrated\n"), "calls": []}

    def run_as(*arguments: Any) -> Result:
        told["calls"].append(arguments)
        return told["is"]

    monkeypatch.setattr(release_command, "run_as", run_as)
    return told


def test_it_runs_once_as_the_app_in_its_root(shop: App, result: dict[str, Any]) -> None:
    assert run()["changed"]
    assert not run()["changed"]
    [(user, command, folder, environment, timeout, writable)] = result["calls"]
    assert (user, command) == ("app-shop", ["/bin/sh", "-c", "flask init-db"])
    assert writable == [shop.root / "shared"]
    assert (folder, timeout) == (shop.root / f"releases/{ID}/src", 9)
    assert (environment["KEY"], environment["EMPEROR_RELEASE"]) == ("value", ID)
    log = shop.root / f"releases/{ID}/release-command.log"
    assert (log.read_text(), stat.S_IMODE(log.stat().st_mode)) == ("migrated\n", 0o600)


@pytest.mark.parametrize(("code", "why"), [(3, "ended with 3"), (None, "took more than 9 s")])
def test_a_failure_is_told_and_tried_again(shop: App, result: dict[str, Any], code: int | None, why: str) -> None:
    result["is"] = Result(code, "no such table: page\n")
    log = shop.root / f"releases/{ID}/release-command.failed.log"
    found = run()
    assert found["msg"] == (
        f"app shop, release {ID}: the release command {why}; the release was not started. All of its output: {log}"
    )
    assert found["log"] == "no such table: page"
    assert found["remedy"] == "the database lacks a table; let release_command make it"
    assert log.read_text() == "no such table: page\n"
    result["is"] = Result(0, "")
    assert run()["changed"]
    assert len(result["calls"]) == 2


def test_check_mode_runs_nothing(result: dict[str, Any]) -> None:
    assert run(check=True)["changed"]
    assert result["calls"] == []
