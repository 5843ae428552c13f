"""The emperor's directory and statistics, against something that behaves like it."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import emperor as tested
from ansible_collections.emperor.flask.plugins.module_utils import vassals
from ansible_collections.emperor.flask.plugins.module_utils.vassals import View
from ansible_collections.emperor.flask.tests.support.hosts import Host
from ansible_collections.emperor.flask.tests.support.servers import FakeEmperor, serve

RELEASE = "0123456789ab"
VASSAL = f"shop.{RELEASE}"
ME = getpass.getuser()


@pytest.fixture
def release(host: Host) -> Path:
    folder = host.apps / "shop/releases" / RELEASE
    folder.mkdir(parents=True)
    (folder / "vassal.ini").touch()
    return folder


def test_a_start_links_the_vassal_and_the_socket_and_a_second_one_changes_nothing(
    host: Host, emperor: FakeEmperor, release: Path
) -> None:
    assert tested.start(VASSAL, release, ME, timeout=2)
    assert (host.vassals / f"{VASSAL}.ini").resolve() == (release / "vassal.ini").resolve()
    assert (release / "started.sock").resolve().is_socket()
    assert (vassals.last_vassal(release), vassals.serving_vassal(release)) == (VASSAL, None)
    assert not tested.start(VASSAL, release, ME, timeout=2)
    assert [path.name for path in host.vassals.iterdir()] == [f"{VASSAL}.ini"]


def test_a_release_that_never_started_has_no_vassal(release: Path) -> None:
    assert (vassals.last_vassal(release), vassals.serving_vassal(release)) == (None, None)


def test_a_start_moves_no_traffic(emperor: FakeEmperor, release: Path) -> None:
    (release / "uwsgi.sock").symlink_to(vassals.socket_of(VASSAL))
    assert tested.start(f"{VASSAL}-2", release, ME, timeout=2)
    assert (vassals.last_vassal(release), vassals.serving_vassal(release)) == (f"{VASSAL}-2", VASSAL)


def test_a_vassal_is_started_with_both_its_link_and_its_socket(emperor: FakeEmperor, release: Path) -> None:
    assert not tested.is_started(VASSAL)
    tested.start(VASSAL, release, ME, timeout=2)
    assert tested.is_started(VASSAL)
    tested.link_of(VASSAL).rename(tested.link_of(VASSAL).with_suffix(".aside"))
    assert not tested.is_started(VASSAL)
    tested.link_of(VASSAL).with_suffix(".aside").rename(tested.link_of(VASSAL))
    vassals.socket_of(VASSAL).unlink()
    assert not tested.is_started(VASSAL)


def test_a_socket_that_nobody_binds_is_reported(emperor: FakeEmperor, release: Path) -> None:
    emperor.binds = False
    with pytest.raises(tested.EmperorError, match=f"^the emperor bound no socket for {VASSAL} .*journalctl"):
        tested.start(VASSAL, release, ME, timeout=0.2)
    assert emperor.scans >= 2


def test_an_emperor_that_is_not_there_is_reported(release: Path) -> None:
    gone = r"^the emperor does not run; look at: systemctl status flask-emperor$"
    with pytest.raises(tested.EmperorError, match=gone):
        tested.start(VASSAL, release, ME, timeout=0.2)


def test_an_emperor_that_talks_nonsense_is_reported(host: Host) -> None:
    with (
        serve(host.stats, lambda connection: connection.sendall(b"{")),
        pytest.raises(tested.EmperorError, match="does not answer"),
    ):
        tested.scan()


def test_a_stop_waits_for_the_end_and_takes_the_socket_along(host: Host, emperor: FakeEmperor, release: Path) -> None:
    neighbours = [f"{VASSAL}-2", f"shop2.{RELEASE}"]
    for name in (VASSAL, *neighbours):
        tested.start(name, release, ME, timeout=2)
    emperor.grace = 3
    tested.scan()
    before = emperor.scans
    assert tested.stop(VASSAL, timeout=2)
    assert emperor.scans - before == 4
    assert sorted(path.stem for path in host.vassals.iterdir()) == neighbours
    assert sorted(path.stem for path in host.sockets.iterdir()) == neighbours
    assert not tested.stop(VASSAL, timeout=2)


def test_a_socket_left_over_from_a_crash_goes_too(host: Host, emperor: FakeEmperor) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(host.sockets / f"{VASSAL}.socket"))
    assert tested.stop(VASSAL, timeout=2)
    assert list(host.sockets.iterdir()) == []


def test_vassals_end_with_their_emperor(host: Host, release: Path) -> None:
    """Nobody answers, so nobody can have the vassal any more; the repair goes on."""
    tested.link_of(VASSAL).symlink_to(release / "vassal.ini")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(vassals.socket_of(VASSAL)))
    assert tested.stop(VASSAL, timeout=0)
    assert (list(host.vassals.iterdir()), list(host.sockets.iterdir())) == ([], [])
    assert not tested.stop(VASSAL, timeout=0)


@pytest.mark.parametrize("own", ["stats", "traceback.1", "traceback.12"])
def test_its_own_sockets_go_with_the_last_vassal_of_a_release(
    host: Host, emperor: FakeEmperor, release: Path, own: str
) -> None:
    statistics = host.apps / "shop/run" / f"{RELEASE}.{own}"
    statistics.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(statistics))
    for name in (VASSAL, f"{VASSAL}-2"):
        tested.start(name, release, ME, timeout=2)
    tested.stop(VASSAL, timeout=2)
    assert statistics.exists()
    tested.stop(f"{VASSAL}-2", timeout=2)
    assert not statistics.exists()


def test_a_vassal_that_does_not_end_is_reported(host: Host, emperor: FakeEmperor, release: Path) -> None:
    tested.start(VASSAL, release, ME, timeout=2)
    emperor.grace = -1
    tested.scan()
    with pytest.raises(tested.EmperorError, match=f"^vassal {VASSAL} did not end within"):
        tested.stop(VASSAL, timeout=0.2)
    # Nobody new gets in, whatever it is at.
    assert list(host.sockets.iterdir()) == []


def test_what_an_app_makes_in_place_of_its_statistics_holds_nothing_up(
    host: Host, emperor: FakeEmperor, release: Path
) -> None:
    tested.start(VASSAL, release, ME)
    (folder := vassals.stats_of(VASSAL)[0]).mkdir(parents=True)
    assert tested.dismiss(VASSAL)
    assert folder.is_dir()
    assert not vassals.socket_of(VASSAL).exists()


def test_a_dismissed_vassal_is_not_waited_for(host: Host, emperor: FakeEmperor, release: Path) -> None:
    tested.start(VASSAL, release, ME, timeout=2)
    emperor.grace = -1
    tested.scan()
    before = emperor.scans
    assert tested.dismiss(VASSAL)
    assert emperor.scans - before == 1
    assert (list(host.vassals.iterdir()), list(host.sockets.iterdir())) == ([], [])
    assert not tested.dismiss(VASSAL)


PARENT = "import subprocess, time; print(subprocess.Popen(['sleep', '60']).pid, flush=True); time.sleep(60)"


@pytest.fixture
def master() -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Return a process like a vassal's master, and where its worker is to be seen."""
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        worker = Path("/proc", process.stdout.readline().strip())
        yield process, worker
        process.kill()
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(worker.name), signal.SIGKILL)


def is_dead(process: Path) -> bool:
    """Tell whether a process is gone, or waits for nobody but its parent."""
    try:
        return "State:\tZ" in (process / "status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_an_end_at_once_kills_the_master_and_its_workers(
    emperor: FakeEmperor, release: Path, master: tuple[subprocess.Popen[str], Path]
) -> None:
    process, worker = master
    tested.start(VASSAL, release, ME, timeout=2)
    emperor.grace = 5
    emperor.processes[VASSAL] = process.pid
    tested.scan()
    assert tested.stop(VASSAL, timeout=2, at_once=True)
    assert process.wait(5) == -signal.SIGKILL
    deadline = time.monotonic() + 5
    while not is_dead(worker) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert is_dead(worker)


@pytest.mark.parametrize("pid", [-1, 0, 1])
def test_a_vassal_that_sleeps_has_nobody_to_kill(
    emperor: FakeEmperor, release: Path, monkeypatch: pytest.MonkeyPatch, pid: int
) -> None:
    """To the kernel, -1 is everybody."""
    killed: list[int] = []
    monkeypatch.setattr(os, "kill", lambda process, _signal: killed.append(process))
    tested.start(VASSAL, release, ME, timeout=2)
    emperor.grace = 2
    emperor.processes[VASSAL] = pid
    tested.scan()
    tested.stop(VASSAL, timeout=2, at_once=True)
    assert killed == []


def test_processes_of_another_user_are_spared(
    monkeypatch: pytest.MonkeyPatch, master: tuple[subprocess.Popen[str], Path]
) -> None:
    """The statistics of an emperor are read later than they are said; a number may be somebody else's by then."""
    process, worker = master
    tested._kill(process.pid, os.getuid() + 1)
    time.sleep(0.05)
    assert process.poll() is None
    assert not is_dead(worker)


@pytest.mark.parametrize(
    ("vassal", "view"),
    [
        (VASSAL, View(7, 2, "the emperor sees: pid 7, app loaded, 2 restarts")),
        (f"{VASSAL}-2", View(0, 0, "the emperor sees: no process, app not loaded yet, 0 restarts")),
        (f"blog.{RELEASE}", View(0, 0, "the emperor has blacklisted the vassal: it died young")),
    ],
)
def test_the_emperor_sees_each_of_its_vassals(host: Host, vassal: str, view: View) -> None:
    told = {
        "vassals": [
            {"id": f"{VASSAL}.ini", "pid": 7, "ready": 1, "accepting": 1, "respawns": 2, "uid": 998},
            {"id": f"{VASSAL}-2.ini", "pid": -1, "ready": 0, "accepting": 0, "respawns": 0, "uid": 998},
        ],
        "blacklist": [{"id": f"blog.{RELEASE}.ini", "throttle_level": 3000000}],
    }
    with serve(host.stats, lambda connection: connection.sendall(json.dumps(told).encode())):
        assert tested.views()[vassal] == view


def test_a_vassal_that_is_still_loading_needs_time(host: Host) -> None:
    told = {"vassals": [{"id": f"{VASSAL}.ini", "pid": 7, "ready": 0}]}
    with serve(host.stats, lambda connection: connection.sendall(json.dumps(told).encode())):
        assert tested.views()[VASSAL].advice.startswith("the app is still being loaded")


def test_statistics_of_an_older_emperor_lack_parts(host: Host) -> None:
    with serve(host.stats, lambda connection: connection.sendall(b"{}")):
        assert tested.views() == {}
    assert tested.unknown("shop").words == "the emperor does not know the vassal"
    assert tested.unknown("shop").advice.startswith("the emperor has given it up")


def test_a_worker_is_told_with_its_master(master: tuple[subprocess.Popen[str], Path]) -> None:
    process, worker = master
    assert vassals.processes_of(process.pid) == [process.pid, int(worker.name)]
    assert vassals.processes_of(-1) == vassals.processes_of(0) == vassals.processes_of(1) == []
