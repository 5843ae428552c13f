"""What is started of a release: its name, its statistics, its processes."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import vassals
from ansible_collections.emperor.flask.tests.support.servers import serve

RELEASE = "0123456789ab"
VASSAL = f"shop.{RELEASE}"


@pytest.mark.parametrize(
    ("last", "following"),
    [
        (None, VASSAL),
        (VASSAL, f"{VASSAL}-2"),
        (f"{VASSAL}-2", f"{VASSAL}-3"),
        (f"{VASSAL}-9", f"{VASSAL}-10"),
        ("garbage", VASSAL),
    ],
)
def test_a_name_is_never_used_again(last: str | None, following: str) -> None:
    assert vassals.next_vassal("shop", RELEASE, last) == following


HEADING = "Num       RefCount Protocol Flags    Type St Inode Path\n"
ROW = "00000000aa34ed11: 00000003 00000000 00000000 0001 %s %5d %s"
PATH = Path(f"/run/flask-emperor/sockets/{VASSAL}.socket")


@pytest.mark.parametrize(
    ("row", "count"),
    [
        (ROW % ("03", 1, PATH), 1),
        (ROW % ("02", 30940670, PATH), 1),
        (ROW % ("01", 1, PATH), 0),
        (ROW % ("03", 1, f"{PATH}2"), 0),
        (ROW % ("03", 1, f"@{PATH}"), 0),
        (ROW % ("03", 1, f"x {PATH}"), 0),
        (f"0: 0 0 0 0001 03 1 {PATH}", 0),
        ((ROW % ("03", 1, PATH)).replace("    1", " 1"), 0),
        (f"{ROW % ('03', 1, PATH)} ", 0),
        (f"{ROW % ('03', 1, 'x')}\r{ROW % ('03', 1, PATH)}", 0),
        (f"{ROW % ('03', 1, 'x')}\u2028{ROW % ('03', 1, PATH)}", 0),
    ],
)
def test_only_rows_as_the_kernel_writes_them_are_connections(tmp_path: Path, row: str, count: int) -> None:
    table = tmp_path / "unix"
    table.write_bytes(f"{HEADING}{ROW % ('01', 1, PATH)}\n{row}\n".encode())
    assert vassals.connections(PATH, table) == count


def test_a_kernel_with_shorter_addresses_is_understood(tmp_path: Path) -> None:
    table = tmp_path / "unix"
    table.write_text(HEADING + f"{ROW % ('03', 1, PATH)}\n"[8:] * 2)
    assert vassals.connections(PATH, table) == 2


@pytest.mark.parametrize("text", ["", HEADING])
def test_a_host_without_sockets_has_no_connections(tmp_path: Path, text: str) -> None:
    table = tmp_path / "unix"
    table.write_text(text)
    assert vassals.connections(PATH, table) == 0


def test_no_app_forges_a_connection_of_another() -> None:
    """A name without a file may hold all but an end; 107 bytes are its most, and a row of the kernel needs more."""
    with socket.socket(socket.AF_UNIX) as forger:
        forger.bind(f"\0\n0 0 0 0 0 03 0 {PATH}")
        assert vassals.connections(PATH) == 0
    shortest = PATH.with_name(f"a.{RELEASE}.socket")
    with socket.socket(socket.AF_UNIX) as forger, pytest.raises(OSError, match="path too long"):
        forger.bind(f"\0\n{ROW % ('03', 1, shortest)}")


IDLE = {"status": "idle", "cores": [{"in_request": 0}]}
BUSY = {"status": "busy", "cores": [{"in_request": 1}]}
THREAD = {"status": "idle", "cores": [{"in_request": 0}, {"in_request": 1}]}


class Statistics:
    """A vassal's statistics: these in turn, the last one for ever."""

    def __init__(self, states: list[dict[str, Any]]) -> None:
        self.states = states
        self.asked = 0

    def answer(self, connection: socket.socket) -> None:
        state = self.states[min(self.asked, len(self.states) - 1)]
        self.asked += 1
        connection.sendall(json.dumps(state).encode())


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pause a hundredth of the usual time between two looks."""
    monkeypatch.setattr(vassals, "sleep", lambda seconds: time.sleep(seconds / 100))


@pytest.mark.parametrize(
    ("states", "asked"),
    [
        ([{"workers": [IDLE, IDLE]}], 2),
        ([{"workers": [IDLE, BUSY]}, {"workers": [IDLE]}], 3),
        ([{"workers": [THREAD]}, {"workers": [IDLE]}], 3),
        ([{"workers": [IDLE], "listen_queue": 1}, {"workers": [IDLE], "listen_queue": 0}], 3),
        ([{"workers": [IDLE]}, {"workers": [BUSY]}, {"workers": [IDLE]}], 4),
    ],
)
def test_calm_is_two_looks_without_work(short_tmp: Path, states: list[dict[str, Any]], asked: int) -> None:
    statistics = Statistics(states)
    with serve(short_tmp / "s", statistics.answer):
        assert vassals.wait_idle(short_tmp / "s", timeout=5)
    assert statistics.asked == asked


def test_endless_work_ends_the_wait(short_tmp: Path) -> None:
    with serve(short_tmp / "s", Statistics([{"workers": [BUSY]}]).answer):
        assert not vassals.wait_idle(short_tmp / "s", timeout=0.1)


def test_a_vassal_that_is_not_running_is_calm(short_tmp: Path) -> None:
    assert vassals.wait_idle(short_tmp / "none", timeout=0)


@pytest.mark.parametrize(
    "said",
    [
        b"", b"{", b"[]", b"\xff", b"{}", b'{"workers": 5}', b'{"workers": [5]}', b'{"workers": [{}]}',
        b'{"workers": [{"status": "idle", "cores": 5}]}', b'{"workers": [{"status": "idle", "cores": [5]}]}',
    ],
)  # fmt: skip
def test_an_app_that_answers_for_uwsgi_holds_nothing_up(short_tmp: Path, said: bytes) -> None:
    """The statistics socket lies in a folder of the app."""
    with serve(short_tmp / "s", lambda connection: connection.sendall(said)):
        assert vassals.wait_idle(short_tmp / "s", timeout=0)


def test_statistics_have_a_size(short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vassals, "_MAX_STATS", 1000)
    fits = json.dumps({"a": "x" * 900}).encode()
    with serve(short_tmp / "s", lambda connection: connection.sendall(fits)):
        assert vassals.read_stats(short_tmp / "s")["a"] == "x" * 900
    with (
        serve(short_tmp / "s", lambda connection: connection.sendall(fits + b" " * 1000)),
        pytest.raises(ValueError, match="sends more than statistics"),
    ):
        vassals.read_stats(short_tmp / "s")


def test_statistics_that_drip_have_one_deadline(short_tmp: Path) -> None:
    def drip(connection: socket.socket) -> None:
        for _ in range(200):
            connection.sendall(b" ")
            time.sleep(0.02)

    begin = time.monotonic()
    with serve(short_tmp / "s", drip):
        with pytest.raises(ValueError, match="sends more than statistics"):
            vassals.read_stats(short_tmp / "s", timeout=0.2)
        assert time.monotonic() - begin < 2


def test_statistics_that_never_come_end_in_time(short_tmp: Path) -> None:
    with serve(short_tmp / "s", lambda _connection: time.sleep(0.5)), pytest.raises(OSError, match="timed out"):
        vassals.read_stats(short_tmp / "s", timeout=0.1)


def test_statistics_too_deep_to_read_hold_nothing_up(short_tmp: Path) -> None:
    with serve(short_tmp / "s", lambda connection: connection.sendall(b"[" * 200_000)):
        assert vassals.wait_idle(short_tmp / "s", timeout=0)
