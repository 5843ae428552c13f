"""Small servers on Unix sockets: any, and one that behaves like the emperor."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Handle = Callable[[socket.socket], None]


@contextlib.contextmanager
def serve(path: Path, handle: Handle) -> Iterator[None]:
    """Listen on `path` and hand each connection to `handle`."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            # A client may leave before it has heard all.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                handle(self.request)

    class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
        daemon_threads = True

    with Server(str(path), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            path.unlink(missing_ok=True)


class FakeEmperor:
    """Looks at its directory whenever its statistics are read, as the emperor does."""

    def __init__(self, vassals: Path, sockets: Path) -> None:
        self.vassals = vassals
        self.sockets = sockets
        self.binds = True
        # Scans that a vassal survives after its link is gone; negative: all.
        self.grace = 0
        self.scans = 0
        # Processes of vassals by name; one that is dead has no vassal any more.
        self.processes: dict[str, int] = {}
        self.blacklist: list[dict[str, Any]] = []
        self._alive: dict[str, int] = {}

    def answer(self, connection: socket.socket) -> None:
        self.scans += 1
        linked = {path.name for path in self.vassals.glob("*.ini")}
        for name in linked:
            self._alive[name] = self.grace
            if self.binds and not (self.sockets / f"{name[:-4]}.socket").exists():
                with socket.socket(socket.AF_UNIX) as bound:
                    bound.bind(str(self.sockets / f"{name[:-4]}.socket"))
        for name in set(self._alive) - linked:
            if self._alive[name] == 0 or self._is_dead(name):
                del self._alive[name]
            else:
                self._alive[name] -= 1
        vassals = [{"id": name, "pid": self._pid(name), "uid": os.getuid()} for name in sorted(self._alive)]
        connection.sendall(json.dumps({"vassals": vassals, "blacklist": self.blacklist}).encode())

    def _pid(self, name: str) -> int:
        # One that nobody has asked anything has no process yet.
        return self.processes.get(name[:-4], -1)

    def _is_dead(self, name: str) -> bool:
        process = self._pid(name)
        return process > 0 and not Path(f"/proc/{process}").exists()
