"""Releases in units of systemd: what it is told, and what is left on the host."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import release_units as tested
from ansible_collections.emperor.flask.plugins.module_utils import runners, vassals
from ansible_collections.emperor.flask.plugins.module_utils.emperor import link_of
from ansible_collections.emperor.flask.plugins.module_utils.layout import nameless_links_of, traces_of, vassals_of
from ansible_collections.emperor.flask.plugins.module_utils.plan import leftovers
from ansible_collections.emperor.flask.plugins.module_utils.provisioned import NotProvisionedError
from ansible_collections.emperor.flask.plugins.module_utils.vassals import View
from ansible_collections.emperor.flask.tests.support.hosts import ID, NEXT, App, Host, bind
from ansible_collections.emperor.flask.tests.support.systemd import Systemd

VASSAL = f"shop.{ID}"
SERVICE, SOCKET = f"flask-release@{VASSAL}.service", f"flask-release@{VASSAL}.socket"
FILES = {"vassal.ini": "[uwsgi]\n", "release.service": "[Service]\n"}


@pytest.fixture
def release(shop: App, systemd: Systemd, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tested, "_PATIENCE", 0)
    return shop.build(ID, files=FILES)


@pytest.fixture
def started(release: Path) -> str:
    # systemd does so in truth.
    bind(VASSAL)
    tested.start(VASSAL, release, "app-shop", 1)
    return VASSAL


def test_a_start_gives_systemd_the_file_and_a_second_one_changes_nothing(
    host: Host, release: Path, systemd: Systemd
) -> None:
    bind(VASSAL)
    assert tested.start(VASSAL, release, "app-shop", 1)
    assert (host.units / SERVICE).read_text() == FILES["release.service"]
    assert str((host.units / "sockets.target.wants" / SOCKET).readlink()) == "../flask-release@.socket"
    assert vassals.last_vassal(release) == VASSAL
    assert systemd.calls == [["systemctl", "start", SOCKET]]
    assert not tested.start(VASSAL, release, "app-shop", 1)
    assert tested.flaw(VASSAL, release, "app-shop") == ""


def test_a_socket_that_systemd_does_not_bind_is_reported(release: Path, systemd: Systemd) -> None:
    systemd.refuse("Unit is masked")
    with pytest.raises(tested.UnitError, match=f"^systemd bound no socket for {VASSAL}: Unit is masked; look at: "):
        tested.start(VASSAL, release, "app-shop", 1)


@pytest.mark.parametrize("missing", ["flask-release@.socket", "flask-release@.service.d/sandbox.conf"])
def test_nothing_is_started_where_the_role_uwsgi_has_not_been(
    host: Host, release: Path, systemd: Systemd, missing: str
) -> None:
    (host.units / missing).unlink()
    with pytest.raises(NotProvisionedError, match=f"{missing} is missing"):
        tested.start(VASSAL, release, "app-shop", 1)
    assert systemd.calls == []
    assert not (host.units / SERVICE).exists()


def test_who_runs_a_release_follows_from_its_files(shop: App, release: Path, started: str) -> None:
    assert runners.of_release(release) is tested
    assert runners.of_vassal(started) is tested
    other = shop.build(NEXT)
    assert runners.of_release(other) is runners.of_vassal(f"shop.{NEXT}") is runners.emperor


def test_both_kinds_are_vassals_of_the_app(shop: App, started: str) -> None:
    shop.build(NEXT)
    emperors = shop.start(NEXT)
    assert link_of(emperors).is_symlink()
    assert vassals_of("shop") == [VASSAL, emperors]
    assert leftovers(shop.layout, emperors) == [VASSAL]
    assert vassals_of("sho") == vassals_of("shop2") == []


@pytest.mark.parametrize("left", ["wish", "file"])
def test_what_a_crash_has_left_is_a_trace(host: Host, release: Path, left: str) -> None:
    (host.units / "sockets.target.wants").mkdir()
    if left == "wish":
        tested.wish_of(VASSAL).symlink_to("../flask-release@.socket")
    else:
        tested.file_of(VASSAL).touch()
    assert traces_of("shop") == [VASSAL]
    assert not tested.is_started(VASSAL)
    assert tested.flaw(VASSAL, release, "app-shop") == f"{SERVICE} has no file or no socket"
    assert tested.dismiss(VASSAL)
    assert traces_of("shop") == []


def test_a_file_without_its_name_is_unfinished(host: Host, release: Path) -> None:
    (host.units / f".{SERVICE}.77.tmp").touch()
    (host.units / ".flask-release@shop2.x.77.tmp").touch()
    assert [path.name for path in nameless_links_of("shop")] == [f".{SERVICE}.77.tmp"]


def test_what_was_changed_by_hand_is_told(release: Path, started: str) -> None:
    tested.file_of(VASSAL).write_text("[Service]\nUser=root\n")
    assert tested.flaw(VASSAL, release, "app-shop") == f"{SERVICE} was changed by hand"


def test_an_end_begins_with_the_socket_and_leaves_nothing(host: Host, started: str, systemd: Systemd) -> None:
    before = len(systemd.calls)
    assert tested.dismiss(VASSAL)
    told = [call[1:] for call in systemd.calls[before:] if call[1] != "show"]
    assert told == [["stop", SOCKET], ["stop", "--no-block", SERVICE], ["reset-failed", SERVICE, SOCKET]]
    assert (traces_of("shop"), tested.knows(VASSAL)) == ([], False)
    assert not tested.dismiss(VASSAL)


def test_an_end_at_once_kills_and_one_that_does_not_come_is_reported(started: str, systemd: Systemd) -> None:
    systemd.answer("active\n")
    with pytest.raises(tested.UnitError, match=f"^{SERVICE} did not end within 0 s; look at: journalctl"):
        tested.stop(VASSAL, 0, at_once=True)
    assert ["systemctl", "kill", "--signal=KILL", SERVICE] in systemd.calls


def test_the_command_of_a_later_end_leaves_nothing(host: Host, started: str, systemd: Systemd) -> None:
    mark = host.apps / "mark"
    mark.touch()
    # Without the paths of a host.
    command = [sys.executable, *tested.ending(VASSAL, mark)[1:]]
    subprocess.run(command, check=True)
    assert systemd.calls[-1] == ["systemctl", "stop", SOCKET, SERVICE]
    assert (traces_of("shop"), mark.exists()) == ([], False)


def test_systemd_sees_a_unit(started: str, systemd: Systemd) -> None:
    systemd.answer(f"Id={SERVICE}\nMainPID=41\nNRestarts=2\nResult=signal\nExecMainCode=2\nExecMainStatus=9\n")
    told = "systemd sees: pid 41, 2 restarts, was ended by SIGKILL"
    assert tested.views() == {VASSAL: View(41, 2, told, f"look at: journalctl --unit={SERVICE}")}
    assert runners.views()[0][VASSAL].pid == 41


def test_a_systemd_that_does_not_answer_is_told_beside_the_emperor(started: str, systemd: Systemd) -> None:
    systemd.refuse("no bus")
    found, cause = runners.views()
    assert found == {}
    assert cause.startswith("the emperor does not run")
    assert cause.endswith("systemctl show: no bus")


def test_connections_are_the_kernels_to_tell(short_tmp: Path) -> None:
    path = short_tmp / "s"
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(str(path))
        server.listen()
        assert vassals.connections(path) == 0
        client.connect(str(path))
        assert vassals.connections(path) == 1
        accepted, _ = server.accept()
        assert vassals.connections(path) == 1
        assert vassals.connections(short_tmp) == 0
        accepted.close()
        assert vassals.connections(path) == 0


def test_a_drain_waits_for_the_last_connection(started: str, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = iter([1, 0, 1, 0, 0])
    monkeypatch.setattr(tested, "connections", lambda _path: next(counts))
    monkeypatch.setattr(vassals, "sleep", lambda _seconds: None)
    tested.drain(VASSAL, 5)
    assert list(counts) == []
