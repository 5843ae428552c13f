# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Runs commands as another user, with a time limit that holds for all their children."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

SYSTEM_PYTHON = "/usr/bin/python3"
_CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
# What a person can read in a failed task; the whole goes to the file that the caller keeps.
_TAIL_LINES = 30
_BOOTED_WITH_SYSTEMD = Path("/run/systemd/system")
_START_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
# Reads what to start from its input: on a command line, or in the properties of a unit, everybody could
# read the environment. What it starts finds its input at the end.
_START = (
    "import json, os, sys; o = json.load(sys.stdin); os.umask(0o027); os.chdir(o['cwd']); "
    "os.execvpe(o['command'][0], o['command'], o['environment'])"
)
# The end of an output; more than a person reads, less than a memory holds.
_OUTPUT_BYTES = 10 << 20


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
    user: str,
    command: Sequence[str],
    cwd: Path,
    environment: Mapping[str, str],
    timeout: float,
    writable: Sequence[Path] = (),
    properties: Sequence[str] = (),
    sole: bool = True,
) -> Result:
    """Run a command as `user`, with nothing of our environment, groups or input. Raises OSError.

    On a host with systemd it is a unit of its own that may write below `writable` alone, and that ends
    with all its processes: what runs there is the code of packages, and none of it may live on while root
    goes over the files that it has written. Of those that are `sole`, which the app's lock keeps apart, one that
    an earlier caller has left when it was killed is ended first. `properties`, such as `LimitCORE=0`, come on
    top of the unit's.
    """
    order = {
        "command": list(command),
        "cwd": str(cwd),
        "environment": {"LANG": "C.UTF-8", "USER": user, "LOGNAME": user, **environment},
    }
    with_systemd = _BOOTED_WITH_SYSTEMD.is_dir()
    unit = f"flask-emperor-{'step' if sole else 'run'}-{user}."
    starter = _transient_unit(unit, user, timeout, writable, properties) if with_systemd else _plain_process(user)
    if with_systemd and sole:
        # No name of a user has a dot, so none begins another.
        left_over = ["systemctl", "stop", f"{unit}*.service"]
        subprocess.run(left_over, env=_START_ENVIRONMENT, capture_output=True, check=False)
    # Into a file: a child that left the session could keep a pipe open, and us waiting for its end.
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as orders:
        orders.write(json.dumps(order).encode("ascii"))
        orders.seek(0)
        begin = monotonic()
        process = subprocess.Popen(
            starter,
            cwd="/",
            env=_START_ENVIRONMENT,
            stdin=orders,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            # The unit has its own limit, and stops itself; the wait is for a systemd that does not answer.
            code: int | None = process.wait(timeout + (30 if with_systemd else 0))
        except subprocess.TimeoutExpired:
            code = None
        if code != 0 and monotonic() - begin >= timeout:
            code = None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        output.seek(max(output.seek(0, os.SEEK_END) - _OUTPUT_BYTES, 0))
        return Result(code, output.read().decode("utf-8", "replace"))


def _plain_process(user: str) -> list[str]:
    account = pwd.getpwnam(user)
    identity = [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
    return ["setpriv", *identity, SYSTEM_PYTHON, "-I", "-c", _START]


def _transient_unit(unit: str, user: str, timeout: float, writable: Sequence[Path], more: Sequence[str]) -> list[str]:
    properties = {
        "User": user,
        "Group": user,
        "UMask": "0027",
        "KillMode": "control-group",
        "RuntimeMaxSec": f"{max(timeout, 1):.0f}",
        "TimeoutStopSec": "5",
        "SendSIGKILL": "yes",
        "NoNewPrivileges": "yes",
        "CapabilityBoundingSet": "",
        "PrivateTmp": "yes",
        "PrivateDevices": "yes",
        "ProtectSystem": "strict",
        "ProtectHome": "yes",
        "ProtectProc": "invisible",
        "RestrictSUIDSGID": "yes",
        "ReadWritePaths": " ".join(map(str, writable)),
    }
    given = [f"--property={name}={value}" for name, value in properties.items()]
    given += [f"--property={entry}" for entry in more]
    return [
        "systemd-run",
        f"--unit={unit}{uuid.uuid4().hex}",
        "--wait",
        "--pipe",
        "--collect",
        "--quiet",
        *given,
        SYSTEM_PYTHON,
        "-I",
        "-c",
        _START,
    ]


def build_environment(extra: Mapping[str, object], cache: Path) -> dict[str, str]:
    """Return the environment of uv and pip: the host's own certificates, caches in one place."""
    certificates = {"SSL_CERT_FILE": str(_CA_BUNDLE), "PIP_CERT": str(_CA_BUNDLE)} if _CA_BUNDLE.exists() else {}
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
        **{name: str(value) for name, value in extra.items()},
    }
