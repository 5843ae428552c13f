"""What listens on a host, read as the kernel writes it and from a real socket."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import listeners
from ansible_collections.emperor.flask.plugins.module_utils.listeners import Listener

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
REST = "00000000:00000000 00:00000000 00000000     0        0"


def line(address: str, port: int, state: str, inode: int) -> str:
    return f"   0: {address}:{port:04X} {'0' * len(address)}:0000 {state} {REST} {inode} 1 0 100 0 0 10 0\n"


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tables = {
        "tcp": line("00000000", 22, "0A", 1)
        + line("0100007F", 5432, "0A", 2)
        + line("0100000A", 80, "01", 3)
        + line("00000000", 2222, "0A", 9)
        + line("00000000", 2223, "0A", 10),
        "tcp6": line("0" * 32, 80, "0A", 4)
        + line("00000000000000000000000001000000", 631, "0A", 5)
        + line("0000000000000000FFFF00000100007F", 632, "0A", 6),
        "udp": line("00000000", 68, "07", 7) + line("0100000A", 53, "01", 8),
    }
    (tmp_path / "net").mkdir()
    for name, text in tables.items():
        (tmp_path / "net" / name).write_text(HEAD + text)
    # The second is an app that calls itself so.
    for pid, (uid, inode, name) in {"12": (0, 1, "sshd"), "13": (999, 9, "sshd"), "14": (999, 10, "\33[2J")}.items():
        (tmp_path / pid / "fd").mkdir(parents=True)
        (tmp_path / pid / "comm").write_text(f"{name}\n")
        (tmp_path / pid / "status").write_text(f"Name:\tsshd\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\n")
        (tmp_path / pid / "fd/3").symlink_to(f"socket:[{inode}]")
        (tmp_path / pid / "fd/4").symlink_to("/dev/null")
    monkeypatch.setattr(listeners, "PROC", tmp_path)
    return tmp_path


def test_what_others_could_reach_is_found_with_its_program(proc: Path) -> None:
    assert listeners.listeners() == [
        Listener(22, "tcp", "sshd", by_root=True),
        Listener(68, "udp", ""),
        Listener(80, "tcp", ""),
        Listener(2222, "tcp", "sshd"),
        Listener(2223, "tcp", r"\x1b[2J"),
    ]


@pytest.mark.parametrize(("address", "seen"), [("0.0.0.0", True), ("127.0.0.1", False)])
def test_a_real_socket_is_seen_when_others_can_reach_it(address: str, seen: bool) -> None:
    with socket.create_server((address, 0)) as server:
        port = server.getsockname()[1]
        assert (port in {entry.port for entry in listeners.listeners()}) is seen
