"""Who may reach an app, and what is logged of it."""

from __future__ import annotations

import base64
import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from secrets import randbelow
from typing import Any

import pytest

from playbooks import play
from visitor import Answer, Visitor

INVENTORY = Path(__file__).resolve().parents[1] / "inventory"
LOG = "/var/log/nginx/access.log"
PASSWORD = "correct horse"
# One for each kind of hash.
USERS = ["ada", "bob", "cyd", "dot"]


def ask(host: Any, path: str, source: str = "127.0.0.1", **headers: str) -> Answer:
    return Visitor(host, "guarded.localhost", source=source).get(path, headers)


def as_user(host: Any, path: str, name: str, password: str = PASSWORD) -> Answer:
    return ask(host, path, Authorization="Basic " + base64.b64encode(f"{name}:{password}".encode()).decode())


def logged(host: Any, answer: Answer) -> dict[str, Any]:
    """Return the line of an answer, which nginx writes when it is over."""
    request = answer.header("X-Request-Id")
    found = host.check_output(f"for i in $(seq 50); do grep -h {request} {LOG} && break; sleep 0.1; done")
    entry: dict[str, Any] = json.loads(found)
    return entry


@pytest.fixture(scope="module", autouse=True)
def uploads(host: Any) -> None:
    folder = "/srv/apps/guarded/shared/media"
    host.check_output(f"mkdir -p {folder}/private && chgrp -R www-data {folder} && echo x > {folder}/private/a.png")
    host.check_output(f"chgrp www-data {folder}/private/a.png")


@pytest.mark.parametrize("path", ["/", "/static/style.css", "/media/a.png", "/office", "/nowhere"])
def test_a_denied_address_gets_nothing(host: Any, path: str) -> None:
    assert ask(host, path, source="127.0.0.66").status == 403
    assert Visitor(host, "guarded.localhost", address="::1").get(path).status == 403


def test_others_get_what_there_is(host: Any) -> None:
    assert (ask(host, "/").status, ask(host, "/static/style.css").status) == (200, 200)
    assert ask(host, "/media/a.png").status == 404


def test_monitors_reach_the_health_path_from_anywhere(host: Any) -> None:
    assert ask(host, "/healthz", source="127.0.0.66").status == 200
    assert ask(host, "/healthz/more", source="127.0.0.66").status == 403


@pytest.mark.parametrize(
    ("source", "path", "status"),
    [
        ("127.0.0.2", "/office", 200),
        ("127.0.0.2", "/office/desk", 200),
        ("127.0.0.5", "/office", 403),
        ("127.0.0.9", "/office", 403),
        ("127.0.0.9", "/office/", 403),
        # The same place in other words.
        ("127.0.0.9", "//office", 403),
        ("127.0.0.9", "/%6fffice", 403),
        ("127.0.0.9", "/x/../office/desk", 403),
        ("127.0.0.9", "/office%2fdesk", 403),
        ("127.0.0.9", "/office%00", 400),
        # Other places.
        ("127.0.0.9", "/offices", 200),
        ("127.0.0.9", "/home/office", 200),
    ],
)
def test_a_part_has_a_list_of_its_own(host: Any, source: str, path: str, status: int) -> None:
    assert ask(host, path, source=source).status == status


@pytest.mark.parametrize("name", USERS)
def test_a_password_opens_what_asks_for_one(host: Any, name: str) -> None:
    assert as_user(host, "/private/page", name).status == 200
    assert as_user(host, "/private/page", name, "wrong").status == 401


def test_uploads_and_pages_ask_for_a_password(host: Any) -> None:
    for path in ("/private", "/media/private/a.png"):
        asked = ask(host, path)
        assert (asked.status, asked.header("WWW-Authenticate")) == (401, 'Basic realm="app guarded"')
        assert as_user(host, path, "ada").status == 200


def test_a_part_of_it_can_be_without(host: Any) -> None:
    assert ask(host, "/private/hooks/1").status == 200
    assert ask(host, "/private/hooks1").status == 401
    # What is not said there holds on.
    assert ask(host, "/private/hooks/1", source="127.0.0.66").status == 403


def test_only_nginx_reads_the_hashes(host: Any) -> None:
    path = "/srv/apps/guarded/current/htpasswd"
    file = host.file(path)
    assert (file.user, file.group, file.mode) == ("root", "www-data", 0o640)
    assert sorted(line.partition(":")[0] for line in file.content_string.splitlines()) == USERS
    for user in ("app-guarded", "app-raw", "nobody"):
        refused = host.run(f"setpriv --reuid={user} --regid=$(id -g {user}) --clear-groups cat {path}")
        assert "Permission denied" in refused.stderr
    digest = file.content_string.splitlines()[0].rpartition("$")[2]
    places = "/srv/apps /etc /var/log /run /var/tmp /tmp /root"
    found = host.run(f"grep --recursive --files-with-matches -s --fixed-strings {digest} {places}").stdout.split()
    real = {host.check_output("readlink -f %s", one) for one in found}
    assert all(re.fullmatch(r"/srv/apps/guarded/releases/[0-9a-f]{12}/htpasswd", one) for one in real), real
    assert len(real) >= 1
    journal = host.run(f"journalctl --no-pager --output=export --all | grep --count --fixed-strings '{digest}'")
    assert journal.stdout.strip() == "0"


def test_too_many_requests_of_one_address_are_refused(host: Any) -> None:
    # One a minute, and two above that at once. Another run of this test has an address of its own, too.
    source = f"127.1.{randbelow(256)}.{randbelow(254) + 1}"
    found = [ask(host, path, source=source).status for path in ("/rare", "/rare/1", "/rare", "/rare", "/rare/x")]
    assert found == [200, 200, 200, 429, 429]
    assert ask(host, "/", source=source).status == 200
    assert ask(host, "/rare", source="127.2.0.1").status == 200


def test_a_slow_request_is_alone_and_bears_its_id_into_the_journal(host: Any) -> None:
    with ThreadPoolExecutor() as pool:
        first = pool.submit(ask, host, "/slow")
        # The second comes while the first is worked on.
        host.check_output("sleep 1.5")
        assert ask(host, "/slow").status == 429
        answer = first.result()
    assert answer.status == 200
    found = host.check_output("journalctl --sync; journalctl _UID=$(id -u app-guarded) --output=cat --no-pager")
    lines = [line for line in found.splitlines() if answer.header("X-Request-Id") in line]
    assert len(lines) == 1
    assert ": status 200, 5" in lines[0]


def test_an_id_is_the_same_for_visitor_app_and_log(host: Any) -> None:
    claimed = "0" * 32
    answer = ask(host, "/page?x=1", **{"X-Request-Id": claimed, "User-Agent": 'quote " and \\ \x1b'})
    assert answer.text == answer.header("X-Request-Id") != claimed
    entry = logged(host, answer)
    # nginx takes the two at different moments.
    assert 0 <= entry.pop("upstream_time") < entry.pop("request_time") + 0.002
    assert entry.pop("time").startswith("20")
    assert entry == {
        "request_id": answer.text,
        "app": "guarded",
        "host": "guarded.localhost",
        "method": "GET",
        "path": "/page?x=1",
        "status": 200,
        "bytes": 32,
        "client": "127.0.0.1",
        "user_agent": 'quote " and \\ \x1b',
    }


@pytest.mark.parametrize("path", ["/static/style.css", "/static/none", "/media/none", "/private", "/office"])
def test_what_nginx_answers_by_itself_has_an_id_too(host: Any, path: str) -> None:
    entry = logged(host, ask(host, path, source="127.0.0.9"))
    assert (entry["app"], entry["upstream_time"], entry["client"]) == ("guarded", None, "127.0.0.9")


def test_every_line_is_json(host: Any) -> None:
    Visitor(host, "guarded.localhost").send_raw(b"nonsense\r\n\r\n")
    Visitor(host, "guarded.localhost").send_raw(b'GET /\xff\x01 HTTP/1.1\r\nHost: a"b\r\n\r\n')
    Visitor(host, 'unknown"\\').get("/")
    lines = host.check_output(f"sleep 0.2; tail -n 50 {LOG}").splitlines()
    statuses = {json.loads(line)["status"] for line in lines}
    assert {400, 200} <= statuses
    assert all(isinstance(status, int) for status in statuses)


def name_of(host: Any) -> str:
    return str(host.backend.get_pytest_id()).rpartition("/")[2]


def close_or_open(host: Any, state: str) -> None:
    play(INVENTORY, "maintenance", name_of(host), app="guarded", state=state).good()
    # For a moment a worker of nginx with the old configuration may answer.
    host.check_output("sleep 0.5")


@pytest.mark.in_turns
def test_a_closed_app_says_so_before_it_asks_for_a_password(host: Any) -> None:
    close_or_open(host, "on")
    try:
        found = [ask(host, path).status for path in ("/private", "/rare", "/healthz", "/static/style.css")]
        denied = ask(host, "/", source="127.0.0.66").status
    finally:
        close_or_open(host, "off")
    assert (found, denied) == ([503, 503, 200, 200], 403)
    assert ask(host, "/private").status == 401


@pytest.mark.in_turns
def test_a_failure_is_found_by_its_id(host: Any) -> None:
    answers = {text: ask(host, f"/fail?{text}") for text in ("first", "second")}
    # uWSGI ends the connection of an app that raises before it has begun to answer.
    assert {answer.status for answer in answers.values()} == {502}
    request = answers["first"].header("X-Request-Id")
    logged(host, answers["second"])
    run = play(INVENTORY, "logs", name_of(host), app="guarded", request=str(request)).good()
    [text] = [task.result["text"] for task in run.tasks if "text" in task.result and task.name.startswith("Read")]
    lines = text.splitlines()
    assert json.loads(lines[1])["path"] == "/fail?first"
    written = "\n".join(lines[3:])
    assert "RuntimeError: failed at first\n" in written
    assert f"request {request}: status 500, " in written


def test_the_logs_rotate_and_stay_readable_to_the_right_ones(host: Any) -> None:
    old = ask(host, "/before")
    assert logged(host, old)["path"] == "/before"
    host.check_output("logrotate --force /etc/logrotate.d/nginx")
    # nginx opens the new file when it gets the signal.
    host.check_output("sleep 1")
    new = ask(host, "/after")
    assert logged(host, new)["path"] == "/after"
    assert str(old.header("X-Request-Id")) in host.check_output(f"cat {LOG}.1")
    assert host.check_output("systemctl is-enabled logrotate.timer") == "enabled"
    for path in (LOG, f"{LOG}.1"):
        file = host.file(path)
        assert (file.user, file.group, file.mode) == ("www-data", "adm", 0o640)
    refused = host.run(f"setpriv --reuid=app-guarded --regid=app-guarded --clear-groups cat {LOG}")
    assert "Permission denied" in refused.stderr
