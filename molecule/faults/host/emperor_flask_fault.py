"""Ends a python3 of a test host at the moment that a file in FAULTS names.

A file of JSON holds one fault, which strikes once: `event`, the name of an audit event of Python; `match`, a
regular expression for the event's arguments; `nth`, how often that is let pass; `after`, whether the call is
still made and its follower is the last; `do`, either `kill`, by which the process dies, or `hang`, by which it
waits for whoever ends it. The file is renamed to `.struck` at that moment. A host without the folder has
no faults.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

FAULTS = Path("/run/emperor-flask-fault")


class Fault:
    """Watches the events of this process."""

    def __init__(self, path: Path, event: str, match: str, do: str, nth: int = 1, after: bool = False) -> None:
        self.path = path
        self.event = event
        self.match = re.compile(match)
        self.do = do
        self.left = nth
        self.after = after
        self.due = False
        self.over = False

    def see(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.over:
            return
        if self.due:
            self.strike()
        elif event == self.event and self.match.search(" ".join(map(_text, arguments))):
            self.left -= 1
            if self.left == 0 and self.after:
                self.due = True
            elif self.left == 0:
                self.strike()

    def strike(self) -> None:
        self.over = True
        try:
            self.path.rename(f"{self.path}.struck")
        except FileNotFoundError:
            return  # it has struck another process
        os.kill(os.getpid(), signal.SIGKILL if self.do == "kill" else signal.SIGSTOP)


def _text(argument: Any) -> str:
    return os.fsdecode(argument) if isinstance(argument, (bytes, os.PathLike)) else str(argument)


def watch() -> None:
    paths = list(FAULTS.glob("*.json")) if FAULTS.is_dir() else []
    faults = [Fault(path, **json.loads(path.read_text(encoding="utf-8"))) for path in paths]

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        for fault in faults:
            fault.see(event, arguments)

    if faults:
        sys.addaudithook(hook)


watch()
