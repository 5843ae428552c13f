"""What an app is doing, from sources of which some are the app's to forge."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import servers, status
from ansible_collections.emperor.flask.plugins.module_utils.layout import AppLayout
from ansible_collections.emperor.flask.plugins.module_utils.status import Process, Work
from ansible_collections.emperor.flask.plugins.module_utils.units import Unit
from ansible_collections.emperor.flask.plugins.module_utils.uwsgi_client import Answer
from ansible_collections.emperor.flask.tests.support.hosts import ID, Host

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=timezone.utc)


def worker(number: int, *in_request: int, requests: Any = 5) -> dict[str, Any]:
    return {"id": number, "requests": requests, "cores": [{"in_request": busy} for busy in in_request]}


def test_work_is_added_up() -> None:
    stats = {"workers": [worker(1, 0, 1), worker(2, 0, 0, requests=7)]}
    assert status.work(stats) == Work(processes=2, threads=2, busy=1, requests=12)


@pytest.mark.parametrize(
    "stats",
    [None, [], {}, {"workers": []}, {"workers": [1]}, {"workers": [{"id": "x"}]},
     {"workers": [worker(1, requests="many")]},
     {"workers": [worker(1, requests=float("inf"))]}, {"workers": [{"id": 1, "requests": 1, "cores": 3}]}],
)  # fmt: skip
def test_forged_statistics_are_none(stats: Any) -> None:
    assert status.work(stats) is None


def test_memory_is_that_of_the_whole_vassal() -> None:
    found = {10: Process(1, 5), 11: Process(10, 7), 12: Process(11, 11), 20: Process(1, 100)}
    assert status.memory(found, 10) == 23
    assert status.memory(found, 99) is None


def test_a_chain_of_processes_of_any_length_has_its_memory() -> None:
    found = {pid: Process(pid - 1, 1) for pid in range(10, 20_010)}
    assert status.memory(found, 10) == 20_000


def test_processes_that_seem_to_be_below_each_other_count_once() -> None:
    """They were not read at the same moment."""
    found = {10: Process(12, 5), 11: Process(10, 7), 12: Process(11, 11)}
    assert status.memory(found, 10) == 23


def test_a_name_in_a_process_table_may_hold_anything(tmp_path: Path) -> None:
    (tmp_path / "42").mkdir()
    (tmp_path / "42/stat").write_text("42 (a) S 1 (b) S 7 42 0")
    (tmp_path / "42/status").write_text("Name:\tx\nVmRSS:\t    12 kB\n")
    (tmp_path / "43").mkdir()
    assert status.processes(tmp_path) == {42: Process(7, 12 * 1024)}


@pytest.mark.parametrize(("state", "alive"), [("S", True), ("R", True), ("Z", False), ("X", False)])
def test_a_process_that_has_ended_is_not_at_work(tmp_path: Path, state: str, alive: bool) -> None:
    (tmp_path / "42").mkdir()
    (tmp_path / "42/stat").write_text(f"42 (uwsgi (x)) {state} 7")
    assert status.runs(42, tmp_path) == alive
    assert not status.runs(43, tmp_path)


def test_the_age_counts_from_the_last_switch_to_the_release() -> None:
    entries = [
        {"release": "a", "result": "activated", "time": "2026-11-20T12:00:00+00:00"},
        {"release": "b", "result": "activated", "time": "2026-11-21T10:00:00+00:00"},
        {"release": "a", "result": "rolled back", "time": "2026-11-21T11:00:00+00:00"},
        {"release": "a", "result": "failed", "time": "2026-11-21T11:30:00+00:00"},
    ]
    time = status.activated(entries, "a")
    assert time == "2026-11-21T11:00:00+00:00"
    assert status.age(time, NOW) == 3600
    assert (status.activated(entries, "c"), status.age(None, NOW), status.age("yesterday", NOW)) == (None, None, None)


@pytest.mark.parametrize(
    ("cause", "shown"),
    [
        ("", "ok"),
        ("answered 500, expected 200 to 399", "500"),
        ("answered 200, but the answer does not contain 'x'", "no text"),
        ("answered by release unknown", "other"),
        ("no answer (timed out)", "timeout"),
        ("no answer ([Errno 111] Connection refused)", "down"),
    ],
)
def test_an_illness_is_told_in_a_word(cause: str, shown: str) -> None:
    assert status.in_short(cause) == shown


def known(name: str, **properties: Any) -> dict[str, Unit]:
    return {name: Unit(name, {key: str(value) for key, value in properties.items()})}


BESIDE = {"daemons": [{"name": "mails"}], "cron": [{"name": "tidy"}]}
DAEMON, SERVICE, TIMER = (f"flask-app-shop.{name}" for name in ("mails.service", "tidy.service", "tidy.timer"))
ACTIVE = {"ActiveState": "active"}
LAST = {"ActiveState": "active", "LastTriggerUSec": "Sat 2026-11-21 11:00:00 UTC"}
RAN = {"ActiveState": "inactive", "Result": "success", "ExecMainStartTimestampMonotonic": 5}


@pytest.mark.parametrize(
    ("found", "states"),
    [
        ({}, ["missing", "missing"]),
        ({**known(DAEMON, **ACTIVE), **known(TIMER, **LAST), **known(SERVICE, **RAN)}, ["running", "ok"]),
        ({**known(DAEMON, ActiveState="activating"), **known(TIMER, **ACTIVE)}, ["restarting", "waiting"]),
        ({**known(DAEMON, ActiveState="failed"), **known(TIMER, ActiveState="inactive")}, ["failed", "inactive"]),
        ({**known(TIMER, **LAST), **known(SERVICE, ActiveState="activating")}, ["missing", "running"]),
        ({**known(TIMER, **LAST), **known(SERVICE, ActiveState="failed", Result="timeout")}, ["missing", "failed"]),
    ],
)
def test_the_states_of_what_runs_beside_requests(found: dict[str, Unit], states: list[str]) -> None:
    told = status.background(AppLayout("shop"), BESIDE, found)
    assert [entry["work"] for entry in told] == ["daemon mails", "cron tidy"]
    assert [entry["state"] for entry in told] == states


def test_a_release_of_an_earlier_version_has_nothing_beside_requests() -> None:
    assert status.background(AppLayout("shop"), {}, {}) == []


@pytest.mark.parametrize(
    ("tls", "scheme"),
    [({}, "http"), ({"tls": "off"}, "http"), ({"tls": "acme"}, "https"), ({"tls": "files"}, "https")],
)
def test_an_app_is_asked_as_its_visitors_ask(
    tls: dict[str, str], scheme: str, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that sends requests without TLS elsewhere would seem ill."""
    asked: list[str] = []

    class Server:
        link = "uwsgi.sock"

        def get(self, *arguments: Any) -> Answer:
            asked.append(arguments[3])
            return Answer(200, {"x-emperor-release": ID}, b"")

    monkeypatch.setattr(servers, "of_release", lambda _folder: Server())
    description = {"domains": ["shop.example.org"], "health": {"path": "/"}, **tls}
    assert status.ask(AppLayout("shop"), ID, description, 1) == ""
    assert asked == [scheme]
