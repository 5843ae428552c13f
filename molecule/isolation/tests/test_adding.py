"""An app that comes to a host with 20 others is seen by none of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from outside import on_each
from owner import Owner
from playbooks import Run, play

Visitors = Callable[[str], AbstractContextManager[dict[str, str]]]
APP = "newcomer"


@dataclass(frozen=True)
class Coming:
    """A host before and after."""

    before: dict[str, Any]
    after: dict[str, Any]
    reloads: int
    check: Run
    run: Run


@pytest.fixture(scope="module")
def comings(
    scenes: dict[str, Any],
    inventory: Path,
    visitors: Visitors,
) -> dict[str, Coming]:
    def come(host: str) -> Coming:
        scene, owner = scenes[host], Owner(host)
        owner.describe(APP, **{key: value for key, value in owner.apps["leaver2"].items() if key != "name"})
        check = play(inventory, "site", host, "--check", "--diff").good()
        before, reloads = scene.others(APP), scene.reloads()
        run = play(inventory, "site", host).good()
        return Coming(before, scene.others(APP), scene.reloads() - reloads, check, run)

    for host, scene in scenes.items():
        # From an earlier run of these tests.
        if scene.host.condition(APP).current:
            play(inventory, "remove", host, app=APP, purge="true").good()
    with visitors("an app is added") as notes:
        found = on_each(list(scenes), come)
        for host, coming in found.items():
            notes[host] = (
                f"among {len(coming.before) - 2} in {coming.run.seconds:.0f} s; nginx reloads: {coming.reloads}"
            )
    return found


def test_there_are_20_others(comings: dict[str, Coming]) -> None:
    for host, coming in comings.items():
        alive = [name for name, app in coming.before.items() if name not in ("services", "files") and app.processes]
        assert len(alive) == 20, host


def test_check_mode_shows_the_newcomer_alone(comings: dict[str, Coming]) -> None:
    for host, coming in comings.items():
        [planned] = [task for task in coming.check.tasks if task.name == "Compare the apps with the host"]
        shown = planned.result["diff"]["prepared"].splitlines()
        [only] = [line for line in shown if not line.startswith(" ")]
        assert only.startswith(f"{APP}: create, release "), host
        differences = [entry for task in coming.check.tasks if task.host == host for entry in diffs(task.result)]
        named = [str(entry.get("after_header")) for entry in differences if entry.get("after_header")]
        assert [name for name in named if APP not in name] == [], host


def diffs(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = result.get("diff") or []
    return [found] if isinstance(found, dict) else list(found)


def test_no_other_app_is_touched(comings: dict[str, Coming]) -> None:
    for host, coming in comings.items():
        assert coming.after == coming.before, host


def test_nginx_reloads_once(comings: dict[str, Coming]) -> None:
    assert {host: coming.reloads for host, coming in comings.items()} == dict.fromkeys(comings, 1)


def test_it_is_there(scenes: dict[str, Any], comings: dict[str, Coming]) -> None:
    for scene in scenes.values():
        assert scene.host.get(APP).status == 200
