# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""What the playbooks of the daily work print, from what their modules have found on each host."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from ansible_collections.emperor.flask.plugins.plugin_utils.tables import Column, clean, duration, mebibytes, table

# What a module has returned, by host.
Results = Mapping[str, Mapping[str, Any]]

_HOST = Column("HOST", least=12, ends=True)
_APP = Column("APP", least=12)
_REVISION = 8
# certbot renews 30 days before the end, twice a day: one that has less has been tried for about nine days.
_SOON = timedelta(days=21)


class ReportError(Exception):
    """What was asked for is on no host."""


def check_known(results: Results, app: str) -> None:
    """Refuse the name of an app that no host has. Raises ReportError."""
    if not app or not results or any(app in found["known"] for found in results.values()):
        return
    lists = [f"{host}: {', '.join(found['known']) or 'none'}" for host, found in results.items()]
    raise ReportError(f"no host has or lists an app {app}; the apps are {'; '.join(lists)}")


def short_hosts(hosts: Iterable[str]) -> dict[str, str]:
    """Return hosts without the domain that all of them share."""
    parts = {host: host.split(".") for host in hosts}
    while all(len(labels) > 1 and labels[-1][-1:].isalpha() for labels in parts.values()):
        if len({labels[-1] for labels in parts.values()}) > 1 or len(parts) < 2:
            break
        parts = {host: labels[:-1] for host, labels in parts.items()}
    return {host: ".".join(labels) for host, labels in parts.items()}


def _on(results: Results, host: str) -> str:
    return f" on {host}" if len(results) > 1 else ""


# --- status ------------------------------------------------------------------

_STATUS = (
    _APP, Column("RELEASE"), Column("REVISION"), Column("AGE", right=True), Column("WORKERS", right=True),
    Column("BUSY", right=True), Column("REQUESTS", right=True), Column("RSS", right=True),
    Column("RESTARTS", right=True), Column("HEALTH"), Column("DRIFT"),
)  # fmt: skip
_BACKGROUND = (
    _APP, Column("BESIDE REQUESTS"), Column("STATE"), Column("AGE", right=True), Column("RESTARTS", right=True),
    Column("NEXT (UTC)"),
)  # fmt: skip


def status(results: Results) -> list[str]:
    """Return a table of all apps of all hosts, and below it what does not fit into a table."""
    apps = [(host, app) for host, found in results.items() for app in found["apps"]]
    if not apps:
        return ["no apps"]
    several, short = len(results) > 1, short_hosts(results)
    rows = [[*([short[host]] if several else []), *_status_row(app)] for host, app in apps]
    lines = table([*([_HOST] if several else []), *_STATUS], rows)
    beside = [
        [*([short[host]] if several else []), *_background_row(app, entry)]
        for host, app in apps
        for entry in app.get("background", [])
    ]
    if beside:
        lines += ["", *table([*([_HOST] if several else []), *_BACKGROUND], beside)]
    notes = [f"{app['name']}{_on(results, host)}: {note}" for host, app in apps for note in status_notes(app)]
    down = [f"{host}: {found['emperor']}" for host, found in results.items() if found.get("emperor")]
    more = [clean(line) for line in [*down, *notes]]
    return [*lines, *([""] if more else []), *more]


def _status_row(app: Mapping[str, Any]) -> list[Any]:
    if app.get("unseen"):
        return [app["name"], app["release"], *[None] * 7, "unknown", None]
    if not app["release"]:
        return [app["name"], None, None, None, None, None, None, None, None, "none", None]
    workers = f"{app['processes']}x{app['threads']}" if app["processes"] else None
    return [
        app["name"],
        app["release"],
        app["revision"][:_REVISION],
        duration(app["age"]),
        workers,
        app["busy"],
        app["requests"],
        mebibytes(app["rss"]),
        app["restarts"],
        app["health"],
        len(app["drift"]) or "no",
    ]


def _background_row(app: Mapping[str, Any], entry: Mapping[str, Any]) -> list[Any]:
    due = _time(entry["next"]) if entry["next"] else None
    return [app["name"], entry["work"], entry["state"], duration(entry["age"]), entry["restarts"], due]


def status_notes(app: Mapping[str, Any]) -> list[str]:
    """Return what a person should know besides the numbers."""
    notes = []
    if app.get("maintenance"):
        notes.append(f"closed for maintenance since {_time(app['maintenance'])} UTC")
    if app.get("unseen"):
        return [*notes, f"could not be looked at: {app['unseen']}"]
    if not app["release"]:
        return [*notes, "not deployed yet"]
    if not app["listed"]:
        notes.append(f"not in the inventory; to remove it: ansible-playbook playbooks/remove.yml -e app={app['name']}")
    if app["health_cause"]:
        notes.append(f"GET {app['mount']}{app['health_path']}: {app['health_cause']}")
    notes += [f"drift: {drift}" for drift in app["drift"]]
    for entry in app.get("background", []):
        if entry["state"] not in ("running", "ok", "waiting"):
            cause = f"{entry['state']}, {entry['cause']}" if entry["cause"] else entry["state"]
            notes.append(f"{entry['work']}: {cause}; look at: journalctl --unit={entry['unit']} --lines=50")
    notes += certificate_notes(app, datetime.now(timezone.utc))
    if app["rolled_back"]:
        notes.append(f"rolled back from {', '.join(app['rolled_back'])}")
    for vassal, left in app["warm"].items():
        notes.append(f"{vassal} is kept warm for {duration(left)}")
    if app["previous"]:
        notes.append(f"a rollback brings back {app['previous']}")
    return notes


def certificate_notes(app: Mapping[str, Any], now: datetime) -> list[str]:
    """Return what is wrong, or soon will be, with the certificate of an app."""
    certificate = app.get("certificate")
    if app.get("tls", "off") == "off":
        return []
    if not certificate:
        return ["has no certificate that nginx could read; run deploy.yml"]
    ends = datetime.fromisoformat(certificate["ends"])
    if app["tls"] == "acme" and not certificate["renewed"]:
        return ["browsers warn of its certificate, since the authority gave none; run deploy.yml, which says why"]
    if ends - now > _SOON:
        return []
    remedies = {
        "acme": "certbot should have renewed it; on the host: journalctl --unit=certbot",
        "files": "put a new one into the inventory",
        "selfsigned": "run deploy.yml, which makes a new one",
    }
    when = f"ends on {ends:%Y-%m-%d}" if ends > now else f"has ended on {ends:%Y-%m-%d}"
    return [f"its certificate {when}; {remedies[app['tls']]}"]


def status_data(results: Results) -> dict[str, Any]:
    """Return the same for programs."""
    apps = [{"host": host, **app} for host, found in results.items() for app in found["apps"]]
    return {"apps": apps, "emperor": {host: found["emperor"] for host, found in results.items()}}


# --- history -----------------------------------------------------------------

_HISTORY = (
    Column("TIME (UTC)"), _APP, Column("RELEASE"), Column("REVISION"), Column("RESULT"),
    Column("WHO", least=10), Column("SECONDS", right=True), Column("WHY", least=10),
)  # fmt: skip


def history(results: Results) -> list[str]:
    """Return a table of what has happened, the newest last."""
    several, short = len(results) > 1, short_hosts(results)
    entries = _entries(results)
    if not entries:
        return ["nothing has happened yet"]
    rows = [[*([short[entry["host"]]] if several else []), *_history_row(entry)] for entry in entries]
    return table([*([_HOST] if several else []), *_HISTORY], rows)


def _entries(results: Results) -> list[dict[str, Any]]:
    entries = [{"host": host, **entry} for host, found in results.items() for entry in found["entries"]]
    return sorted(entries, key=lambda entry: str(entry.get("time")))


def _history_row(entry: Mapping[str, Any]) -> list[Any]:
    return [
        _time(str(entry.get("time", ""))),
        entry["app"],
        entry.get("release"),
        str(entry.get("revision", ""))[:_REVISION],
        entry.get("result"),
        entry.get("who"),
        entry.get("seconds"),
        entry.get("why"),
    ]


def _time(text: str) -> str:
    return text[:19].replace("T", " ")


def history_data(results: Results) -> dict[str, Any]:
    """Return the same for programs."""
    return {"entries": _entries(results)}


# --- the others --------------------------------------------------------------


def text(results: Results) -> list[str]:
    """Return what each host has to say, line by line; with its name above it if there are several."""
    lines = []
    for host, found in results.items():
        said = str(found["text"]).rstrip("\n").split("\n") if found["text"] else []
        lines += [f"== {host} ==", *said] if len(results) > 1 else said
    return lines


def text_data(results: Results) -> dict[str, Any]:
    """Return the same for programs."""
    return {"hosts": {host: found["text"] for host, found in results.items()}}


def removal(results: Results) -> list[str]:
    """Return what was removed, what stays, and what to know about it."""
    lines = []
    for host, found in results.items():
        name, where = found["name"], _on(results, host)
        if name not in found["known"]:
            continue
        verb = "would be removed" if found["check"] else "removed"
        if found["removed"]:
            lines += [f"app {name}{where}, {verb}:", *(f"  {entry}" for entry in found["removed"])]
        else:
            lines.append(f"app {name}{where}: nothing to remove")
        if found["kept"]:
            purge = f"ansible-playbook playbooks/remove.yml -e app={name} -e purge=true"
            lines.append(f"kept{where}: {', '.join(found['kept'])}; to remove that too: {purge}")
        if found["listed"]:
            lines.append(f"the inventory still lists {name}{where}; the next site.yml or deploy.yml brings it back")
    return lines


def removal_data(results: Results) -> dict[str, Any]:
    """Return the same for programs."""
    keys = ("name", "removed", "kept", "listed")
    return {"hosts": {host: {key: found[key] for key in keys} for host, found in results.items()}}


Report = tuple[Callable[[Results], list[str]], Callable[[Results], dict[str, Any]]]
KINDS: dict[str, Report] = {
    "status": (status, status_data),
    "history": (history, history_data),
    "text": (text, text_data),
    "removal": (removal, removal_data),
}
