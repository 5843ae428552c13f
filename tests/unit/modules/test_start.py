"""The start and the check of a release, against a socket that answers like a vassal."""

from __future__ import annotations

import itertools
import json
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import health as checked
from ansible_collections.emperor.flask.plugins.module_utils import vassals, warm
from ansible_collections.emperor.flask.plugins.modules import start
from ansible_collections.emperor.flask.tests.support.hosts import ID, NEXT, STEP, App, Host
from ansible_collections.emperor.flask.tests.support.modules import run_module
from ansible_collections.emperor.flask.tests.support.servers import FakeEmperor, serve
from ansible_collections.emperor.flask.tests.support.systemd import Systemd

VASSAL = f"shop.{ID}"
# Before a fixture replaces it.
LAST_WORDS = start.last_words
TRACEBACK = "Traceback (most recent call last):\n  File \"app.py\", line 1, in <module>\nKeyError: 'DB_URL'"


def run(vassal: str = VASSAL, check: bool = False, **more: Any) -> dict[str, Any]:
    given = {**STEP, "domains": ["shop.test"], "path": "/healthz", "timeout": 5, "vassal": vassal, **more}
    return run_module(start, check=check, **given)


@pytest.fixture(autouse=True)
def journal(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, set[int]]]:
    """Let the journal have words for this app alone."""
    asked: list[tuple[int, set[int]]] = []

    def last_words(_module: Any, user: int, _since: float, others: set[int]) -> str:
        asked.append((user, others))
        return f"loading\n{TRACEBACK}\nmore"

    monkeypatch.setattr(start, "last_words", last_words)
    return asked


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the time be over after the first answer."""
    times = itertools.chain([0, 0], itertools.repeat(10))
    monkeypatch.setattr(checked, "monotonic", times.__next__)


def app(status: str, release: str = ID, body: str = "") -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(f"HTTP/1.1 {status}\r\nX-Emperor-Release: {release}\r\n\r\n{body}".encode())

    return answer


@pytest.fixture
def bound(shop: App, emperor: FakeEmperor) -> Path:
    """Build the release; return the socket that the vassal will listen at, which the emperor leaves alone then."""
    shop.build(ID)
    return vassals.socket_of(VASSAL)


def links(host: Host) -> list[str]:
    return sorted(path.stem for path in host.vassals.iterdir())


def test_a_healthy_release_stays_and_a_second_start_changes_nothing(
    bound: Path, host: Host, journal: list[tuple[int, set[int]]]
) -> None:
    with serve(bound, app("200 OK")):
        found, again = run(), run()
    assert (found["changed"], found["answers"]) == (True, 3)
    assert (again["changed"], again["answers"]) == (False, 3)
    assert (links(host), journal) == ([VASSAL], [])


@pytest.mark.parametrize("name", [f"blog.{ID}", f"shop.{NEXT}", "shop", f"shop.{ID}-0", f"shop.{ID}/../x"])
def test_no_other_name_is_taken(host: Host, name: str) -> None:
    assert run(name)["msg"] == f"'{name}' is no vassal of release {ID} of app shop"
    assert links(host) == []


def test_a_sick_one_is_taken_away_and_reported_with_all_that_is_known(
    bound: Path, host: Host, journal: list[tuple[int, set[int]]], impatient: None
) -> None:
    with serve(bound, app("500 Internal Server Error")):
        found = run()
    assert found["failed"]
    assert found["msg"] == (
        f"app shop, release {ID}: GET /healthz for shop.test: answered 500, expected 200 to 399, for 10 s"
    )
    assert found["log"] == TRACEBACK
    assert found["remedy"] == "if DB_URL is an environment variable, set it under environment or secrets"
    assert found["view"] == "the emperor sees: no process, app not loaded yet, 0 restarts"
    assert journal == [(os.getuid(), set())]
    assert (links(host), bound.exists()) == ([], False)


def test_what_serves_is_never_taken_away(bound: Path, host: Host, impatient: None) -> None:
    """A second look at the release that has the traffic, when nothing else is wanted."""
    with serve(bound, app("500 Internal Server Error")):
        assert run(serving=VASSAL)["failed"]
    assert links(host) == [VASSAL]


def test_the_words_of_other_vassals_of_the_app_are_not_its_own(
    bound: Path,
    shop: App,
    emperor: FakeEmperor,
    journal: list[tuple[int, set[int]]],
    impatient: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop.build(NEXT)
    shop.start(NEXT)
    emperor.processes = {f"shop.{NEXT}": 41, VASSAL: 42}
    monkeypatch.setattr(vassals, "processes_of", lambda master: [master, master + 100])
    with serve(bound, app("500 Internal Server Error")):
        # It serves, so nobody tries to end it; 42 is somebody's number.
        run(serving=VASSAL)
    assert journal == [(os.getuid(), {41, 141})]


def test_another_release_on_the_socket_is_not_this_one(bound: Path, impatient: None) -> None:
    with serve(bound, app("200 OK", NEXT)):
        assert f"answered by release {NEXT}" in run()["msg"]


def test_the_statuses_of_the_app_count(bound: Path) -> None:
    with serve(bound, app("503 Service Unavailable")):
        assert "failed" not in run(status=[503])


def test_the_text_of_the_app_counts(bound: Path, impatient: None) -> None:
    with serve(bound, app("200 OK", body="an error, nicely told")):
        found = run(text="welcome")
    assert "answered 200, but the answer does not contain 'welcome'" in found["msg"]
    assert found["remedy"] == "set health.text to a text that the page has"


def test_no_answer_is_told(bound: Path, impatient: None) -> None:
    assert "no answer ([Errno 111]" in run()["msg"]


def test_a_blacklisted_vassal_is_told(bound: Path, emperor: FakeEmperor, impatient: None) -> None:
    emperor.blacklist = [{"id": f"{VASSAL}.ini"}]
    assert run()["view"] == "the emperor has blacklisted the vassal: it died young"


def test_check_mode_starts_and_asks_nobody(shop: App, host: Host) -> None:
    shop.build(ID)
    found = run(check=True)
    assert (found["changed"], found["answers"], links(host)) == (True, 0, [])
    shop.start(ID)
    assert not run(check=True)["changed"]


def test_what_serves_answers_for_nobody_else(shop: App, bound: Path, impatient: None) -> None:
    """A release that is started beside itself is not healthy because its predecessor is."""
    with serve(shop.layout.release(ID) / "uwsgi.sock", app("200 OK")):
        assert "no answer ([Errno 111]" in run(f"{VASSAL}-2")["msg"]


def test_a_silent_app_cannot_hold_the_check_up(bound: Path) -> None:
    begin = time.monotonic()
    with serve(bound, lambda _connection: time.sleep(4)):
        found = run(timeout=1)
        assert time.monotonic() - begin < 3
    assert "no answer (timed out)" in found["msg"]


def test_a_deaf_emperor_is_reported_with_the_app(
    bound: Path, emperor: FakeEmperor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "_BIND_TIMEOUT", 0)
    emperor.binds = False
    found = run()
    assert found["msg"].startswith(f"app shop, release {ID}: the emperor bound no socket for {VASSAL}")


def test_a_warm_vassal_is_not_ended_while_it_is_checked(bound: Path, host: Host, systemd: Systemd) -> None:
    host.warm.mkdir()
    (warm.MARKS / VASSAL).write_text(str(time.time() + 60))
    with serve(bound, app("200 OK")):
        run()
    assert systemd.calls == [["systemctl", "stop", f"flask-emperor-retire-{VASSAL}.timer"]]
    assert list(host.warm.iterdir()) == []


class Journal:
    """Gives these entries for whatever is asked."""

    def __init__(self, *entries: dict[str, Any]) -> None:
        self.lines = "\n".join(json.dumps(entry) for entry in entries)
        self.asked: list[str] = []

    def get_bin_path(self, name: str) -> str:
        return f"/usr/bin/{name}"

    def run_command(self, command: list[str]) -> tuple[int, str, str]:
        self.asked = command
        return 0, f"{self.lines}\nno json\n", ""


def test_last_words_are_the_users_own_since_then() -> None:
    journal = Journal(
        {"MESSAGE": "*** uWSGI is running", "_PID": "5"},
        {"MESSAGE": "mine", "_PID": "5"},
        {"MESSAGE": "of the served vassal", "_PID": "7"},
        {"MESSAGE": [0x66, 0xFF], "_PID": "5"},
        {"MESSAGE": None, "_PID": "5"},
        {"MESSAGE": ["several", "of them"], "_PID": "5"},
        {"MESSAGE": [{}], "_PID": "5"},
    )
    assert LAST_WORDS(journal, 1234, 99.7, {7}) == "mine\nf\N{REPLACEMENT CHARACTER}\n\nseveral\nof them"
    assert {"_UID=1234", "--since=@99"} <= set(journal.asked)


def test_a_host_without_a_journal_or_the_user_has_no_words(monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal({"MESSAGE": "mine", "_PID": "5"})
    assert LAST_WORDS(journal, None, 0, set()) == ""
    monkeypatch.setattr(Journal, "get_bin_path", lambda _self, _name: None)
    assert LAST_WORDS(journal, 1234, 0, set()) == ""
