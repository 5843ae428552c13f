# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Runs commands as another user, with a time limit that holds for all their children."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SYSTEM_PYTHON = "/usr/bin/python3"
_CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
# What a person can read in a failed task; the whole goes to the file that the caller keeps.
_TAIL_LINES = 30


@dataclass(frozen=True)
class Result:
    """Exit code (None: stopped by the time limit) and the output, both streams in order."""

    code: int | None
    output: str

    @property
    def tail(self) -> str:
        """Return the last lines."""
        return "\n".join(self.output.rstrip().splitlines()[-_TAIL_LINES:])


def run_as(
    user: str, command: Sequence[str], cwd: Path, environment: Mapping[str, str], timeout: float
) -> Result:
    """Run a command as `user`, with nothing of our environment, groups or input. Raises OSError."""
    account = pwd.getpwnam(user)
    process = subprocess.Popen(
        list(command),
        cwd=cwd,
        env={"LANG": "C.UTF-8", "USER": user, "LOGNAME": user, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        user=account.pw_uid,
        group=account.pw_gid,
        extra_groups=[],
        umask=0o027,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=timeout)
        return Result(process.returncode, output.decode("utf-8", "replace"))
    except subprocess.TimeoutExpired:
        _end_session(process)
        output, _ = process.communicate()
        return Result(None, output.decode("utf-8", "replace"))
    finally:
        # A command may leave children behind that would outlive the release they belong to.
        _end_session(process)


def _end_session(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def app_environment(release: Path) -> dict[str, str]:
    """Return the environment of an app's commands: its vassal's, the virtualenv first in the path."""
    variables = {entry.name: entry.read_text(encoding="utf-8") for entry in (release / "env").iterdir()}
    virtualenv = release / "venv"
    path = f"{virtualenv}/bin:/usr/local/bin:/usr/bin:/bin"
    return {"PATH": path, "VIRTUAL_ENV": str(virtualenv), "HOME": str(release / "src"), **variables}


def build_environment(extra: Mapping[str, str], cache: Path) -> dict[str, str]:
    """Return the environment of uv and pip: the host's own certificates, caches in one place."""
    certificates = (
        {"SSL_CERT_FILE": str(_CA_BUNDLE), "PIP_CERT": str(_CA_BUNDLE)} if _CA_BUNDLE.exists() else {}
    )
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(cache),
        "UV_CACHE_DIR": str(cache / "uv"),
        "UV_LINK_MODE": "copy",  # a hard link would hand the cache's files to the app with the virtualenv
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_NO_PROGRESS": "1",
        "UV_HTTP_RETRIES": "6",  # about a minute of a failing line
        "PIP_CACHE_DIR": str(cache / "pip"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        **certificates,
        **extra,
    }
