"""The one rename that moves the traffic."""

from __future__ import annotations

import json
from pathlib import Path

from ansible_collections.emperor.flask.plugins.module_utils import emperor
from ansible_collections.emperor.flask.plugins.modules import activate
from ansible_collections.emperor.flask.tests.support.hosts import ID, STEPS, build, mark_started
from ansible_collections.emperor.flask.tests.support.modules import run_module


def test_the_traffic_moves_once_and_is_remembered(root: Path) -> None:
    build(root)
    mark_started(root / f"releases/{ID}", f"shop.{ID}")
    found = run_module(activate, **STEPS, who="me", why="because")
    assert (found["changed"], found["previous"]) == (True, None)
    assert str((root / "current").readlink()) == f"releases/{ID}"
    again = run_module(activate, **STEPS)
    assert (again["changed"], again["previous"]) == (False, ID)
    [line] = [json.loads(line) for line in (root / "history.jsonl").read_text().splitlines()]
    line.pop("time")
    assert line == {"release": ID, "revision": "v1", "who": "me", "why": "because", "result": "activated"}


def test_check_mode_shows_the_move_and_makes_none(root: Path) -> None:
    build(root)
    found = run_module(activate, check=True, **STEPS)
    assert found["changed"]
    assert found["diff"] == {"before": f"{root}/current -> None\n", "after": f"{root}/current -> {ID}\n"}
    assert not (root / "current").is_symlink()
    assert not (root / "history.jsonl").exists()


def test_an_unfinished_release_gets_nothing(root: Path) -> None:
    found = run_module(activate, **STEPS)
    assert found["msg"] == f"app shop: release {ID} is not complete"
    assert not (root / "history.jsonl").exists()


def test_a_release_that_was_started_again_gets_its_traffic_there(root: Path) -> None:
    build(root)
    release = root / f"releases/{ID}"
    mark_started(release, f"shop.{ID}")
    run_module(activate, **STEPS)
    mark_started(release, f"shop.{ID}-2")
    assert run_module(activate, check=True, **STEPS)["changed"]
    assert emperor.serving_vassal(release) == f"shop.{ID}"
    assert run_module(activate, **STEPS)["changed"]
    assert emperor.serving_vassal(release) == f"shop.{ID}-2"
    assert not run_module(activate, **STEPS)["changed"]
    assert len((root / "history.jsonl").read_text().splitlines()) == 2


def test_a_release_that_was_never_started_gets_nothing(root: Path) -> None:
    build(root)
    assert run_module(activate, **STEPS)["msg"] == f"app shop: release {ID} was never started"
    assert not (root / "current").is_symlink()
    assert not (root / "history.jsonl").exists()
