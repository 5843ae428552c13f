"""How uWSGI runs an app: its processes, their limits, its further options."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from playbooks import play
from visitor import Visitor

# Asks by HTTP or uWSGI's protocol until it is told that it is enough; counts what was lost, and who answered.
_ASK_ON = r"""
import http.client, json, os, socket, struct, sys, time
protocol, port = sys.argv[1], int(sys.argv[2])
names = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "QUERY_STRING": "", "SERVER_PROTOCOL": "HTTP/1.1"}
# uWSGI's router answers to a name alone.
names |= {"HTTP_HOST": "tuned.localhost", "SERVER_NAME": "tuned", "SERVER_PORT": "80", "REQUEST_URI": "/"}
def once():
    if protocol == "http":
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/")
        return connection.getresponse().read()
    words = [word.encode() for pair in names.items() for word in pair]
    body = b"".join(struct.pack("<H", len(word)) + word for word in words)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(struct.pack("<BHB", 0, len(body), 0) + body)
        answer = b""
        while block := connection.recv(65536):
            answer += block
    return answer.partition(b"\r\n\r\n")[2]
lost, processes, deadline = 0, set(), time.monotonic() + 280
while not os.path.exists("/tmp/enough") and time.monotonic() < deadline:
    try:
        processes.add(json.loads(once())["process"])
    except (OSError, ValueError, LookupError, http.client.HTTPException):
        lost += 1
    time.sleep(0.02)
print(json.dumps({"lost": lost, "processes": sorted(processes)}))
"""
_READ_STATISTICS = r"""
import socket
with socket.create_connection(("127.0.0.1", 9191), timeout=10) as connection:
    print("".join(iter(lambda: connection.recv(65536).decode(), "")))
"""
TUNED, GREEDY, GREENLETS = "tuned", "greedy", "greenlets"


def ask(host: Any, app: str, path: str = "/", headers: dict[str, str] | None = None) -> dict[str, Any]:
    """Ask an app, which tells about itself."""
    answer = Visitor(host, f"{app}.localhost").get(path, headers)
    assert answer.status == 200, (path, answer)
    return dict(answer.json)


def at_once(host: Any, app: str, path: str, count: int) -> list[dict[str, Any]]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda _: ask(host, app, path), range(count)))


def workers(host: Any, app: str) -> list[dict[str, Any]]:
    """Return what uWSGI says of the processes of the release that serves."""
    release = Path(host.check_output(f"readlink /srv/apps/{app}/current")).name
    stats = host.check_output(f"uwsgi-core --connect-and-read /srv/apps/{app}/run/{release}.stats 2>&1")
    return list(json.loads(stats)["workers"])


def threads_of(told: list[dict[str, Any]], process: int) -> set[int]:
    return {one["thread"] for one in told if one["process"] == process}


def now(host: Any) -> str:
    """Return the time of a host; what its journal has from earlier is of another test."""
    return str(host.check_output("date +%s.%N"))


def journal(host: Any, app: str, since: str) -> str:
    return str(host.check_output(f"journalctl _UID=$(id -u app-{app}) --no-pager --output=cat --since=@{since}"))


def wait_until(condition: Callable[[], Any], timeout: float = 20) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout:.0f} s"
        time.sleep(0.3)


def is_older_than(host: Any, process: int, seconds: int) -> bool:
    return int(host.check_output(f"ps --no-headers -o etimes {process}")) >= seconds


# --- processes and threads


def test_processes_are_added_under_load_and_one_stays(host: Any) -> None:
    def active() -> int:
        return sum(worker["status"] != "cheap" for worker in workers(host, TUNED))

    wait_until(lambda: active() == 1, 60)
    wait_until(lambda: at_once(host, TUNED, "/?sleep=0.8", 6) and active() == 2)


def test_threads_of_a_process_work_side_by_side(host: Any) -> None:
    told = at_once(host, TUNED, "/?sleep=0.5", 6)
    busiest = max({one["process"] for one in told}, key=lambda one: len(threads_of(told, one)))
    assert len(threads_of(told, busiest)) == 2


def test_a_lazy_app_is_loaded_in_each_process_and_others_once(host: Any) -> None:
    lazy, forked = ask(host, TUNED), ask(host, GREENLETS)
    assert lazy["loaded_by"] == lazy["process"]
    assert forked["loaded_by"] == forked["parent"] != forked["process"]


def test_greenlets_wait_side_by_side_in_one_process(host: Any) -> None:
    told = at_once(host, GREENLETS, "/?1.5", 8)
    assert len({one["process"] for one in told}) == 1
    assert max(one["most"] for one in told) > 1


def test_a_large_head_reaches_the_app(host: Any) -> None:
    # nginx takes 8 KiB a line.
    lines = {f"X-Fill-{number}": "x" * 8000 for number in range(3)}
    assert ask(host, TUNED, "/", lines)["head"] == 24_000


# --- limits


def test_memory_has_an_end(host: Any) -> None:
    assert ask(host, GREEDY, "/address_space/100")["error"] is None
    assert ask(host, GREEDY, "/address_space/700")["error"] == "MemoryError"


def test_processes_have_an_end(host: Any) -> None:
    assert ask(host, GREEDY, "/processes/5")["got"] == 5
    assert 5 < ask(host, GREEDY, "/processes/400")["got"] < 150


def test_open_files_have_an_end(host: Any) -> None:
    assert 100 < ask(host, GREEDY, "/files/1000")["got"] < 200


def test_every_app_has_a_limit_of_processes(host: Any) -> None:
    process = ask(host, TUNED)["process"]
    limit = host.check_output(f"grep 'Max processes' /proc/{process}/limits").split()[2]
    assert limit == str(256 + 2 * 2 * 66)


def test_a_process_is_replaced_after_its_requests(host: Any) -> None:
    process = ask(host, GREEDY)["process"]
    wait_until(lambda: is_older_than(host, process, 11))
    found = [ask(host, GREEDY)["process"] for _ in range(45)]
    assert len({process, *found}) == 2


def test_a_process_that_has_grown_is_replaced_after_its_request(host: Any) -> None:
    process = ask(host, GREEDY)["process"]
    wait_until(lambda: is_older_than(host, process, 11))
    assert ask(host, GREEDY, "/memory/90")["process"] == process
    assert ask(host, GREEDY)["process"] != process


def test_a_process_that_grows_within_a_request_is_killed(host: Any) -> None:
    begin = now(host)
    assert Visitor(host, f"{GREEDY}.localhost").get("/leak/200").status == 502
    wait_until(lambda: "EVIL RELOAD ON WORKER 1 RSS" in journal(host, GREEDY, begin))
    assert ask(host, GREEDY)["error"] is None


def test_a_request_that_hangs_is_ended_and_the_log_shows_where_it_was(host: Any) -> None:
    begin = now(host)
    assert Visitor(host, f"{GREEDY}.localhost").get("/wait_for_a_database/30").status == 502
    wait_until(lambda: "*** HARAKIRI ON WORKER 1" in journal(host, GREEDY, begin))
    said = journal(host, GREEDY, begin)
    assert "greedy.py" in said
    assert "function = wait_for_a_database line = time.sleep(seconds)" in said


# --- further options


def test_a_mule_hears_the_app(host: Any) -> None:
    word = f"hello-{time.time()}"
    ask(host, TUNED, f"/?tell={word}")
    wait_until(lambda: ask(host, TUNED)["heard"] == word)


def test_a_plugin_and_its_option(host: Any) -> None:
    answer = Visitor(host, f"{TUNED}.localhost").get("/old/")
    assert (answer.status, answer.header("Location")) == (302, "/new/")


@pytest.mark.in_turns
def test_an_option_that_uwsgi_does_not_know_stops_the_deploy_before_it_begins(host: Any, inventory: Path) -> None:
    name, look = host.backend.get_hostname(), f"readlink /srv/apps/{TUNED}/current; ls /srv/apps/{TUNED}/releases"
    before = host.check_output(look)
    run = play(inventory, "deploy", name, app=TUNED, ways_tuned_slip="ignore-sigpip")
    assert run.code != 0
    assert "did you mean 'ignore-sigpipe'?" in run.report(name)
    assert host.check_output(look) == before


# --- listeners


def listening(host: Any) -> list[str]:
    """Return the addresses that something listens at."""
    return sorted(
        line.split()[3] for line in host.check_output("ss --no-header --listening --tcp --numeric").splitlines()
    )


def test_it_listens_past_nginx_for_this_host_alone(host: Any) -> None:
    found = [address for address in listening(host) if address.endswith((":9090", ":3031", ":9191"))]
    assert found == ["127.0.0.1:3031", "127.0.0.1:9090", "127.0.0.1:9191"]


@pytest.mark.in_turns
@pytest.mark.parametrize(("protocol", "port"), [("http", 9090), ("uwsgi", 3031)])
def test_a_switch_loses_no_request_past_nginx(host: Any, inventory: Path, protocol: str, port: int) -> None:
    host.run("rm -f /tmp/enough")
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(host.check_output, "python3 -c %s %s %s", _ASK_ON, protocol, str(port))
        before = ask(host, TUNED)["process"]
        play(inventory, "restart", host.backend.get_hostname(), app=TUNED).good()
        host.run("touch /tmp/enough")
        told = json.loads(asked.result())
    assert told["lost"] == 0, told
    assert before in told["processes"]
    assert ask(host, TUNED)["process"] in told["processes"]


def test_its_statistics_are_those_of_the_release_that_serves(host: Any) -> None:
    told = json.loads(host.check_output("python3 -c %s", _READ_STATISTICS))
    assert ask(host, TUNED)["process"] in [worker["pid"] for worker in told["workers"]]
    # They are passed on by the app itself, which can mislead nobody but itself.
    process = f"systemctl show --property=MainPID --value flask-app-{TUNED}.stats"
    assert host.check_output(f"ps --no-headers -o user:32 --pid $({process})") == f"app-{TUNED}"


@pytest.mark.lengthy
@pytest.mark.in_turns
def test_a_listener_goes_with_its_key_and_comes_back_with_the_release(host: Any, inventory: Path) -> None:
    name = host.backend.get_hostname()
    play(inventory, "deploy", name, app=TUNED, ways_tuned_quiet="1").good()
    wait_until(lambda: "127.0.0.1:9090" not in listening(host))
    assert not {"127.0.0.1:3031", "127.0.0.1:9191"} & set(listening(host))
    play(inventory, "rollback", name, app=TUNED).good()
    wait_until(lambda: {"127.0.0.1:9090", "127.0.0.1:9191"} <= set(listening(host)))


@pytest.mark.in_turns
def test_a_listener_goes_with_its_app(host: Any, inventory: Path) -> None:
    play(inventory, "remove", host.backend.get_hostname(), app=TUNED).good()
    wait_until(lambda: not {"127.0.0.1:9090", "127.0.0.1:9191"} & set(listening(host)))
    assert not host.file(f"/etc/flask-emperor/listeners/{TUNED}.ini").exists
