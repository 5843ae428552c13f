# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""What an operator wants to know of an app at a glance. Looks only: nothing is changed, and no sleeping app woken."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible_collections.emperor.flask.plugins.module_utils import (
    certificates,
    history,
    servers,
    units,
    vassals,
    warm,
)
from ansible_collections.emperor.flask.plugins.module_utils.health import Expectation, host_of
from ansible_collections.emperor.flask.plugins.module_utils.layout import AppLayout
from ansible_collections.emperor.flask.plugins.module_utils.plan import drift_of_served, manifest_of, previous_good
from ansible_collections.emperor.flask.plugins.module_utils.releases import ROLLED_BACK, served_release
from ansible_collections.emperor.flask.plugins.module_utils.vassals import View

_STATUS = re.compile(r"answered (\d{3})\b")


@dataclass(frozen=True)
class Process:
    """A process of the host: its parent, and its resident memory in bytes."""

    parent: int
    rss: int


@dataclass(frozen=True)
class Work:
    """What a vassal's own statistics tell, or what is seen of one that has none."""

    processes: int
    threads: int
    busy: int
    requests: int | None


def processes(root: Path = Path("/proc")) -> dict[int, Process]:
    """Return all processes; uWSGI's own report of memory would cost each request."""
    found = {}
    for folder in root.glob("[0-9]*"):
        try:
            # After the name, which stands in brackets and may hold anything.
            fields = (folder / "stat").read_text(encoding="latin-1").rpartition(")")[2].split()
            status = (folder / "status").read_text(encoding="latin-1")
        except OSError:
            continue  # ended since
        match = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
        found[int(folder.name)] = Process(int(fields[1]), int(match[1]) * 1024 if match else 0)
    return found


def runs(pid: int, root: Path = Path("/proc")) -> bool:
    """Tell whether a process is at work now; one that has ended may still be in the emperor's books."""
    try:
        state = (root / str(pid) / "stat").read_text(encoding="latin-1").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state not in ("Z", "X")


def memory(found: Mapping[int, Process], master: int) -> int | None:
    """Return the bytes of a process and of all below it."""
    if master not in found:
        return None
    below: dict[int, list[int]] = {}
    for pid, process in found.items():
        below.setdefault(process.parent, []).append(pid)
    # Each once: they were read one after the other, and a number may have come to another process meanwhile.
    seen, left = {master}, [master]
    while left:
        fresh = [pid for pid in below.get(left.pop(), []) if pid not in seen]
        seen.update(fresh)
        left += fresh
    return sum(found[pid].rss for pid in seen)


def work(stats: Any) -> Work | None:
    """Read the statistics of a vassal, which are the app's to forge: numbers, or nothing."""
    try:
        workers = [worker for worker in stats["workers"] if worker["id"] > 0]
        cores = [core for worker in workers for core in worker.get("cores", [])]
        return Work(
            processes=len(workers),
            threads=len(cores) // len(workers) or 1,
            busy=sum(1 for core in cores if core.get("in_request")),
            requests=sum(int(worker["requests"]) for worker in workers),
        )
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError):
        return None


def activated(entries: Iterable[Mapping[str, Any]], release: str) -> str | None:
    """Return when a release went live last."""
    live = (history.ACTIVATED, history.ROLLED_BACK)
    times = [entry.get("time") for entry in entries if entry.get("release") == release and entry.get("result") in live]
    return str(times[-1]) if times and times[-1] else None


def age(time: str | None, now: datetime) -> int | None:
    """Return the seconds since the time of an entry."""
    try:
        return int((now - datetime.fromisoformat(str(time))).total_seconds())
    except (ValueError, TypeError):
        return None


def in_short(cause: str) -> str:
    """Return what is wrong with an answer in a word or two."""
    if not cause:
        return "ok"
    match = _STATUS.match(cause)
    if match:
        return "no text" if "does not contain" in cause else match[1]
    if "timed out" in cause:
        return "timeout"
    return "other" if cause.startswith("answered by") else "down"


def ask(layout: AppLayout, release: str, description: Mapping[str, Any], timeout: float) -> str:
    """Send one request, as the check of a release does; return what is wrong with the answer."""
    health = description["health"]
    wanted = Expectation(release, health.get("status") or (), health.get("text") or "")
    folder = layout.release(release)
    socket_path = str(vassals.serving_link(folder))
    host, mount = host_of(description["domains"]), description.get("mount", "")
    try:
        scheme = "http" if description.get("tls", "off") == "off" else "https"
        answer = servers.of_release(folder).get(health["path"], host, socket_path, scheme, timeout, mount)
    except (OSError, ValueError) as error:
        return f"no answer ({error})"
    return wanted.flaw(answer)


def background(
    layout: AppLayout, description: Mapping[str, Any], found: Mapping[str, units.Unit]
) -> list[dict[str, Any]]:
    """Return how the daemons and the schedules of a release are; `found` is what systemd knows of units."""

    def unit(work: Mapping[str, Any], kind: str) -> units.Unit:
        name = layout.unit(work["name"], kind)
        return found.get(name, units.Unit(name, {}))

    daemons = [_daemon(unit(work, "service")) for work in description.get("daemons", [])]
    scheduled = [(unit(work, "timer"), unit(work, "service")) for work in description.get("cron", [])]
    return [*daemons, *(_scheduled(timer, service) for timer, service in scheduled)]


def _daemon(unit: units.Unit) -> dict[str, Any]:
    started = unit.since("ExecMainStart")
    state = "running" if unit.stays_up else "restarting" if unit.is_running else unit["ActiveState"] or "missing"
    return {
        "work": unit.work,
        "unit": unit.name,
        "state": state,
        "cause": unit.flaw if state == "restarting" else unit.cause,
        "age": int(time.time() - started) if started and unit.is_active else None,
        "restarts": unit.restarts,
        "last": None,
        "next": None,
    }


def _scheduled(timer: units.Unit, service: units.Unit) -> dict[str, Any]:
    last = timer.moment("LastTriggerUSec")
    state = "ok"
    if not timer.is_active:
        state = timer["ActiveState"] or "missing"
    elif service.is_running:
        state = "running"
    elif service.cause:
        state = "failed"
    elif service.since("ExecMainStart") is None:
        # How it ended before the host's last start is not known any more.
        state = "waiting"
    return {
        "work": timer.work,
        "unit": service.name,
        "state": state,
        "cause": service.cause,
        "age": age(last, datetime.now(timezone.utc)),
        "restarts": None,
        "last": last,
        "next": timer.moment("NextElapseUSecRealtime"),
    }


def look_at(
    name: str,
    views: Mapping[str, View],
    found: Mapping[int, Process],
    timeout: float,
    running: Mapping[str, units.Unit],
) -> dict[str, Any]:
    """Return the status of one app; `views` are how the vassals of the host are seen.

    `found` are the processes of the host, `running` is what systemd knows of units. Of an app that cannot be looked at,
    `unseen` says why.
    """
    layout = AppLayout(name)
    status: dict[str, Any] = {"name": name, "release": None, "site": False, "site_can_close": False}
    status |= {"maintenance": None, "certificate": None, "unseen": ""}
    try:
        status |= _outside(layout)
        return status | (
            _inside(layout, status["release"], views, found, timeout, running) if status["release"] else {}
        )
    except Exception as error:
        # Much of it is the app's; whatever that leads to, the others are to be seen.
        return {**status, "health": "unknown", "unseen": f"{type(error).__name__}: {error}"}


def _outside(layout: AppLayout) -> dict[str, Any]:
    """Return what there is to tell of an app with or without a release."""
    name = layout.name
    return {
        "release": served_release(layout),
        "site": layout.site.is_file(),
        "site_can_close": any(
            _includes(site, f"flask-maintenance/{name}.con[f]") for site in (layout.site, *layout.mounted)
        ),
        "maintenance": _time_of(layout.maintenance[1]),
        "certificate": certificates.served(name),
    }


def _inside(
    layout: AppLayout,
    served: str,
    views: Mapping[str, View],
    found: Mapping[int, Process],
    timeout: float,
    running: Mapping[str, units.Unit],
) -> dict[str, Any]:
    """Return what there is to tell of the release that gets the traffic."""
    manifest = manifest_of(layout, served)
    description = manifest.get("description") or {}
    entries = history.read(layout)
    since = activated(entries, served)
    vassal = vassals.serving_vassal(layout.release(served))
    view = views.get(vassal or "")
    pid = view.pid if view else 0
    asleep = bool(description.get("idle")) and view is not None and not (pid > 0 and runs(pid))
    at_work = None if asleep or pid <= 0 else _work(layout, served, description, pid, found)
    cause = ""
    if not asleep:
        cause = ask(layout, served, description, timeout) if description else "the release does not say what it is"
    workers = description.get("workers", {})
    return {
        "revision": str(manifest.get("revision", "")),
        "activated": since,
        "age": age(since, datetime.now(timezone.utc)),
        "processes": at_work.processes if at_work else workers.get("processes"),
        "threads": at_work.threads if at_work else workers.get("threads"),
        "busy": at_work.busy if at_work else None,
        "requests": at_work.requests if at_work else None,
        "rss": memory(found, pid) if pid > 0 else None,
        "restarts": view.restarts if view else None,
        "health": "asleep" if asleep else in_short(cause),
        "health_cause": cause,
        "tls": description.get("tls", "off"),
        "mount": description.get("mount", ""),
        "health_path": description.get("health", {}).get("path"),
        "drift": [*drift_of_served(layout), *([] if layout.site.is_file() else ["nginx has no site of the app"])],
        "background": background(layout, description, running),
        "previous": previous_good(layout, served),
        "warm": {name: int(left) for name, left in warm.kept(layout.name).items()},
        "rolled_back": sorted(path.parent.name for path in layout.releases.glob(f"*/{ROLLED_BACK}")),
    }


def _work(
    layout: AppLayout, release: str, description: Mapping[str, Any], pid: int, found: Mapping[int, Process]
) -> Work | None:
    folder = layout.release(release)
    if servers.of_release(folder) is not servers.GUNICORN:
        return work(_stats(layout, release))
    # It tells nothing of itself, but the kernel knows its processes, and who is connected.
    return Work(
        processes=sum(process.parent == pid for process in found.values()),
        threads=int(description["workers"]["threads"]),
        busy=vassals.connections(vassals.serving_link(folder).resolve()),
        requests=None,
    )


def _stats(layout: AppLayout, release: str) -> Any:
    try:
        return vassals.read_stats(layout.stats(release), timeout=2.0)
    except (OSError, ValueError):
        return None


def _includes(site: Path, text: str) -> bool:
    try:
        return f"include {text};" in site.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False


def _time_of(path: Path) -> str | None:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, timezone.utc).isoformat(timespec="seconds")
    except FileNotFoundError:
        return None
