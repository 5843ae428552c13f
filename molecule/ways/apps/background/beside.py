"""A callable, and what it does beside requests: each writes down what it sees."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

SEEN = Path("instance")


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"beside"]


def note(name: str, **more: Any) -> None:
    """Add a line to a file that outlives releases."""
    with (SEEN / f"{name}.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"release": os.environ["EMPEROR_RELEASE"], "time": time.time(), **more}) + "\n")


def seen() -> dict[str, Any]:
    """Return what a process can tell of itself."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return {
        "pid": os.getpid(),
        "uid": os.getuid(),
        "cwd": str(Path.cwd()),
        "prefix": sys.prefix,
        "arguments": sys.argv[2:],
        "environment": dict(os.environ),
        "capabilities": next(line.split()[1] for line in status.splitlines() if line.startswith("CapBnd")),
    }


def work() -> None:
    """Go on until told to end, and end what is in hand first."""
    ending: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: ending.append(number))
    Path("/tmp/of-a-daemon").touch()
    note("worker", event="begin", **seen())
    sys.stderr.write("the worker has begun\n")
    while not ending:
        time.sleep(0.05)
    time.sleep(0.5)
    note("worker", event="end", pid=os.getpid())


def tick() -> None:
    note("tick", **seen())
    sys.stderr.write("tick\n")


if __name__ == "__main__":
    {"work": work, "tick": tick}[sys.argv[1]]()
