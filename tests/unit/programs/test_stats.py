"""The program that passes on statistics at a TCP address: to real sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import pytest

FILE = Path(__file__).resolve().parents[3] / "roles/uwsgi/files/stats"
FIRST, SECOND = "0123456789ab", "ba9876543210"


@pytest.fixture(scope="module")
def program() -> Any:
    loader = SourceFileLoader("stats", str(FILE))
    spec = spec_from_loader("stats", loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture
def app(short_tmp: Path) -> Path:
    for name in (f"releases/{FIRST}", f"releases/{SECOND}", "run"):
        (short_tmp / name).mkdir(parents=True)
    (short_tmp / "current").symlink_to(f"releases/{FIRST}")
    return short_tmp


@pytest.fixture
def port(program: Any, app: Path) -> Iterator[int]:
    with program.Relay(app, ("127.0.0.1", 0)) as relay:
        thread = threading.Thread(target=relay.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield relay.server_address[1]
        relay.shutdown()
        thread.join()


def vassal(app: Path, release: str, text: bytes) -> threading.Thread:
    """Answer one reader, as uWSGI does, and leave the socket behind."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(str(app / "run" / f"{release}.stats"))
    server.listen()

    def answer() -> None:
        connection, _ = server.accept()
        with server, connection:
            connection.sendall(text)

    thread = threading.Thread(target=answer)
    thread.start()
    return thread


def read(port: int) -> bytes:
    found = b""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        while data := connection.recv(65536):
            found += data
    return found


def test_it_passes_on_what_the_served_release_says(app: Path, port: int) -> None:
    told = b'{"workers": []}' * 20000
    answering = vassal(app, FIRST, told)
    assert read(port) == told
    answering.join()


def test_it_follows_a_switch(app: Path, port: int) -> None:
    answering = vassal(app, SECOND, b"second")
    (app / "next").symlink_to(f"releases/{SECOND}")
    (app / "next").rename(app / "current")
    assert read(port) == b"second"
    answering.join()


def test_an_app_that_sleeps_says_nothing_and_the_next_reader_is_served(app: Path, port: int) -> None:
    assert read(port) == b""
    vassal(app, FIRST, b"first").join(0)
    assert read(port) == b"first"
    # Nobody listens at what is left of it.
    assert read(port) == b""


def test_without_a_release_it_says_nothing(app: Path, port: int) -> None:
    (app / "current").unlink()
    assert read(port) == b""


def test_one_that_does_not_answer_keeps_nobody_waiting_for_ever(
    app: Path, port: int, program: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "PATIENCE", 0.2)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as mute:
        mute.bind(str(app / "run" / f"{FIRST}.stats"))
        mute.listen()
        assert read(port) == b""
