"""A release that is bad, in each way that one can be, is never live; and mended, it is by the next run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from faults import BAD, TIMEOUT, VICTIM, Failure, asked, check_converged, small_app
from load import Request
from outside import Condition, Outside, on_each
from owner import Owner
from playbooks import Run, play

ANSWERS_BY_ITSELF = """
def application(environ, start_response):
    import uwsgi

    head = b"HTTP/1.1 200 OK\\r\\nX-Emperor-Release: 000000000000\\r\\nConnection: close\\r\\n\\r\\n"
    os.write(uwsgi.connection_fd(), head + b"past uWSGI")
    uwsgi.disconnect()
    return []
"""
# Of each case: how the code is changed, the seconds that the failing step may take, the cause and the remedy in words.
CODE = {
    "import": small_app("bad").replace("import json", "import nothing_of_that_name\nimport json", 1),
    "loop": small_app("bad") + "\nwhile True:\n    pass\n",
    "check": small_app("bad").replace("200 OK", "500 Internal Server Error"),
    "command": small_app("bad"),
    "wrong": small_app("bad") + ANSWERS_BY_ITSELF,
    "disk": small_app("bad"),
}
LIMIT = {app: TIMEOUT + (40 if app == "loop" else 5) for app in BAD}
CAUSE = {
    "import": r"No module named 'nothing_of_that_name'",
    "loop": r"import",
    "check": r"answered 500, expected 200 to 399",
    "command": r"the table is locked",
    "wrong": r"answered by release 000000000000",
    "disk": r"No space left on device",
    "git": r"localhost:9418",
}
REMEDY = {
    "import": r"add it to the requirements",
    "loop": r"import must not wait or loop",
    "check": r"the app failed at this request",
    "command": r"What to do",
    "wrong": r"another process answers in its place",
    "disk": r"make room",
    "git": r"What to do",
}


@dataclass(frozen=True)
class Attempt:
    """What a host had of the apps before and after the bad releases."""

    run: Run
    before: dict[str, Condition]
    after: dict[str, Condition]
    lost: list[Request]
    requests: int


def spoil(host: str) -> None:
    owner, outside = Owner(host), Outside(host)
    for app, code in CODE.items():
        owner.write(app, {"small.py": code})
    owner.describe("command", release_command="echo the table is locked; exit 3")
    # The disk is full before it is done, which is no failure here.
    outside.run("sh", "-c", "head -c 8m /dev/zero >/srv/apps/disk/ballast || true")
    outside.run("systemctl", "stop", "git-server")
    owner.describe("git", source={**owner.apps["git"]["source"], "version": "mended"})
    owner.write(VICTIM, {"small.py": small_app("beside the bad ones")})


def mend(host: str) -> None:
    owner, outside = Owner(host), Outside(host)
    for app in CODE:
        owner.write(app, {"small.py": small_app("mended")})
    owner.describe("command", release_command="true migration")
    outside.run("rm", "/srv/apps/disk/ballast")
    outside.run("systemctl", "start", "git-server")


def conditions(host: str) -> dict[str, Condition]:
    return {app: Outside(host).condition(app) for app in (*BAD, VICTIM)}


def play_under_load(inventory: Path, hosts: list[str], name: str) -> dict[str, Attempt]:
    """Deploy all apps, while each is asked."""
    before = on_each(hosts, conditions)
    with asked(hosts, [*BAD, VICTIM], name) as loads:
        runs = on_each(hosts, lambda host: play(inventory, "deploy", host))
    after = on_each(hosts, conditions)
    attempts = {}
    for host, load in loads.items():
        requests = load.requests()
        lost = [request for request in requests if not request.good]
        attempts[host] = Attempt(runs[host], before[host], after[host], lost, len(requests))
    return attempts


@pytest.fixture(scope="module")
def attempts(inventory: Path, hosts: list[str]) -> dict[str, Attempt]:
    """One run that deploys a bad release of each app."""
    on_each(hosts, spoil)
    return play_under_load(inventory, hosts, "load-bad")


@pytest.fixture(scope="module")
def mended(inventory: Path, hosts: list[str], attempts: dict[str, Attempt]) -> dict[str, Attempt]:
    """The run after all of them were mended."""
    on_each(hosts, mend)
    return play_under_load(inventory, hosts, "load-mended")


def test_none_was_lost(attempts: dict[str, Attempt]) -> None:
    for host, attempt in attempts.items():
        assert attempt.requests > 100, host
        assert attempt.lost == [], host


def test_the_run_failed(attempts: dict[str, Attempt]) -> None:
    for host, attempt in attempts.items():
        assert attempt.run.code != 0, host


@pytest.mark.parametrize("app", BAD)
def test_the_message_names_app_release_cause_and_remedy(attempts: dict[str, Attempt], app: str) -> None:
    for attempt_host, attempt in attempts.items():
        report = attempt.run.report(attempt_host)
        parts = re.split(r"^(?=app )", report, flags=re.MULTILINE)
        own = next((part for part in parts if re.match(rf"app {app}\b", part)), "")
        # Which release a version would be, only the git server could say.
        named = "app git, version mended: " if app == "git" else rf"app {app}, release [0-9a-f]{{12}}: "
        assert re.match(named, own), report
        assert re.search(CAUSE[app], own), own
        assert re.search(REMEDY[app], own), own
        assert f"Release {attempt.before[app].current} of {app} still gets all traffic" in own, own


@pytest.mark.parametrize("app", BAD)
def test_the_step_failed_in_time(attempts: dict[str, Attempt], failures: list[Failure], app: str) -> None:
    for host, attempt in attempts.items():
        failed = attempt.run.failures(host, app)
        # An app that cannot even be planned fails there, with all apps.
        step = failed[0] if failed else next(task for task in attempt.run.tasks if task.name.startswith("Compare"))
        failures.append(Failure(host, app, step.ended - step.began, LIMIT[app]))
        assert step.ended - step.began <= LIMIT[app], f"{host}: {step}"


@pytest.mark.parametrize("app", BAD)
def test_the_old_release_stays_alone(attempts: dict[str, Attempt], app: str) -> None:
    for host, attempt in attempts.items():
        before, after = attempt.before[app], attempt.after[app]
        assert after.current == before.current, host
        assert (after.vassals, after.sockets) == (before.vassals, before.sockets), host
        assert len(after.vassals) == 1
        assert after.leftovers == [], host


def test_an_app_beside_them_was_deployed(hosts: list[str], attempts: dict[str, Attempt]) -> None:
    for host, attempt in attempts.items():
        assert attempt.after[VICTIM].current != attempt.before[VICTIM].current, host
        check_converged(Outside(host), VICTIM, "beside the bad ones")


def test_the_mended_ones_go_live(mended: dict[str, Attempt]) -> None:
    for host, attempt in mended.items():
        attempt.run.good()
        assert attempt.lost == [], host


@pytest.mark.parametrize("app", BAD)
def test_the_mended_one_is_all_there_is(hosts: list[str], mended: dict[str, Attempt], app: str) -> None:
    for host in hosts:
        check_converged(Outside(host), app, "mended")


def test_then_nothing_is_left_to_do_even_without_the_git_server(
    inventory: Path, hosts: list[str], mended: dict[str, Attempt]
) -> None:
    def check(host: str) -> None:
        Outside(host).run("systemctl", "stop", "git-server")
        assert play(inventory, "deploy", host).good().changed(host) == []

    on_each(hosts, check)
