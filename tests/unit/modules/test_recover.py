"""The begin of a release: the lock, the directories, whatever the last run has left."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import locks, warm
from ansible_collections.emperor.flask.plugins.modules import recover
from ansible_collections.emperor.flask.tests.support.hosts import ID, LOCK, NEXT, OTHER, App, Host, request
from ansible_collections.emperor.flask.tests.support.modules import run_module
from ansible_collections.emperor.flask.tests.support.servers import FakeEmperor


def run(asked: dict[str, Any] | None = None, check: bool = False, **more: Any) -> dict[str, Any]:
    return run_module(recover, check=check, name="shop", lock=LOCK, request=asked or request(), **more)


@pytest.fixture
def root(host: Host) -> Path:
    """Return the folder of an app whose directories are made."""
    assert run()["changed"]
    return host.apps / "shop"


def test_directories_are_made_once(root: Path) -> None:
    modes = {
        name: stat.S_IMODE((root / name).stat().st_mode) for name in ("", "run", "shared/instance", "shared/media")
    }
    assert modes == {"": 0o751, "run": 0o700, "shared/instance": 0o700, "shared/media": 0o2750}
    again = run()
    assert (again["changed"], again["directories"], again["removed"]) == (False, [], [])


def test_a_drift_is_set_right_and_shown(root: Path) -> None:
    (root / "run").chmod(0o755)
    (root / "shared/instance/kept").touch()
    checked = run(check=True)
    assert stat.S_IMODE((root / "run").stat().st_mode) == 0o755
    found = run()
    assert checked["directories"] == found["directories"] == [str(root / "run")]
    assert found["diff"]["after"] == f"{root}/run app-shop:app-shop 0700\n"
    assert stat.S_IMODE((root / "run").stat().st_mode) == 0o700
    assert (root / "shared/instance/kept").exists()


def test_a_link_in_place_of_a_directory_is_refused(root: Path, tmp_path: Path) -> None:
    (root / "run").rmdir()
    (root / "run").symlink_to(tmp_path)
    found = run()
    assert found["failed"]
    assert found["msg"] == f"app shop: {root}/run is a symbolic link"
    assert found["remedy"] == "make it a directory, or remove it"


def test_check_mode_makes_nothing(host: Host) -> None:
    found = run(check=True)
    assert (found["changed"], list(host.apps.iterdir()), list(host.cache.iterdir())) == (True, [], [])
    assert not host.locks.exists()


def test_the_builder_has_a_home_of_its_own(root: Path, host: Host) -> None:
    assert [path.name for path in host.cache.iterdir()] == ["shop"]
    assert stat.S_IMODE((host.cache / "shop").stat().st_mode) == 0o700


def test_the_places_above_are_made_whatever_the_umask_is(host: Host) -> None:
    host.apps.rmdir()
    host.cache.rmdir()
    before = os.umask(0o077)
    try:
        assert run()["changed"]
    finally:
        os.umask(before)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (host.apps, host.cache)] == [0o755, 0o755]


def test_what_an_interrupted_run_left_goes_and_what_serves_stays(shop: App, host: Host, emperor: FakeEmperor) -> None:
    shop.serve(ID)
    shop.build(NEXT)
    shop.start(NEXT)
    neighbour = host.vassals / f"shop2.{NEXT}.ini"
    neighbour.symlink_to("/nowhere")
    for name in (NEXT, f"{ID}.broken"):
        (shop.layout.releases / f"{name}.tmp/src").mkdir(parents=True)
    left = [f"shop.{NEXT}", f"{ID}.broken.tmp", f"{NEXT}.tmp"]
    checked = run(check=True)
    assert (checked["changed"], checked["removed"]) == (True, left)
    assert len(list(host.vassals.iterdir())) == 3
    found = run()
    assert (found["changed"], found["removed"]) == (True, left)
    assert sorted(path.stem for path in host.vassals.iterdir()) == [f"shop.{ID}", f"shop2.{NEXT}"]
    assert sorted(path.stem for path in host.sockets.iterdir()) == [f"shop.{ID}", f"shop2.{NEXT}"]
    # The release itself is complete, and may be the one that is wanted next.
    assert sorted(path.name for path in shop.layout.releases.iterdir()) == [ID, NEXT]
    assert not run()["changed"]


def test_a_start_that_is_wanted_is_gone_on_with(shop: App, host: Host, emperor: FakeEmperor) -> None:
    wanted = run()["plan"]["id"]
    shop.serve(ID)
    shop.build(wanted)
    shop.start(wanted)
    found = run()
    assert (found["plan"]["action"], found["plan"]["built"], found["plan"]["vassal"]) == (
        "deploy", True, f"shop.{wanted}",
    )  # fmt: skip
    assert (found["changed"], found["removed"]) == (False, [])


def test_a_warm_vassal_stays(shop: App, host: Host, emperor: FakeEmperor) -> None:
    shop.serve(ID)
    shop.serve(NEXT)
    host.warm.mkdir()
    (warm.MARKS / f"shop.{ID}").write_text(str(time.time() + 60))
    assert not run()["changed"]
    (warm.MARKS / f"shop.{ID}").write_text(str(time.time() - 1))
    assert run()["removed"] == [f"shop.{ID}"]


def test_the_question_is_asked_again_under_the_lock(shop: App, emperor: FakeEmperor) -> None:
    """Another run may have deployed the very same meanwhile."""
    planned = run(check=True)["plan"]
    assert planned["action"] == "create"
    shop.serve(planned["id"])
    assert run(planned["request"])["plan"]["action"] == "unchanged"


def test_the_app_stays_locked_for_the_next_step(host: Host) -> None:
    run()
    holder = locks.holder_of("shop")
    assert holder is not None
    assert (holder.run, holder.who) == (LOCK["run"], LOCK["who"])
    refused = run_module(recover, name="shop", lock=OTHER, request=request(), wait=0)
    assert (refused["failed"], refused["locked"]) == (True, True)
    assert refused["msg"].startswith("app shop: ada@controller is at app shop since ")


def test_a_run_that_is_known_to_be_dead_is_not_waited_for(host: Host) -> None:
    run()
    asked: dict[str, Any] = {"name": "shop", "lock": OTHER, "request": request(), "wait": 0}
    assert "failed" not in run_module(recover, abandoned=LOCK["run"], **asked)


def test_what_cannot_be_helped_is_told_and_nothing_touched(shop: App, emperor: FakeEmperor) -> None:
    (shop.layout.releases / f"{NEXT}.tmp").mkdir()
    found = run({"want": "rollback", "name": "shop", "release": ""})
    assert found["failed"]
    assert found["msg"] == "app shop: has no release on this host; deploy it first"
    assert (shop.layout.releases / f"{NEXT}.tmp").exists()
