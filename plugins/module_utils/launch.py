# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Becomes a command of an app, in the environment of the release that is served, or of one that is named.

The role uwsgi writes this file to hosts, where units of systemd start it: so it needs nothing but the standard library.
A unit's own file would need each value quoted, and show it to everybody.
"""

from __future__ import annotations

import os
import pwd
import sys
from pathlib import Path

# How systemd says which sockets it hands over.
_SOCKETS = ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")


def app_environment(release: Path) -> dict[str, str]:
    """Return the environment of an app's commands: its vassal's, the virtualenv first in the path."""
    variables = {entry.name: entry.read_bytes().decode("utf-8") for entry in (release / "env").iterdir()}
    virtualenv = release / "venv"
    path = f"{virtualenv}/bin:/usr/local/bin:/usr/bin:/bin"
    return {"PATH": path, "VIRTUAL_ENV": str(virtualenv), "HOME": str(release / "src"), **variables}


def main() -> None:
    """Take the app's folder, the command for `/bin/sh`, and perhaps a release, from the command line."""
    app, command, *named = sys.argv[1:]
    # Followed once: a switch that comes now leaves folder and environment of one release.
    release = Path(app, "releases", named[0]) if named else Path(app, "current").resolve(strict=True)
    user = pwd.getpwuid(os.getuid()).pw_name
    os.umask(0o027)
    os.chdir(release / "src")
    # Temporary files go where those of the app's vassal go.
    own = {"LANG": "C.UTF-8", "USER": user, "LOGNAME": user, "TMPDIR": str(Path(app, "tmp"))}
    handed_over = {name: os.environ[name] for name in _SOCKETS if name in os.environ}
    environment = {**own, **app_environment(release), **handed_over}
    os.execve("/bin/sh", ["/bin/sh", "-c", command], environment)  # noqa: S606 - it is a shell


if __name__ == "__main__":
    main()
