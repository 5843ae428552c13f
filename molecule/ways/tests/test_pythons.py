"""What apps bring of Python, its packages, and what runs them: side by side, nothing of one is in the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from playbooks import Run, play
from visitor import Visitor

VINTAGE, MODERN, OTHER, ENGINE = "vintage", "modern", "other", "engine"
# In units of their own.
APART, HORNED = "apart", "horned"
FLASK_1 = {
    "flask": "1.1.1",
    "werkzeug": "0.16.0",
    "jinja2": "2.11.3",
    "markupsafe": "1.1.1",
    "itsdangerous": "1.1.0",
    "click": "7.1.2",
}


def about(host: Any, app: str, path: str = "/") -> dict[str, Any]:
    """Ask an app, which tells what it runs on."""
    answer = Visitor(host, f"{app}.localhost").get(path)
    assert answer.status == 200, answer
    return dict(answer.json)


def deploy(host: Any, inventory: Path, app: str = OTHER, **variables: str) -> Run:
    # Again: on hosts that are kept, an earlier run of the tests has rolled back from the same release.
    return play(inventory, "deploy", host.backend.get_hostname(), app=app, again="true", **variables)


def refusal(host: Any, inventory: Path, **variables: str) -> str:
    """Return what is told of a deploy that fails."""
    run = deploy(host, inventory, **variables)
    assert run.code != 0
    return run.report(host.backend.get_hostname())


def journal(host: Any, app: str, since: str) -> str:
    return str(host.check_output(f"journalctl _UID=$(id -u app-{app}) --no-pager --output=cat --since=@{since}"))


@contextmanager
def visitors(host: Any, app: str) -> Iterator[list[Any]]:
    """Ask for a second each time, two at a time, as long as the block runs; what was answered is in the list then."""
    answers: list[Any] = []
    enough = threading.Event()

    def ask() -> None:
        while not enough.is_set():
            answers.append(Visitor(host, f"{app}.localhost").get("/?sleep=1"))

    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(ask) for _ in range(2)]
        try:
            yield answers
        finally:
            enough.set()
    for one in asked:
        one.result()


@pytest.fixture
def untouched(host: Any) -> Iterator[None]:
    """See that neither the release nor any part of one has come or gone, and that it answers."""
    look = f"readlink /srv/apps/{OTHER}/current; ls /srv/apps/{OTHER}/releases"
    before, process = host.check_output(look), about(host, OTHER)["release"]
    yield
    assert (host.check_output(look), about(host, OTHER)["release"]) == (before, process)


# --- packages


def test_an_app_of_the_first_flask_runs_beside_one_of_today(host: Any) -> None:
    old, new = about(host, VINTAGE), about(host, MODERN)
    assert {name: old["packages"][name] for name in FLASK_1} == FLASK_1
    assert new["packages"]["flask"].startswith("3.1.")
    assert old["python"] == new["python"]


@pytest.mark.parametrize("app", [VINTAGE, MODERN, OTHER, ENGINE, APART, HORNED])
def test_what_all_do_is_the_same(host: Any, app: str) -> None:
    visitor = Visitor(host, f"{app}.localhost")
    pages = [visitor.get("/page/3").text for _ in range(2)]
    assert pages == ["0,1,2,&lt;&amp;&gt; /page/9 1", "0,1,2,&lt;&amp;&gt; /page/9 2"]


# --- Python, and what runs it


def test_an_app_has_a_python_that_the_distribution_has_not(host: Any) -> None:
    other, usual = about(host, OTHER), about(host, MODERN)
    assert (other["python"], other["base"]) == ("3.12", "/opt/python")
    assert (usual["python"], usual["base"]) != ("3.12", "/opt/python")
    assert {name: other["packages"][name] for name in FLASK_1} == FLASK_1


@pytest.mark.parametrize("app", [OTHER, ENGINE])
def test_what_an_app_brings_runs_it_as_its_user_in_its_own_environment(host: Any, app: str) -> None:
    own, usual = about(host, app), about(host, MODERN)
    assert own["packages"]["pyuwsgi"].startswith(own["uwsgi"])
    assert usual["packages"]["pyuwsgi"] is None
    assert own["user"] == int(host.check_output(f"id -u app-{app}"))
    assert own["temporary"] == f"/srv/apps/{app}/tmp"
    assert host.check_output("systemctl show --property=ControlGroup --value flask-emperor") in host.check_output(
        f"cat /proc/{own['process']}/cgroup"
    )
    assert f"uWSGI {own['uwsgi']} " in journal(host, app, "0")


def test_every_value_of_the_environment_arrives_as_it_is(host: Any) -> None:
    told = about(host, OTHER)
    assert told["text"] == "100% @(x) $(id) 'it''s' \\ ä\nb"
    assert told["secret"] == "p%40ss $HOME"
    assert "p%40ss" not in host.check_output("ps axww -o args")


def test_the_own_uwsgi_of_an_app_has_the_distributions_python_too(host: Any) -> None:
    own, usual = about(host, ENGINE), about(host, MODERN)
    assert (own["python"], own["base"]) == (usual["python"], usual["base"])
    assert own["uwsgi"] != usual["uwsgi"]


@pytest.mark.parametrize(("app", "server"), [(APART, "uwsgi"), (HORNED, "gunicorn")])
def test_a_unit_of_its_own_has_a_python_that_the_distribution_has_not(host: Any, app: str, server: str) -> None:
    told = about(host, app)
    assert (told["python"], told["base"]) == ("3.12", "/opt/python")
    assert bool(told["uwsgi"]) == (server == "uwsgi") == (told["packages"]["pyuwsgi"] is not None)
    assert f"/flask-release@{app}." in host.check_output(f"cat /proc/{told['process']}/cgroup")
    assert told["secret"] == "p%40ss $HOME"


@pytest.mark.lengthy
@pytest.mark.in_turns
@pytest.mark.parametrize("app", [APART, HORNED])
def test_a_restart_of_a_unit_of_its_own_loses_no_request(host: Any, inventory: Path, app: str) -> None:
    with visitors(host, app) as answers:
        play(inventory, "restart", host.backend.get_hostname(), app=app).good()
    assert {answer.status for answer in answers} == {200}
    assert about(host, app)["python"] == "3.12"


def test_a_request_that_hangs_is_ended_and_the_log_shows_where_it_was(host: Any) -> None:
    begin = host.check_output("date +%s.%N")
    assert Visitor(host, f"{OTHER}.localhost").get("/wait_for_a_database/30").status == 502
    assert "function = wait_for_a_database line = time.sleep(seconds)" in journal(host, OTHER, begin)


def test_a_reload_by_a_signal_loses_no_request(host: Any) -> None:
    before = about(host, OTHER)["process"]
    with visitors(host, OTHER) as answers:
        host.check_output(f"kill -HUP $(ps -o ppid= {before})")
        deadline = time.monotonic() + 30
        while before in {answer.json["process"] for answer in answers[-2:]} or len(answers) < 4:
            assert time.monotonic() < deadline, answers
            time.sleep(0.5)
    assert {answer.status for answer in answers} == {200}
    assert about(host, OTHER)["python"] == "3.12"


# --- deploys


@pytest.mark.in_turns
def test_a_switch_of_python_and_back_loses_no_request(host: Any, inventory: Path) -> None:
    with visitors(host, OTHER) as answers:
        deploy(host, inventory, ways_python="distribution").good()
        between = about(host, OTHER)
        play(inventory, "rollback", host.backend.get_hostname(), app=OTHER).good()
    assert {answer.status for answer in answers} == {200}
    assert {answer.json["python"] for answer in answers} == {"3.12", between["python"]}
    assert between["packages"]["pyuwsgi"] is None
    assert about(host, OTHER)["python"] == "3.12"


@pytest.mark.lengthy
@pytest.mark.in_turns
def test_a_python_can_be_named_by_its_path(host: Any, inventory: Path) -> None:
    before = about(host, OTHER)
    deploy(host, inventory, ways_python="/opt/python/bin/python3.12").good()
    after = about(host, OTHER)
    assert (after["base"], after["release"] != before["release"]) == ("/opt/python", True)


@pytest.mark.in_turns
def test_an_app_that_cannot_be_loaded_is_told_with_its_traceback(host: Any, inventory: Path, untouched: None) -> None:
    report = refusal(host, inventory, ways_python_trouble="import")
    assert "LookupError: no luck with the import; the app cannot be loaded" in report
    assert 'File "src/stack.py"' in report


@pytest.mark.lengthy
@pytest.mark.in_turns
def test_an_app_that_answers_badly_is_told_with_its_traceback(host: Any, inventory: Path) -> None:
    before = about(host, OTHER)["release"]
    report = refusal(host, inventory, ways_python_trouble="health")
    assert "answered 500" in report
    assert "LookupError: no luck with the answer" in report
    assert about(host, OTHER)["release"] == before


@pytest.mark.lengthy
@pytest.mark.in_turns
def test_an_option_that_the_own_uwsgi_does_not_know_stops_the_deploy(
    host: Any, inventory: Path, untouched: None
) -> None:
    report = refusal(host, inventory, ways_python_slip="1")
    assert "uwsgi_options.ignore-sigpip: the app's own uWSGI 2.0." in report
    assert "did you mean 'ignore-sigpipe'?" in report


@pytest.mark.lengthy
@pytest.mark.in_turns
@pytest.mark.parametrize(
    ("python", "said"),
    [
        ("3.9", ["the host has no Python 3.9; it has 3.1", "3.12 (/usr/local/bin/python3.12)", "write a version"]),
        ("/opt/python/bin/python3.9", ["/opt/python/bin/python3.9 does not exist", "(/usr/local/bin/python3.12)"]),
    ],
)
def test_a_python_that_the_host_lacks_stops_the_deploy_before_it_begins(
    host: Any, inventory: Path, untouched: None, python: str, said: list[str]
) -> None:
    report = refusal(host, inventory, ways_python=python)
    assert [text for text in said if text not in report] == [], report
