"""What systemd runs for apps beside requests."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import layout, units
from ansible_collections.emperor.flask.plugins.module_utils.layout import AppLayout
from ansible_collections.emperor.flask.plugins.module_utils.units import Unit
from ansible_collections.emperor.flask.tests.support.hosts import ID, App, Host
from ansible_collections.emperor.flask.tests.support.systemd import Systemd

DAEMON, SERVICE, TIMER = (f"flask-app-shop.{name}" for name in ("mails.service", "tidy.service", "tidy.timer"))


def unit(name: str = DAEMON, **properties: Any) -> Unit:
    return Unit(name, {key: str(value) for key, value in properties.items()})


def ago(seconds: float) -> int:
    """Return a moment as systemd counts it."""
    return int((time.monotonic() - seconds) * 1e6)


def write(*names: str) -> None:
    for name in names:
        (layout.UNITS / name).write_text("[Unit]\n")


def test_units_are_those_of_exactly_one_app(host: Host) -> None:
    others = ("flask-app-shop2.mails.service", "flask-app-shop-mails.a.service", "flask-app-shop.A.service")
    write(DAEMON, SERVICE, TIMER, *others, "flask-app-shop.mails.socket", "flask-app-shop.service")
    assert layout.units_of("shop") == [DAEMON, SERVICE, TIMER]
    assert layout.units_of("shop2") == ["flask-app-shop2.mails.service"]
    assert layout.units_of("sho") == []
    assert AppLayout("shop").unit("mails") == DAEMON


def test_the_service_of_a_timer_is_no_daemon() -> None:
    assert units.kinds([TIMER, SERVICE, DAEMON]) == ([DAEMON], [TIMER])


@pytest.mark.parametrize(
    ("properties", "cause"),
    [
        ({"Result": "success"}, ""),
        ({}, ""),
        ({"Result": "exit-code", "ExecMainCode": 1, "ExecMainStatus": 3}, "ended with 3"),
        ({"Result": "signal", "ExecMainCode": 2, "ExecMainStatus": 9}, "was ended by SIGKILL"),
        ({"Result": "core-dump", "ExecMainCode": 3, "ExecMainStatus": 11}, "was ended by SIGSEGV"),
        ({"Result": "signal", "ExecMainCode": 2, "ExecMainStatus": 99}, "was ended by signal 99"),
        ({"Result": "timeout", "ExecMainCode": 2, "ExecMainStatus": 15}, "took too long"),
        ({"Result": "oom-kill", "ExecMainCode": 1, "ExecMainStatus": 0}, "failed: oom-kill"),
    ],
)
def test_the_cause_is_told_in_words(properties: dict[str, Any], cause: str) -> None:
    assert unit(**properties).cause == cause


@pytest.mark.parametrize(
    ("state", "restarts", "seconds", "stays"),
    [("active", 0, 1, True), ("active", 3, 2, False), ("active", 3, 60, True), ("activating", 3, 2, False)],
)
def test_what_was_only_just_started_again_does_not_stay_up(
    state: str, restarts: int, seconds: float, stays: bool
) -> None:
    found = unit(ActiveState=state, NRestarts=restarts, ExecMainStartTimestampMonotonic=ago(seconds))
    assert found.stays_up is stays
    assert found.flaw == (f"was started again {restarts} times" if restarts else "is active")


def test_times_are_read_as_systemd_prints_them() -> None:
    found = unit(LastTriggerUSec="Sat 2026-11-21 15:39:05.123456 UTC", NextElapseUSecRealtime="n/a")
    assert (found.moment("LastTriggerUSec"), found.moment("NextElapseUSecRealtime")) == (
        "2026-11-21T15:39:05+00:00",
        None,
    )
    assert unit(ExecMainStartTimestampMonotonic=0).since("ExecMainStart") is None


def test_a_daemon_is_outdated_after_a_switch_a_restart_or_a_change_of_its_file(shop: App) -> None:
    shop.serve()
    write(DAEMON)
    started = unit(ExecMainStartTimestampMonotonic=ago(0))
    assert not units.is_outdated(started, shop.layout)
    for path in (shop.layout.current, shop.layout.release(ID) / "uwsgi.sock", layout.UNITS / DAEMON):
        started = unit(ExecMainStartTimestampMonotonic=ago(0))
        time.sleep(0.02)
        path.rename(shop.root / "aside")
        (shop.root / "aside").rename(path)
        assert units.is_outdated(started, shop.layout)
    assert not units.is_outdated(unit(ExecMainStartTimestampMonotonic=ago(-1)), shop.layout)


def test_a_link_that_was_made_before_it_got_its_name_counts_from_then(shop: App) -> None:
    """Else a daemon that starts between the two would be left on the old release."""
    shop.serve()
    aside = shop.root / "aside"
    aside.symlink_to(f"releases/{ID}")
    os.utime(aside, (1, 1), follow_symlinks=False)
    started = unit(ExecMainStartTimestampMonotonic=ago(0))
    time.sleep(0.02)
    aside.rename(shop.layout.current)
    assert units.is_outdated(started, shop.layout)


def test_a_timer_is_outdated_by_its_own_file_alone(shop: App) -> None:
    shop.serve()
    write(TIMER)
    time.sleep(0.02)
    started = unit(TIMER, ActiveEnterTimestampMonotonic=ago(0))
    shop.layout.current.unlink()
    assert not units.is_outdated(started, shop.layout)
    time.sleep(0.02)
    write(TIMER)
    assert units.is_outdated(started, shop.layout)


def test_all_units_are_asked_for_at_once(systemd: Systemd) -> None:
    assert units.show([]) == {}
    assert systemd.calls == []
    systemd.answer(f"Id={DAEMON}\nActiveState=active\n\nId={TIMER}\nResult=a=b\n")
    found = units.show([DAEMON, TIMER, SERVICE])
    assert (found[DAEMON].is_active, found[TIMER]["Result"], found[SERVICE].is_active) == (True, "a=b", False)
    assert len(systemd.calls) == 1


def test_what_is_removed_is_stopped_first_and_leaves_nothing(
    host: Host, systemd: Systemd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(units, "_STAMPS", tmp_path)
    (tmp_path / f"stamp-{TIMER}").touch()
    write(DAEMON, SERVICE, TIMER)
    for name, folder in ((DAEMON, "multi-user.target.wants"), (TIMER, "timers.target.wants")):
        (layout.UNITS / folder).mkdir()
        (layout.UNITS / folder / name).symlink_to(layout.UNITS / name)
    units.remove([DAEMON, SERVICE, TIMER])
    assert list(layout.UNITS.rglob("flask-app-shop*")) == []
    assert not (tmp_path / f"stamp-{TIMER}").exists()
    assert systemd.calls == [
        ["systemctl", "stop", "--", TIMER],
        ["systemctl", "stop", "--", DAEMON, SERVICE],
        ["systemctl", "daemon-reload"],
        ["systemctl", "reset-failed", "--", DAEMON, SERVICE, TIMER],
    ]


def test_what_does_not_stop_is_not_removed(host: Host, systemd: Systemd) -> None:
    write(DAEMON)
    systemd.refuse("no luck")
    with pytest.raises(OSError, match="systemctl stop: no luck"):
        units.remove([DAEMON])
    assert (layout.UNITS / DAEMON).exists()


def test_schedules_are_asked_one_by_one_only_if_one_is_refused(systemd: Systemd) -> None:
    assert units.refused_schedules([]) == {}
    assert units.refused_schedules(["daily", "daily", "weekly"]) == {}
    assert systemd.calls == [["systemd-analyze", "calendar", "--", "daily", "weekly"]]
    systemd.refuse("no luck")
    assert units.refused_schedules(["*-13-1"]) == {"*-13-1": "no luck"}
