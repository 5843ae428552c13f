"""The one rename that moves the traffic."""

from __future__ import annotations

from typing import Any

from ansible_collections.emperor.flask.plugins.module_utils import history, vassals
from ansible_collections.emperor.flask.plugins.modules import activate
from ansible_collections.emperor.flask.tests.support.hosts import ID, LOCK, NEXT, STEP, App
from ansible_collections.emperor.flask.tests.support.modules import run_module


def run(release: str = ID, check: bool = False, **more: Any) -> dict[str, Any]:
    return run_module(activate, check=check, **{**STEP, "release": release, "revision": "v1", **more})


def test_the_traffic_moves_once_and_is_remembered(shop: App) -> None:
    shop.build()
    shop.start()
    found = run(why="because")
    assert (found["changed"], found["previous"]) == (True, None)
    assert str(shop.layout.current.readlink()) == f"releases/{ID}"
    again = run()
    assert (again["changed"], again["previous"]) == (False, ID)
    [line] = history.read(shop.layout)
    assert line.pop("time")
    assert 0 <= line.pop("seconds") < 5
    assert line == {
        "release": ID, "previous": None, "revision": "v1", "who": LOCK["who"], "why": "because",
        "result": "activated",
    }  # fmt: skip


def test_check_mode_shows_the_move_and_makes_none(shop: App) -> None:
    shop.build()
    found = run(check=True)
    assert found["changed"]
    assert found["diff"] == {
        "before": f"{shop.layout.current} -> None\n",
        "after": f"{shop.layout.current} -> {ID}\n",
    }
    assert not shop.layout.current.is_symlink()
    assert history.read(shop.layout) == []


def test_an_unfinished_release_gets_nothing(shop: App) -> None:
    assert run()["msg"] == f"app shop, release {ID}: release {ID} is not complete"
    assert history.read(shop.layout) == []


def test_a_release_that_was_started_again_gets_its_traffic_there(shop: App) -> None:
    shop.build()
    release = shop.layout.release(ID)
    shop.start(ID)
    run()
    shop.start(ID, f"shop.{ID}-2")
    assert run(check=True)["changed"]
    assert vassals.serving_vassal(release) == f"shop.{ID}"
    assert run()["changed"]
    assert vassals.serving_vassal(release) == f"shop.{ID}-2"
    assert not run()["changed"]
    assert len(history.read(shop.layout)) == 2


def test_a_release_that_was_never_started_gets_nothing(shop: App) -> None:
    shop.build()
    assert run()["msg"] == f"app shop, release {ID}: release {ID} was never started"
    assert not shop.layout.current.is_symlink()
    assert history.read(shop.layout) == []


def test_a_vassal_that_is_gone_since_its_check_gets_nothing(shop: App) -> None:
    """Its warm time may have ended just now, or somebody has removed its link."""
    shop.serve(ID)
    shop.build(NEXT)
    shop.end(shop.start(NEXT))
    found = run(NEXT)
    assert found["msg"] == f"app shop, release {NEXT}: vassal shop.{NEXT} is gone since it was checked"
    assert found["remedy"] == "run again"
    assert str(shop.layout.current.readlink()) == f"releases/{ID}"


def test_a_switch_that_nobody_wrote_down_is_written_down(shop: App) -> None:
    """A run was killed between the rename and the entry."""
    shop.serve(ID)
    shop.layout.history.unlink()
    assert run(check=True)["changed"]
    assert run()["changed"]
    assert history.last_live(shop.layout) == ID
    assert not run()["changed"]


def marks(shop: App) -> list[str]:
    return [path.parent.name for path in shop.layout.releases.glob("*/rolled-back.json")]


def test_a_rollback_marks_what_it_leaves_and_says_so_in_the_history(shop: App) -> None:
    shop.serve(ID)
    shop.serve(NEXT)
    assert run(ID, rollback=True)["previous"] == NEXT
    assert marks(shop) == [NEXT]
    assert history.read(shop.layout)[-1]["result"] == "rolled back"


def test_a_deploy_marks_nothing(shop: App) -> None:
    shop.serve(ID)
    shop.build(NEXT)
    shop.start(NEXT)
    run(NEXT)
    assert marks(shop) == []


def test_a_way_back_to_what_was_rolled_back_from_marks_nothing(shop: App) -> None:
    """It undoes the rollback; nothing is wrong with the release in between."""
    shop.serve(ID)
    shop.serve(NEXT)
    run(ID, rollback=True)
    run(NEXT, rollback=True)
    assert (marks(shop), shop.layout.current.readlink().name) == ([], NEXT)


def test_a_rollback_that_was_interrupted_after_its_mark_goes_on(shop: App) -> None:
    shop.serve(ID)
    shop.serve(NEXT)
    (shop.layout.release(NEXT) / "rolled-back.json").write_text("{}")
    run(ID, rollback=True)
    assert (marks(shop), shop.layout.current.readlink().name) == ([NEXT], ID)


def test_a_rollback_to_what_serves_already_marks_nothing(shop: App) -> None:
    shop.serve(ID)
    shop.layout.history.unlink()
    assert run(ID, rollback=True)["changed"]
    assert marks(shop) == []
