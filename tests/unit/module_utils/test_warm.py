"""Vassals that stay up for a rollback; systemd is told when to end them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import emperor, release_units, vassals, warm
from ansible_collections.emperor.flask.tests.support.hosts import ID, NEXT, App, Host
from ansible_collections.emperor.flask.tests.support.systemd import Systemd

VASSAL = f"shop.{ID}"
UNIT = f"flask-emperor-retire-{VASSAL}"


@pytest.fixture(autouse=True)
def started(shop: App, systemd: Systemd) -> None:
    shop.build(ID)
    shop.start(ID)


def test_a_kept_vassal_has_its_time(host: Host) -> None:
    warm.keep(VASSAL, 600)
    found = warm.kept("shop")
    assert found.keys() == {VASSAL}
    assert 595 < found[VASSAL] <= 600


def test_systemd_takes_all_of_it_away_when_the_time_is_over(shop: App, host: Host, systemd: Systemd) -> None:
    warm.keep(VASSAL, 600)
    [call] = systemd.calls
    assert call[0] == "systemd-run"
    assert {f"--unit={UNIT}", "--on-active=600s", "--collect"} <= set(call)
    command = call[call.index("rm") :]
    assert command[:3] == ["rm", "-f", "--"]
    assert set(map(Path, command[3:])) == {
        emperor.link_of(VASSAL), vassals.socket_of(VASSAL), shop.root / f"run/{ID}.stats", host.warm / VASSAL,
    }  # fmt: skip


@pytest.mark.parametrize("by_unit", [False, True])
def test_systemd_puts_no_variable_into_what_it_is_given(
    shop: App, systemd: Systemd, monkeypatch: pytest.MonkeyPatch, by_unit: bool
) -> None:
    """It would for `${NAME}` and for a word that begins with `$`; root removes what comes of that."""
    if by_unit:
        release_units.file_of(VASSAL).touch()
    odd = shop.root / "run/$HOME${PATH}"
    for module in (emperor, release_units):
        monkeypatch.setattr(module, "sockets_of", lambda _vassal: [odd])
    warm.keep(VASSAL, 600)
    assert str(odd).replace("$", "$$") in systemd.calls[-1]
    assert str(odd) not in systemd.calls[-1]


def test_a_name_that_no_worker_makes_is_not_given_to_systemd(shop: App, systemd: Systemd) -> None:
    for own in ("traceback.1", "traceback.${PATH}"):
        (shop.root / f"run/{ID}.{own}").touch()
    warm.keep(VASSAL, 600)
    given = [part for part in systemd.calls[-1] if "traceback" in part]
    assert given == [str(shop.root / f"run/{ID}.traceback.1")]


def test_statistics_that_another_start_of_the_release_uses_stay(shop: App, systemd: Systemd) -> None:
    shop.start(ID, f"{VASSAL}-2")
    warm.keep(VASSAL, 600)
    assert str(shop.root / f"run/{ID}.stats") not in systemd.calls[-1]


def test_a_vassal_that_is_kept_again_gets_the_whole_time_again(systemd: Systemd) -> None:
    """The old timer goes first: it would end the vassal in the middle of its new time."""
    warm.keep(VASSAL, 5)
    warm.keep(VASSAL, 600)
    assert [call[:2] for call in systemd.calls[1:2]] == [["systemctl", "stop"]]
    assert systemd.calls[1][2] == f"{UNIT}.timer"
    assert "--on-active=600s" in systemd.calls[2]
    assert warm.kept("shop")[VASSAL] > 590


def test_a_systemd_that_refuses_is_told(systemd: Systemd) -> None:
    systemd.refuse("Failed to start transient timer unit")
    with pytest.raises(OSError, match=f"^systemd cannot end {VASSAL} later: Failed to start transient timer unit$"):
        warm.keep(VASSAL, 600)


def test_a_vassal_that_systemd_will_never_end_is_not_kept(systemd: Systemd) -> None:
    """Else it would stay for good: each plan would take it for warm."""
    systemd.refuse("no")
    with pytest.raises(OSError, match="no"):
        warm.keep(VASSAL, 600)
    assert warm.kept("shop") == {}


def test_a_forgotten_vassal_is_ended_by_nobody(host: Host, systemd: Systemd) -> None:
    warm.keep(VASSAL, 600)
    warm.forget(VASSAL)
    assert systemd.calls[-1] == ["systemctl", "stop", f"{UNIT}.timer"]
    assert (warm.kept("shop"), list(host.warm.iterdir())) == ({}, [])
    assert emperor.is_started(VASSAL)


def test_systemd_is_not_asked_about_what_was_never_kept(systemd: Systemd) -> None:
    warm.forget(VASSAL)
    assert systemd.calls == []


def test_a_timer_that_has_gone_off_is_no_error(host: Host, systemd: Systemd) -> None:
    warm.keep(VASSAL, 600)
    systemd.refuse("Unit not loaded")
    warm.forget(VASSAL)
    assert list(host.warm.iterdir()) == []


@pytest.mark.parametrize("content", ["", "soon", "nan"])
def test_a_mark_that_nobody_can_read_keeps_nothing(host: Host, content: str) -> None:
    host.warm.mkdir()
    (host.warm / VASSAL).write_text(content)
    assert warm.kept("shop") == {}


def test_time_that_is_over_keeps_nothing(host: Host) -> None:
    warm.keep(VASSAL, 600)
    (host.warm / VASSAL).write_text(str(time.time() - 1))
    assert warm.kept("shop") == {}


def test_a_mark_without_its_vassal_keeps_nothing(shop: App) -> None:
    warm.keep(VASSAL, 600)
    shop.end(VASSAL)
    assert warm.kept("shop") == {}


def test_the_vassals_of_a_neighbour_are_its_own() -> None:
    other = App("shop2")
    other.build(NEXT)
    other.start(NEXT)
    warm.keep(f"shop2.{NEXT}", 600)
    assert warm.kept("shop") == {}
    assert warm.kept("shop2").keys() == {f"shop2.{NEXT}"}
