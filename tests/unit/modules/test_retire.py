"""The end of a release: what gets no traffic ends, what is too old goes, the lock is given back."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import emperor as emperors
from ansible_collections.emperor.flask.plugins.module_utils import history, locks
from ansible_collections.emperor.flask.plugins.modules import retire
from ansible_collections.emperor.flask.tests.support.hosts import ID, LOCK, NEXT, OTHER, STEP, App, Host, bind
from ansible_collections.emperor.flask.tests.support.modules import run_module
from ansible_collections.emperor.flask.tests.support.servers import FakeEmperor
from ansible_collections.emperor.flask.tests.support.systemd import Systemd


def run(check: bool = False, **more: Any) -> dict[str, Any]:
    return run_module(retire, check=check, **{**STEP, "release": NEXT, "drain_timeout": 1, **more})


def links(host: Host) -> list[str]:
    return sorted(path.stem for path in host.vassals.iterdir())


@pytest.fixture
def switched(shop: App, emperor: FakeEmperor, systemd: Systemd) -> App:
    """Return an app whose traffic has moved, with all that a run leaves behind before it retires the old one."""
    shop.serve(ID)
    shop.serve(NEXT)
    return shop


def test_all_but_the_served_one_of_this_app_retire(switched: App, host: Host) -> None:
    neighbours = [f"shop2.{ID}", f"shop-2.{ID}"]
    for name in neighbours:
        (host.vassals / f"{name}.ini").symlink_to("/nowhere")
    switched.start(NEXT, f"shop.{NEXT}-2")
    (switched.layout.releases / "000000000000.tmp").mkdir()
    leaving = [f"shop.{ID}", f"shop.{NEXT}-2"]
    checked = run(check=True)
    assert (checked["changed"], checked["retired"]) == (True, leaving)
    assert len(links(host)) == 5
    found = run()
    assert (found["changed"], found["retired"], found["kept"]) == (True, leaving, "")
    assert links(host) == sorted([f"shop.{NEXT}", *neighbours])
    assert not (switched.layout.releases / "000000000000.tmp").exists()
    assert not run()["changed"]


def test_a_socket_that_outlived_its_vassal_retires(switched: App, host: Host) -> None:
    run()
    bind(f"shop.{ID}")
    assert run()["retired"] == [f"shop.{ID}"]
    assert [path.stem for path in host.sockets.iterdir()] == [f"shop.{NEXT}"]


def test_before_anything_is_served_all_retire(shop: App, host: Host, emperor: FakeEmperor) -> None:
    shop.build(ID)
    shop.start(ID)
    assert run()["retired"] == [f"shop.{ID}"]
    assert [path.name for path in shop.layout.releases.iterdir()] == [ID]


def test_one_in_flight_gets_its_time_and_the_end_is_not_waited_for(
    switched: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr(emperors, "wait_idle", lambda path, timeout: asked.append((path.name, timeout)))
    monkeypatch.setattr(emperors, "dismiss", lambda name: asked.append((name,)))
    run(drain_timeout=7)
    assert asked == [(f"{ID}.stats", 7), (f"shop.{ID}",)]


def test_a_restart_waits_for_no_statistics_of_the_new_vassal(
    shop: App, emperor: FakeEmperor, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.serve(ID)
    shop.start(ID, f"shop.{ID}-2")
    shop.activate(ID)
    asked: list[str] = []
    monkeypatch.setattr(emperors, "wait_idle", lambda path, _timeout: asked.append(path.name))
    assert run(release=ID)["retired"] == [f"shop.{ID}"]
    assert asked == []


def test_the_lock_is_given_back(switched: App) -> None:
    with locks.held("shop", locks.Holder.of(LOCK)):
        pass
    assert locks.holder_of("shop") is not None
    run()
    assert locks.holder_of("shop") is None


def test_the_lock_of_another_run_is_respected(switched: App, host: Host) -> None:
    with locks.held("shop", locks.Holder.of(OTHER)):
        pass
    found = run()
    assert (found["failed"], found["locked"]) == (True, True)
    assert links(host) == [f"shop.{ID}", f"shop.{NEXT}"]
    holder = locks.holder_of("shop")
    assert holder is not None
    assert holder.run == OTHER["run"]


def test_with_a_window_the_release_before_stays_until_systemd_ends_it(
    switched: App, host: Host, systemd: Systemd
) -> None:
    found = run(rollback_window=600)
    assert (found["changed"], found["retired"], found["kept"]) == (False, [], f"shop.{ID}")
    assert links(host) == [f"shop.{ID}", f"shop.{NEXT}"]
    [timer] = systemd.calls
    assert timer[0] == "systemd-run"
    assert "--on-active=600s" in timer
    assert str(emperors.link_of(f"shop.{ID}")) in timer


def test_a_window_keeps_one_release_and_no_more(switched: App, host: Host, systemd: Systemd) -> None:
    run(rollback_window=600)
    third = "111111111111"
    switched.serve(third)
    found = run(release=third, rollback_window=600)
    assert (found["retired"], found["kept"]) == ([f"shop.{ID}"], f"shop.{NEXT}")
    assert links(host) == [f"shop.{third}", f"shop.{NEXT}"]
    assert [path.name for path in host.warm.iterdir()] == [f"shop.{NEXT}"]
    # Else the timer would take away what a later start of that name made.
    assert ["systemctl", "stop", f"flask-emperor-retire-shop.{ID}.timer"] in systemd.calls


def test_without_a_window_a_warm_one_ends(switched: App, host: Host) -> None:
    run(rollback_window=600)
    found = run()
    assert (found["retired"], found["kept"]) == ([f"shop.{ID}"], "")
    assert (links(host), list(host.warm.iterdir())) == ([f"shop.{NEXT}"], [])


def test_a_vassal_that_is_gone_already_is_not_kept(switched: App, host: Host, systemd: Systemd) -> None:
    switched.end(f"shop.{ID}")
    assert run(rollback_window=600)["kept"] == ""
    assert systemd.calls == []


def test_check_mode_keeps_and_ends_nothing(switched: App, host: Host, systemd: Systemd) -> None:
    assert run(check=True, rollback_window=600)["kept"] == f"shop.{ID}"
    run(check=True, keep_releases=1)
    assert (systemd.calls, links(host)) == ([], [f"shop.{ID}", f"shop.{NEXT}"])
    assert not host.locks.exists()


def test_old_releases_go_after_a_success(switched: App) -> None:
    for number in range(3):
        switched.serve(f"{number}" * 12)
    found = run(release="2" * 12, keep_releases=2)
    assert found["changed"]
    assert found["pruned"] == sorted([ID, NEXT, "0" * 12])
    assert sorted(path.name for path in switched.layout.releases.iterdir()) == ["1" * 12, "2" * 12]


def test_a_failure_ends_what_was_started_writes_it_down_and_prunes_nothing(switched: App, host: Host) -> None:
    served, failed = "000000000000", "111111111111"
    switched.serve(served)
    run(release=served)
    switched.build(failed)
    switched.start(failed)
    # A success would prune the oldest.
    found = run(release=failed, failure="app shop: answered 500", keep_releases=1)
    assert (found["retired"], found["pruned"]) == ([f"shop.{failed}"], [])
    assert links(host) == [f"shop.{served}"]
    assert sorted(path.name for path in switched.layout.releases.iterdir()) == sorted([ID, NEXT, served, failed])
    last = history.read(switched.layout)[-1]
    assert last.pop("time")
    assert last == {"release": failed, "who": LOCK["who"], "result": "failed", "why": "app shop: answered 500"}
    assert locks.holder_of("shop") is None


def test_a_failure_leaves_the_warm_vassal_warm(switched: App, host: Host) -> None:
    run(rollback_window=600)
    third = "111111111111"
    switched.build(third)
    switched.start(third)
    assert run(release=third, failure="no")["retired"] == [f"shop.{third}"]
    assert links(host) == [f"shop.{ID}", f"shop.{NEXT}"]


def test_a_failure_before_the_app_has_a_folder_writes_nothing(host: Host, emperor: FakeEmperor) -> None:
    assert not run(failure="no user")["changed"]
    assert list(host.apps.iterdir()) == []


def test_one_that_does_not_end_is_reported_and_what_is_unfinished_kept(
    switched: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    (switched.layout.releases / "000000000000.tmp").mkdir()

    def dismiss(name: str) -> bool:
        raise emperors.EmperorError(f"the emperor keeps {name}")

    monkeypatch.setattr(emperors, "dismiss", dismiss)
    assert run()["msg"] == f"app shop, release {NEXT}: the emperor keeps shop.{ID}"
    assert (switched.layout.releases / "000000000000.tmp").exists()
