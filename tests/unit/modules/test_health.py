"""The health check as a module, against a socket that answers like a vassal."""

from __future__ import annotations

import itertools
import os
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import health as checked
from ansible_collections.emperor.flask.plugins.module_utils.layout import AppLayout
from ansible_collections.emperor.flask.plugins.modules import health
from ansible_collections.emperor.flask.tests.support.hosts import Host
from ansible_collections.emperor.flask.tests.support.modules import run_module
from ansible_collections.emperor.flask.tests.support.servers import serve

ID = "0123456789ab"
ARGUMENTS: dict[str, Any] = {"name": "shop", "release": ID, "host": "shop.test", "path": "/healthz"}


@pytest.fixture
def bound(host: Host) -> Path:
    """Return the socket's path as the release has it: what was started last, whatever serves."""
    path = AppLayout("shop").release(ID) / "started.sock"
    path.parent.mkdir(parents=True)
    return path


@pytest.fixture(autouse=True)
def journal(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let the journal have words for this app alone."""
    asked: list[int] = []

    def last_words(_module: Any, user: int, _since: float) -> str:
        asked.append(user)
        return "Traceback: boom"

    monkeypatch.setattr(health, "last_words", last_words)
    return asked


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the time be over after the first answer."""
    times = itertools.chain([0, 0], itertools.repeat(10))
    monkeypatch.setattr(checked, "monotonic", times.__next__)


def vassal(status: str, release: str = ID) -> Any:
    def answer(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(f"HTTP/1.1 {status}\r\nX-Emperor-Release: {release}\r\n\r\n".encode())

    return answer


def test_a_healthy_release_passes(bound: Path, journal: list[int]) -> None:
    with serve(bound, vassal("200 OK")):
        found = run_module(health, **ARGUMENTS, timeout=5)
    assert (found["changed"], found["answers"]) == (False, 3)
    assert journal == []


def test_a_sick_one_fails_with_its_last_words(bound: Path, journal: list[int], impatient: None) -> None:
    with serve(bound, vassal("500 Internal Server Error")):
        found = run_module(health, **ARGUMENTS, timeout=5)
    assert found["failed"]
    assert found["msg"] == (
        f"app shop, release {ID}: GET /healthz for shop.test: answered 500, expected 200 to 399, for 10 s."
    )
    assert (found["log"], journal) == ("Traceback: boom", [os.getuid()])


def test_another_release_on_the_socket_is_not_this_one(bound: Path, impatient: None) -> None:
    with serve(bound, vassal("200 OK", "ba9876543210")):
        assert "answered by release ba9876543210" in run_module(health, **ARGUMENTS, timeout=5)["msg"]


def test_the_statuses_of_the_app_count(bound: Path) -> None:
    with serve(bound, vassal("503 Service Unavailable")):
        assert "failed" not in run_module(health, **ARGUMENTS, status=[503], timeout=5)


def test_no_socket_is_told(bound: Path, impatient: None) -> None:
    assert "no answer ([Errno 2]" in run_module(health, **ARGUMENTS, timeout=5)["msg"]


def test_check_mode_asks_nobody(host: Host) -> None:
    assert run_module(health, check=True, **ARGUMENTS)["answers"] == 0


def test_what_serves_answers_for_nobody_else(bound: Path, impatient: None) -> None:
    """A release that is started beside itself is not healthy because its predecessor is."""
    with serve(bound.with_name("uwsgi.sock"), vassal("200 OK")):
        assert "no answer ([Errno 2]" in run_module(health, **ARGUMENTS, timeout=5)["msg"]


def test_a_silent_app_cannot_hold_the_check_up(bound: Path) -> None:
    begin = time.monotonic()
    with serve(bound, lambda _connection: time.sleep(4)):
        found = run_module(health, **ARGUMENTS, timeout=1)
        assert time.monotonic() - begin < 3
    assert "no answer (timed out)" in found["msg"]
