# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""One run at a time changes an app, though a run is several calls of Ansible.

While a step is at work it holds the file by `flock`, which the kernel takes back when the process dies. Between
two steps the file's content says who goes on, for `LEASE` seconds.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ansible_collections.emperor.flask.plugins.module_utils.files import make_directory

# Gone after a boot, as is every run.
LOCKS = Path("/run/emperor-flask/locks")
# Seconds between two steps of one run: a slow transfer of a source fits in, a dead controller costs no more.
LEASE = 60.0
_PAUSE = 0.25


class LockedError(Exception):
    """Another run is at the app."""


class LostError(Exception):
    """Another run was at the app between two steps of this one."""


@dataclass(frozen=True)
class Holder:
    """A run: `run` names it, `who` is the person and the controller; times are seconds since 1970."""

    run: str
    who: str
    since: float = 0.0
    until: float = 0.0

    @classmethod
    def of(cls, lock: Mapping[str, Any]) -> Holder:
        """Return the holder that Ansible's argument `lock` names."""
        return cls(str(lock["run"]), str(lock["who"]))


@contextlib.contextmanager
def held(app: str, holder: Holder, wait: float = 0.0, abandoned: str = "", begins: bool = True) -> Iterator[None]:
    """Hold an app for one step; afterwards, its next step has `LEASE` seconds to come.

    Waits `wait` seconds at most. `abandoned` names a run that is known to be dead. A step that does not begin a run
    rests on what an earlier one has seen, so no other run may have come between. Raises LockedError or LostError.
    """
    make_directory(LOCKS)
    handle = os.open(_path(app), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        now = _take(app, handle, holder, wait, abandoned, begins)
        _write(handle, now)
        try:
            yield
        finally:
            _write(handle, replace(now, until=time.time() + LEASE))
    finally:
        os.close(handle)


def release(app: str, holder: Holder) -> None:
    """Let the next run have an app, if it is this one's."""
    with contextlib.suppress(FileNotFoundError):
        handle = os.open(_path(app), os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if (found := _read(handle)) and found.run == holder.run:
                # Whose it was stays: a run that was here before can see that it lost the app.
                _write(handle, replace(found, until=0.0))
        finally:
            os.close(handle)


def holder_of(app: str) -> Holder | None:
    """Return who is at an app now."""
    try:
        handle = os.open(_path(app), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        found = _read(handle)
        return found if found and (_is_kept(found) or not _lockable(handle)) else None
    finally:
        os.close(handle)


def _take(app: str, handle: int, holder: Holder, wait: float, abandoned: str, begins: bool) -> Holder:
    deadline = time.monotonic() + wait
    while True:
        if _lockable(handle):
            found = _read(handle)
            if found is not None and found.run == holder.run:
                return replace(found, until=0.0)
            if found is None or found.run == abandoned or not _is_kept(found):
                if found is not None and not begins:
                    raise LostError(
                        f"{found.who} was at app {app} since {_utc(found.since)}, for this run took more than "
                        f"{LEASE:.0f} s between two steps"
                    )
                return replace(holder, since=time.time())
            fcntl.flock(handle, fcntl.LOCK_UN)
        if time.monotonic() >= deadline:
            raise LockedError(_refusal(app, _read(handle)))
        time.sleep(_PAUSE)


def _refusal(app: str, found: Holder | None) -> str:
    if found is None:
        return f"another run is at app {app}; wait for it and run again"
    return f"{found.who} is at app {app} since {_utc(found.since)}; wait for that run to end, and run again"


def _is_kept(found: Holder) -> bool:
    # No lease is that long: the clock was set back since, by hours perhaps.
    return 0 < found.until - time.time() < 2 * LEASE


def _utc(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def _lockable(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(handle: int) -> Holder | None:
    try:
        return Holder(**json.loads(os.pread(handle, 4096, 0)))
    except (ValueError, TypeError):
        return None  # empty: nobody's; half written: of one that died while it wrote


def _write(handle: int, holder: Holder) -> None:
    data = json.dumps(asdict(holder)).encode("ascii")
    os.pwrite(handle, data, 0)
    os.ftruncate(handle, len(data))


def _path(app: str) -> Path:
    return LOCKS / app
