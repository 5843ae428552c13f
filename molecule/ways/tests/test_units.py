"""Apps in units of systemd of their own: what they are shut off from, and that nothing else differs."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from playbooks import Run, play
from sandbox import left, rating
from visitor import Visitor

ALONE, UNICORN, CHANGING = "alone", "unicorn", "changing"
# Ten threads: seven ask without a pause to speak of, three are in flight for 1.5 s each. Tells what was lost, and who
# answered in which order.
_ASK_ON = r"""
import http.client, json, os, sys, threading, time
name, path = sys.argv[1:]
lost, seen, total, lock = [], [], 0, threading.Lock()
def ask(query):
    global total
    connection = http.client.HTTPConnection("127.0.0.1", 80, timeout=30)
    try:
        connection.request("POST" if query else "GET", path + query, b"x" * 1000 if query else None, {"Host": name})
        answer = connection.getresponse()
        body = answer.read()
        with lock:
            total += 1
            if answer.status != 200:
                lost.append([answer.status, body[:200].decode()])
            else:
                told = json.loads(body)
                who = [told["release"], told["server"]]
                if who not in seen:
                    seen.append(who)
    except (OSError, ValueError, http.client.HTTPException) as error:
        with lock:
            lost.append([0, repr(error)])
    finally:
        connection.close()
def ask_on(query, pause):
    deadline = time.monotonic() + 280
    while not os.path.exists("/tmp/enough") and time.monotonic() < deadline:
        ask(query)
        time.sleep(pause)
threads = [threading.Thread(target=ask_on, args=given) for given in [("", 0.2)] * 7 + [("?sleep=1.5", 0)] * 3]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(json.dumps({"lost": lost, "seen": seen, "total": total}))
"""


def ask(host: Any, app: str, path: str = "/") -> dict[str, Any]:
    """Ask an app, which tells about itself."""
    mount = {UNICORN: "/horn", CHANGING: "/in/turns"}.get(app, "")
    name = "unicorn.test" if app == UNICORN else f"{app}.localhost"
    answer = Visitor(host, name).get(mount + path)
    assert answer.status == 200, (path, answer)
    return dict(answer.json)


def vassal(host: Any, app: str) -> str:
    """Return the vassal that serves."""
    return Path(host.check_output(f"readlink -f /srv/apps/{app}/current/*.sock | sort -u | tail -1")).stem


def shown(host: Any, vassal: str, key: str) -> str:
    return str(host.check_output(f"systemctl show --property={key} --value flask-release@{vassal}.service"))


def left_of(host: Any, app: str) -> list[str]:
    """Return the names of all that makes systemd or the emperor run an app."""
    places = "/etc/systemd/system/ /etc/systemd/system/sockets.target.wants/ /etc/flask-emperor/vassals/"
    names = host.check_output(f"ls {places} /run/flask-emperor/sockets/").split()
    return sorted({match[1] for name in names if (match := re.match(rf"(?:flask-release@)?({app}\..*)\.\w+$", name))})


def wait_until(condition: Callable[[], Any], timeout: float = 20) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout:.0f} s"
        time.sleep(0.3)


class Asked:
    """What came of asking on and on, once that has ended."""

    def __init__(self, job: Future[str]) -> None:
        self._job = job

    @property
    def told(self) -> dict[str, Any]:
        return dict(json.loads(self._job.result()))


@contextmanager
def asking(host: Any, name: str, path: str = "/") -> Iterator[Asked]:
    """Ask an app while something is done to it."""
    host.run("rm -f /tmp/enough")
    with ThreadPoolExecutor(1) as pool:
        asked = Asked(pool.submit(host.check_output, "python3 -c %s %s %s", _ASK_ON, name, path))
        try:
            time.sleep(2)
            yield asked
            time.sleep(1)
        finally:
            host.run("touch /tmp/enough")


# --- shut off


@pytest.mark.parametrize(("app", "server"), [(ALONE, "uwsgi"), (UNICORN, "gunicorn")])
def test_it_is_no_vassal_of_the_emperor(host: Any, app: str, server: str) -> None:
    told = ask(host, app)
    assert told["server"] == server
    assert told["parent"] == int(shown(host, vassal(host, app), "MainPID"))
    assert told["token"] == 's3cret-%n-"quoted"'
    assert host.check_output(f"stat -c %U /proc/{told['process']}") == f"app-{app}"
    assert not host.file(f"/etc/flask-emperor/vassals/{vassal(host, app)}.ini").exists


@pytest.mark.parametrize("app", [ALONE, UNICORN])
def test_it_sees_its_own_folders_alone(host: Any, app: str) -> None:
    host.run("touch /tmp/of-somebody-else")
    told = ask(host, app, "/seen")
    assert (told["apps"], told["tmp"]) == ([app], [])
    assert told["tempdir"] == f"/srv/apps/{app}/tmp"
    assert told["writes"] == ["/tmp", "instance", "media", told["tempdir"]]
    assert told["hidden"] == ["/etc/flask-emperor", "/run/flask-emperor", "/etc/nginx"]


def test_its_daemons_see_no_more(host: Any) -> None:
    assert host.file(f"/srv/apps/{ALONE}/shared/instance/looked.txt").content_string == f"{ALONE}\n"


def test_it_has_limits_of_its_own(host: Any) -> None:
    unit = vassal(host, ALONE)
    assert shown(host, unit, "MemoryMax") == str(256 << 20)
    assert shown(host, unit, "CPUQuotaPerSecUSec") == "1.500000s"
    assert shown(host, unit, "TasksMax") == str(256 + 2 * 2 * 65)


@pytest.mark.parametrize("app", [ALONE, UNICORN])
def test_systemd_rates_it_well(host: Any, app: str) -> None:
    unit = f"flask-release@{vassal(host, app)}.service"
    assert rating(host, unit) <= 1.1, left(host, unit)


@pytest.mark.parametrize("app", [ALONE, UNICORN])
def test_its_socket_is_out_of_its_reach(host: Any, app: str) -> None:
    socket = f"/run/flask-emperor/sockets/{vassal(host, app)}.socket"
    assert host.file(socket).user == "root"
    for user in (f"app-{app}", "app-tuned", "nobody"):
        assert host.run(f"setpriv --reuid={user} --clear-groups test -e {socket}").rc == 1


# --- what a visitor sees


@pytest.mark.parametrize(
    ("name", "path", "mount"),
    [("alone.localhost", "/a%2Fb/../c%3Fd", ""), ("unicorn.test", "/horn/x/..//c%3Fd", "/horn")],
)
def test_what_the_app_is_told_is_nginxs(host: Any, name: str, path: str, mount: str) -> None:
    claims = {"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Prefix": "/evil", "Forwarded": "for=1.2.3.4", "Proxy": "x"}
    answer = Visitor(host, f"{name}:8080").get(f"{path}?x=%20y", claims)
    told = answer.json
    wanted = {
        "REMOTE_ADDR": "127.0.0.1", "wsgi.url_scheme": "http", "HTTP_HOST": f"{name}:8080", "SERVER_NAME": name,
        "SERVER_PORT": "80", "SCRIPT_NAME": mount, "QUERY_STRING": "x=%20y", "HTTP_X_FORWARDED_FOR": "127.0.0.1",
        "HTTP_X_REQUEST_ID": answer.header("X-Request-Id"),
    }  # fmt: skip
    assert {key: told[key] or "" for key in wanted} == wanted
    assert told["PATH_INFO"] == ("/a/c?d" if not mount else "/c?d")
    assert not any(told[key] for key in ("HTTP_X_FORWARDED_PREFIX", "HTTP_FORWARDED", "HTTP_PROXY"))
    assert answer.header("X-Emperor-Release") is None


def test_files_are_nginxs_and_uploads_arrive(host: Any) -> None:
    visitor = Visitor(host, "unicorn.test")
    assert visitor.get("/horn/files/style.css").text == "body { color: teal }\n"
    told = visitor.send("POST", "/horn/upload", {}, b"", padding=20).json
    assert told["size"] == 20 << 20
    assert visitor.get("/horn/media/upload.txt").status == 200
    assert host.file(f"/srv/apps/{UNICORN}/shared/media/upload.txt").group == "www-data"
    assert visitor.send("POST", "/horn/upload", {}, b"", padding=31).status == 413


def test_uploads_of_an_app_by_uwsgi_arrive_too(host: Any) -> None:
    visitor = Visitor(host, "alone.localhost")
    assert visitor.send("POST", "/upload", {}, b"hello").json["size"] == 5
    assert visitor.get("/media/upload.txt").text == "hello"
    assert host.file(f"/srv/apps/{ALONE}/shared/media/upload.txt").group == "www-data"


@pytest.mark.in_turns
def test_a_request_that_failed_leads_to_its_lines(host: Any, inventory: Path) -> None:
    answer = Visitor(host, "unicorn.test").get("/horn/fail")
    assert answer.status == 500
    request = str(answer.header("X-Request-Id"))
    run = play(inventory, "logs", host.backend.get_hostname(), app=UNICORN, request=request).good()
    said = next(task.result["text"] for task in run.tasks if "text" in task.result)
    assert f"request {request}: status 500" in said
    assert "RuntimeError: as it was asked to" in said


def test_a_request_that_hangs_is_ended(host: Any) -> None:
    before = {ask(host, UNICORN)["process"] for _ in range(10)}
    begin = time.monotonic()
    assert Visitor(host, "unicorn.test").get("/horn/?sleep=30").status in (500, 502)
    assert time.monotonic() - begin < 15
    wait_until(lambda: ask(host, UNICORN)["process"] not in before)


# --- what an operator does


@pytest.mark.in_turns
def test_status_tells_of_them_as_of_others(host: Any, inventory: Path) -> None:
    run = play(inventory, "status", host.backend.get_hostname()).good()
    apps = {app["name"]: app for app in next(task.result["apps"] for task in run.tasks if "apps" in task.result)}
    for app in (ALONE, UNICORN):
        found = apps[app]
        assert (found["health"], found["drift"], found["processes"]) == ("ok", [], 2), found
        assert found["rss"] > 10 << 20


@pytest.mark.in_turns
def test_a_command_has_the_sight_of_the_app(host: Any, inventory: Path) -> None:
    run = play(inventory, "run", host.backend.get_hostname(), app=ALONE, command="ls /srv/apps").good()
    assert next(task.result["text"] for task in run.tasks if "text" in task.result) == f"{ALONE}\n"


@pytest.mark.parametrize(
    ("app", "name", "path"), [(ALONE, "alone.localhost", "/"), (UNICORN, "unicorn.test", "/horn/")]
)
def test_one_that_is_killed_comes_back_and_nobody_is_turned_away(host: Any, app: str, name: str, path: str) -> None:
    unit = vassal(host, app)
    before = shown(host, unit, "MainPID")
    # Of a socket that the app held itself, all connections that wait would be lost.
    host.check_output(f"systemctl kill --signal=KILL flask-release@{unit}.service")
    assert Visitor(host, name).get(path).status == 200
    wait_until(lambda: shown(host, unit, "MainPID") not in (before, "0"))
    assert shown(host, unit, "NRestarts") == "1"


@pytest.mark.in_turns
def test_a_restart_loses_no_request(host: Any, inventory: Path) -> None:
    before = vassal(host, UNICORN)
    with asking(host, "unicorn.test", "/horn/") as asked:
        play(inventory, "restart", host.backend.get_hostname(), app=UNICORN).good()
    assert asked.told["lost"] == [], asked.told
    assert left_of(host, UNICORN) == [vassal(host, UNICORN)] == [f"{before}-2"]


def deploy(inventory: Path, host: Any, **changes: str) -> Run:
    return play(inventory, "deploy", host.backend.get_hostname(), app=CHANGING, **changes)


GUNICORN = {"ways_changing_server": "gunicorn"}


@pytest.mark.in_turns
def test_an_app_without_gunicorn_fails_before_its_start(host: Any, inventory: Path) -> None:
    before = left_of(host, CHANGING)
    run = deploy(inventory, host, **GUNICORN, ways_changing_requirements="without.txt")
    assert run.code != 0
    report = run.report(host.backend.get_hostname())
    assert "gunicorn is not installed in the app's virtualenv; add it to the requirements" in report
    assert left_of(host, CHANGING) == before
    assert ask(host, CHANGING)["server"] == "uwsgi"


@pytest.mark.in_turns
def test_from_one_kind_to_the_other_and_back_no_request_is_lost(host: Any, inventory: Path) -> None:
    def site() -> str:
        return str(host.file(f"/etc/nginx/flask-mounts/{CHANGING}.localhost/{CHANGING}.conf").content_string)

    name = host.backend.get_hostname()
    first = ask(host, CHANGING)["release"]
    with asking(host, f"{CHANGING}.localhost", "/in/turns/") as asked:
        deploy(inventory, host, **GUNICORN).good()
        second = ask(host, CHANGING)
        assert (second["server"], len(left_of(host, CHANGING))) == ("gunicorn", 2)
        assert ("http.sock" in site(), "uwsgi" in site()) == (True, False)
        # The first is kept warm: the switch is one rename.
        play(inventory, "rollback", name, app=CHANGING).good()
        assert ask(host, CHANGING)["release"] == first
        assert ("uwsgi.sock" in site(), "proxy_pass" in site()) == (True, False)
        deploy(inventory, host, ways_changing_isolation="strict").good()
        third = ask(host, CHANGING)
    told = asked.told
    assert told["lost"] == [], told
    assert told["total"] > 200
    assert told["seen"] == [[first, "uwsgi"], [second["release"], "gunicorn"], [third["release"], "uwsgi"]]


@pytest.mark.in_turns
def test_nothing_is_left_of_one_that_is_removed(host: Any, inventory: Path) -> None:
    unit = vassal(host, UNICORN)
    play(inventory, "remove", host.backend.get_hostname(), app=UNICORN).good()
    assert left_of(host, UNICORN) == []
    assert shown(host, unit, "ActiveState") == "inactive"
    assert host.run(f"pgrep --euid app-{UNICORN}").rc == 1
