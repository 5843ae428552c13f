"""Vassals that start, end and retire."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import emperor as tested
from ansible_collections.emperor.flask.plugins.modules import (
    activate,
    retire,
    vassal,
)
from ansible_collections.emperor.flask.tests.support.hosts import ID, NEXT, STEPS, Host, build, mark_started
from ansible_collections.emperor.flask.tests.support.modules import run_module
from ansible_collections.emperor.flask.tests.support.servers import FakeEmperor


def start(name: str = f"shop.{ID}", **more: Any) -> dict[str, Any]:
    # The link's owner is compared by id, and every account is ours.
    return run_module(vassal, name=name, app="shop", release=name[5:17], timeout=2, **more)


def test_it_starts_and_ends(root: Path, host: Host, emperor: FakeEmperor) -> None:
    build(root)
    assert start(check=True)["changed"]
    assert list(host.vassals.iterdir()) == []
    found = start()
    assert found["changed"]
    assert Path(found["socket"]).is_socket()
    assert not start(check=True)["changed"]
    assert start(state="absent")["changed"]
    assert not Path(found["socket"]).exists()
    assert not start(state="absent")["changed"]


@pytest.mark.parametrize("name", [f"blog.{ID}", f"shop.{NEXT}", "shop", f"shop.{ID}-0", f"shop.{ID}/../x"])
def test_no_other_name_is_taken(host: Host, name: str) -> None:
    found = run_module(vassal, name=name, app="shop", release=ID, state="absent")
    assert found["msg"] == f"'{name}' is no vassal of release {ID} of app shop"


def test_a_deaf_emperor_is_reported_with_the_app(root: Path, emperor: FakeEmperor) -> None:
    build(root)
    emperor.binds = False
    found = run_module(vassal, name=f"shop.{ID}", app="shop", release=ID, timeout=0)
    assert found["msg"].startswith(f"app shop, release {ID}: the emperor bound no socket")


def test_all_but_the_served_one_of_this_app_retire(root: Path, host: Host, emperor: FakeEmperor) -> None:
    for release_id in (ID, NEXT):
        build(root, release_id)
    neighbour = host.vassals / f"shop2.{ID}.ini"
    neighbour.symlink_to("/nowhere")
    for name in (f"shop.{ID}", f"shop.{NEXT}", f"shop.{NEXT}-2"):
        start(name)
    run_module(activate, **{**STEPS, "release": NEXT})
    (root / "releases/000000000000.tmp").mkdir()
    leaving = [f"shop.{ID}", f"shop.{NEXT}"]
    checked = run_module(retire, check=True, name="shop")
    assert (checked["changed"], checked["retired"]) == (True, leaving)
    assert len(list(host.vassals.iterdir())) == 4
    found = run_module(retire, name="shop", drain_timeout=1)
    assert (found["changed"], found["retired"]) == (True, leaving)
    assert sorted(path.stem for path in host.vassals.iterdir()) == [f"shop.{NEXT}-2", f"shop2.{ID}"]
    assert not (root / "releases/000000000000.tmp").exists()
    assert not run_module(retire, name="shop")["changed"]


def test_a_socket_that_outlived_its_vassal_retires(root: Path, host: Host, emperor: FakeEmperor) -> None:
    build(root)
    start()
    run_module(activate, **STEPS)
    leftover = host.sockets / f"shop.{NEXT}.socket"
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(leftover))
    assert run_module(retire, name="shop", drain_timeout=1)["retired"] == [f"shop.{NEXT}"]
    assert not leftover.exists()


def test_nothing_retires_before_anything_is_served(root: Path) -> None:
    assert run_module(retire, name="shop")["msg"] == "app shop serves no release yet; nothing can be retired"


def test_nothing_retires_when_the_served_one_is_unknown(root: Path) -> None:
    build(root)
    mark_started(root / f"releases/{ID}", f"shop.{ID}")
    run_module(activate, **STEPS)
    (root / f"releases/{ID}/uwsgi.sock").unlink()
    found = run_module(retire, name="shop")
    assert found["msg"] == f"app shop: release {ID} has no vassal; deploy it again"


def test_what_was_started_and_not_activated_retires(root: Path, host: Host, emperor: FakeEmperor) -> None:
    build(root)
    start()
    run_module(activate, **STEPS)
    start(f"shop.{ID}-2")
    assert run_module(retire, name="shop", drain_timeout=1)["retired"] == [f"shop.{ID}-2"]
    assert [path.stem for path in host.vassals.iterdir()] == [f"shop.{ID}"]


def test_a_vassal_may_end_its_last_requests(root: Path, emperor: FakeEmperor, monkeypatch: pytest.MonkeyPatch) -> None:
    build(root)
    start()
    run_module(activate, **STEPS)
    start(f"shop.{ID}-2")
    asked: list[tuple[str, float]] = []
    monkeypatch.setattr(tested, "wait_idle", lambda path, timeout: asked.append((path.name, timeout)))
    monkeypatch.setattr(tested, "stop", lambda name, timeout: asked.append((name, timeout)))
    run_module(retire, name="shop", drain_timeout=7, request_timeout=100)
    assert asked == [(f"{ID}.stats", 7), (f"shop.{ID}-2", 115)]


def test_one_that_does_not_end_is_reported_and_what_is_unfinished_kept(
    root: Path, emperor: FakeEmperor, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(root)
    start()
    run_module(activate, **STEPS)
    build(root, NEXT)
    start(f"shop.{NEXT}")
    (root / "releases/000000000000.tmp").mkdir()

    def stop(name: str, timeout: float) -> bool:
        raise tested.EmperorError(f"vassal {name} did not end")

    monkeypatch.setattr(tested, "stop", stop)
    assert run_module(retire, name="shop", drain_timeout=1)["msg"] == f"app shop: vassal shop.{NEXT} did not end"
    assert (root / "releases/000000000000.tmp").exists()
