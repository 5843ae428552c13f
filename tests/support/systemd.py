"""Programs of systemd that note what they are told, and do nothing."""

from __future__ import annotations

import json
from pathlib import Path

_PROGRAM = """#!/usr/bin/python3 -I
import json, pathlib, sys
with open({log!r}, "a") as log:
    log.write(json.dumps([pathlib.Path(sys.argv[0]).name, *sys.argv[1:]]) + "\\n")
answer = pathlib.Path({answer!r})
if answer.exists():
    sys.exit(answer.read_text())
said = pathlib.Path({said!r})
if said.exists():
    sys.stdout.write(said.read_text())
"""


class Systemd:
    """`systemd-run`, `systemctl` and `systemd-analyze` in a folder, to be put onto the PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._log = folder / "log"
        self._answer = folder / "answer"
        self._said = folder / "said"
        folder.mkdir()
        for name in ("systemd-run", "systemctl", "systemd-analyze"):
            files = {"log": str(self._log), "answer": str(self._answer), "said": str(self._said)}
            (folder / name).write_text(_PROGRAM.format(**files))
            (folder / name).chmod(0o755)

    @property
    def calls(self) -> list[list[str]]:
        """Return what was called, the oldest first."""
        return [json.loads(line) for line in self._log.read_text().splitlines()] if self._log.exists() else []

    def refuse(self, message: str) -> None:
        """Let every call fail from now on."""
        self._answer.write_text(message)

    def answer(self, text: str) -> None:
        """Let every call print this from now on."""
        self._said.write_text(text)
