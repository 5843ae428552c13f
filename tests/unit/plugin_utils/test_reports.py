"""What the playbooks of the daily work print."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.plugin_utils import reports

WEB: dict[str, Any] = {
    "name": "web", "listed": True, "release": "0123456789ab", "revision": "64f6ac4de8b543af", "age": 3700,
    "processes": 2, "threads": 4, "busy": 1, "requests": 123, "rss": 40 << 20, "restarts": 0, "health": "ok",
    "health_cause": "", "mount": "", "health_path": "/healthz", "drift": [], "site": True, "previous": None, "warm": {},
    "rolled_back": [], "maintenance": None,
}  # fmt: skip


def host(*apps: dict[str, Any], down: str = "") -> dict[str, Any]:
    return {"apps": list(apps), "known": [app["name"] for app in apps], "emperor": down}


def test_status_is_a_line_an_app() -> None:
    lines = reports.status({"a": host(WEB)})
    assert lines == [
        "APP  RELEASE       REVISION  AGE  WORKERS  BUSY  REQUESTS  RSS  RESTARTS  HEALTH  DRIFT",
        "web  0123456789ab  64f6ac4d   1h      2x4     1       123  40M         0  ok      no",
    ]


DAEMON = {"work": "daemon mails", "unit": "flask-app-web.mails.service", "state": "running", "cause": "", "age": 70}
DAEMON |= {"restarts": 2, "last": None, "next": None}
CRON = {**DAEMON, "work": "cron tidy", "unit": "flask-app-web.tidy.service", "state": "ok", "age": 7200}
CRON |= {"restarts": None, "last": "2026-11-21T01:00:00+00:00", "next": "2026-11-22T01:00:00+00:00"}

LOOK = "look at: journalctl --unit=flask-app-web.tidy.service --lines=50"


def test_what_runs_beside_requests_has_a_table_of_its_own() -> None:
    lines = reports.status({"a": host({**WEB, "background": [DAEMON, CRON]})})
    assert lines[2:] == [
        "",
        "APP  BESIDE REQUESTS  STATE    AGE  RESTARTS  NEXT (UTC)",
        "web  daemon mails     running   1m         2  -",
        "web  cron tidy        ok        2h         -  2026-11-22 01:00:00",
    ]


@pytest.mark.parametrize(
    ("hosts", "shown"),
    [
        (["a.example.org", "b.example.org"], ["a", "b"]),
        (["a.x.example.org", "b.example.org"], ["a.x", "b"]),
        (["10.0.1.5", "10.0.2.5"], ["10.0.1.5", "10.0.2.5"]),
        (["a.example.org"], ["a.example.org"]),
        (["example.org", "a.example.org"], ["example", "a.example"]),
    ],
)
def test_hosts_lose_the_domain_that_they_share(hosts: list[str], shown: list[str]) -> None:
    assert list(reports.short_hosts(hosts).values()) == shown


def test_status_fits_a_terminal_whatever_the_names() -> None:
    long = {**WEB, "name": "a" * 23, "requests": 12345678, "health": "timeout", "age": 86400 * 400}
    lines = reports.status({f"emperor-flask-production-{number}.example.org": host(long) for number in (1, 2)})
    assert max(map(len, lines)) <= 120
    assert lines[1].split()[0] != lines[2].split()[0]
    assert "0123456789ab" in lines[1]


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"maintenance": "2026-11-20T14:32:36+00:00"}, "closed for maintenance since 2026-11-20 14:32:36 UTC"),
        ({"listed": False}, "not in the inventory; to remove it: ansible-playbook playbooks/remove.yml -e app=web"),
        ({"health_cause": "answered 500, expected 200 to 399"}, "GET /healthz: answered 500, expected 200 to 399"),
        ({"drift": ["user app-web is missing"]}, "drift: user app-web is missing"),
        (
            {"background": [CRON | {"state": "failed", "cause": "ended with 3"}]},
            f"cron tidy: failed, ended with 3; {LOOK}",
        ),
        ({"background": [CRON | {"state": "missing"}]}, f"cron tidy: missing; {LOOK}"),
        ({"rolled_back": ["ba9876543210"]}, "rolled back from ba9876543210"),
        ({"warm": {"web.ba9876543210": 250}}, "web.ba9876543210 is kept warm for 4m"),
        ({"previous": "ba9876543210"}, "a rollback brings back ba9876543210"),
        ({"release": None}, "not deployed yet"),
    ],
)
def test_what_does_not_fit_into_the_table_stands_below(changes: dict[str, Any], note: str) -> None:
    app = {**WEB, **changes}
    assert reports.status_notes(app) == [note]
    assert reports.status({"a": host(app)})[-2:] == ["", f"web: {note}"]
    assert reports.status({"a": host(app), "b": host(WEB)})[-1] == f"web on a: {note}"


@pytest.mark.parametrize("release", [WEB["release"], None])
def test_an_app_that_could_not_be_looked_at_has_its_row(release: str | None) -> None:
    app = {"name": "blog", "listed": True, "release": release, "maintenance": None, "unseen": "OSError: no\x1b"}
    lines = reports.status({"a": host(app, WEB)})
    assert lines[1].split() == ["blog", release or "-", *["-"] * 7, "unknown", "-"]
    assert lines[2].split()[0] == "web"
    assert lines[-1] == "blog: could not be looked at: OSError: no?"


def test_a_dead_emperor_is_told_by_host() -> None:
    assert reports.status({"a": host(WEB, down="the emperor does not run")})[-1] == "a: the emperor does not run"


def test_programs_get_everything_with_its_host() -> None:
    found = reports.status_data({"a": host(WEB), "b": host(WEB)})
    assert [(app["host"], app["rss"]) for app in found["apps"]] == [("a", 40 << 20), ("b", 40 << 20)]


def test_an_app_that_no_host_knows_is_refused_with_those_there_are() -> None:
    results = {"a": host(WEB), "b": host({**WEB, "name": "web2"})}
    reports.check_known(results, "web2")
    reports.check_known(results, "")
    with pytest.raises(reports.ReportError, match=r"no host has or lists an app we; the apps are a: web; b: web2"):
        reports.check_known(results, "we")


def test_the_history_of_all_hosts_is_in_the_order_of_time() -> None:
    entry = {"app": "web", "release": "0123456789ab", "revision": "64f6ac4de8", "result": "activated", "seconds": 0.25}
    entry |= {"who": "ada@controller", "why": "changed: " + "environment, " * 20}
    later = {**entry, "time": "2026-11-21T10:00:00+00:00"}
    earlier = {**entry, "time": "2026-11-20T10:00:00+00:00", "result": "failed", "why": "line 1\nline 2"}
    found = {"a": {"entries": [later], "known": ["web"]}, "b": {"entries": [earlier], "known": ["web"]}}
    lines = reports.history(found)
    assert [line.split()[0:3] for line in lines[1:]] == [
        ["b", "2026-11-20", "10:00:00"],
        ["a", "2026-11-21", "10:00:00"],
    ]
    assert lines[1].endswith("line 1 line 2")
    assert max(map(len, lines)) <= 120
    assert len(reports.history_data(found)["entries"][1]["why"]) > 120
    assert reports.history({"a": {"entries": [], "known": []}}) == ["nothing has happened yet"]


def test_text_bears_its_host_where_there_are_several() -> None:
    assert reports.text({"a": {"text": "1\n\n2\n"}}) == ["1", "", "2"]
    assert reports.text({"a": {"text": "1"}, "b": {"text": ""}}) == ["== a ==", "1", "== b =="]


def test_a_removal_says_what_went_and_what_stays() -> None:
    found = {
        "name": "web",
        "known": ["web"],
        "removed": ["user build-web"],
        "kept": ["/x"],
        "listed": True,
        "check": True,
    }
    assert reports.removal({"a": found}) == [
        "app web, would be removed:",
        "  user build-web",
        "kept: /x; to remove that too: ansible-playbook playbooks/remove.yml -e app=web -e purge=true",
        "the inventory still lists web; the next site.yml or deploy.yml brings it back",
    ]
    gone = {**found, "removed": [], "kept": [], "listed": False, "check": False}
    elsewhere = {**gone, "known": ["web2"]}
    assert reports.removal({"a": gone, "b": elsewhere}) == ["app web on a: nothing to remove"]
