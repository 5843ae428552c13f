# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Keeps a previous release's vassal running for a while, so that rolling back is one rename.

A timer of systemd ends it; nothing of ours need run for that.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from ansible_collections.emperor.flask.plugins.module_utils import layout, runners
from ansible_collections.emperor.flask.plugins.module_utils.files import make_directory, write_file

# One file for each vassal that is kept: when it ends, in seconds since 1970. Gone after a boot, as the vassals are.
MARKS = Path("/run/emperor-flask/warm")


def kept(app: str) -> dict[str, float]:
    """Return the vassals of exactly this app that are kept, with the seconds that each has left."""
    found = {}
    for vassal in layout.vassals_of(app):
        try:
            left = float((MARKS / vassal).read_text(encoding="ascii")) - time.time()
        except (FileNotFoundError, ValueError):
            continue
        if left > 0:
            found[vassal] = left
    return found


def keep(vassal: str, window: int) -> None:
    """Let a vassal live for `window` seconds more. Raises OSError."""
    forget(vassal)
    make_directory(MARKS)
    write_file(MARKS / vassal, str(int(time.time() + window)).encode("ascii"), "root", "root", 0o644)
    timer = [f"--unit={_unit(vassal)}", f"--on-active={window}s", "--timer-property=AccuracySec=1s"]
    # systemd puts variables of its own in where a `$` is, in whatever it starts; two stand for one.
    command = [part.replace("$", "$$") for part in runners.of_vassal(vassal).ending(vassal, MARKS / vassal)]
    done = subprocess.run(
        ["systemd-run", "--quiet", "--collect", *timer, *command],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        (MARKS / vassal).unlink()
        raise OSError(f"systemd cannot end {vassal} later: {done.stderr.strip()}")


def forget(vassal: str) -> None:
    """Take a vassal's time limit away; nobody ends it any more."""
    mark = MARKS / vassal
    if mark.exists():
        # The timer may have gone off, and its unit with it.
        subprocess.run(["systemctl", "stop", f"{_unit(vassal)}.timer"], capture_output=True, check=False)
        mark.unlink(missing_ok=True)


def _unit(vassal: str) -> str:
    return f"flask-emperor-retire-{vassal}"
