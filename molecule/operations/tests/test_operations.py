"""A day's work with the playbooks, in its order: each test begins where the one before it has ended.

The playbooks run as an operator runs them, for all hosts at once.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from testinfra.utils.ansible_runner import AnsibleRunner

from inside import inside
from visitor import Answer, Visitor

CLONE = Path(__file__).resolve().parents[3]
INVENTORY = CLONE / "molecule/operations/inventory"
HOSTS = AnsibleRunner(str(INVENTORY)).get_hosts()
SECRET = "s3cret-not-shown"
# From where a visitor asks who is let in.
LET_IN = "127.0.0.2"


@dataclass(frozen=True)
class Done:
    """How a playbook ended."""

    code: int
    output: str
    errors: str

    @property
    def changed(self) -> dict[str, int]:
        """Return the tasks that changed something, by host."""
        recap = re.findall(r"^(\S+) +: ok=\d+ +changed=(\d+)", self.output, re.MULTILINE)
        return {name: int(count) for name, count in recap}

    def rows(self, host: str, app: str) -> list[list[str]]:
        """Return the cells of an app's lines in a table."""
        lines = [line.split() for line in self.output.splitlines()]
        # A long name is cut, but not at its end.
        return [words for words in lines if app in words and (len(HOSTS) == 1 or words[0].endswith(host[-8:]))]


def play(name: str, *options: str) -> Done:
    """Run a playbook with the clone's own settings, not molecule's."""
    mine = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "MOLECULE_"))}
    done = subprocess.run(
        ["ansible-playbook", "-i", str(INVENTORY), "--limit", ",".join(HOSTS), f"playbooks/{name}.yml", *options],
        cwd=CLONE,
        env={**mine, "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert SECRET not in done.stdout + done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


def good(name: str, *options: str) -> Done:
    done = play(name, *options)
    assert done.code == 0, done.output + done.errors
    return done


def machines() -> list[tuple[str, Any]]:
    return [(name, inside(name)) for name in HOSTS]


def visit(machine: Any, app: str, path: str = "/") -> Answer:
    return Visitor(machine, f"{app}.localhost").get(path)


# Each step into a container takes a tenth of a second.
_TRACE = (
    "pgrep --euid app-{0} && stat --format '%n %i' $(readlink -f /srv/apps/{0}/current/uwsgi.sock) && "
    "readlink /srv/apps/{0}/current && sha256sum /etc/nginx/flask-apps/{0}.conf"
)


def trace(machine: Any, app: str) -> str:
    """Return what a restart, a deploy or a repair would change of an app."""
    return machine.check_output(_TRACE.format(app))


@pytest.fixture(autouse=True)
def neighbour() -> Iterator[None]:
    """Whatever is done to `web`, nothing happens to `web2`."""
    before = {name: trace(machine, "web2") for name, machine in machines()}
    yield
    assert {name: trace(machine, "web2") for name, machine in machines()} == before


def is_asleep(machine: Any) -> bool:
    return machine.run("pgrep --euid app-sleeper").rc != 0


def test_status_shows_each_app_and_wakes_none() -> None:
    for _, machine in machines():
        machine.check_output("for i in $(seq 40); do pgrep --euid app-sleeper >/dev/null || break; sleep 0.25; done")
        assert is_asleep(machine)
    done = good("status")
    for name, machine in machines():
        web = done.rows(name, "web")[0]
        assert ("2x2" in web, "ok" in web, web[-1]) == (True, True, "no"), web
        assert machine.check_output("readlink /srv/apps/web/current").removeprefix("releases/") in web
        assert "asleep" in done.rows(name, "sleeper")[0]
        assert is_asleep(machine)
    table = [line for line in done.output.splitlines() if re.search(r"\b(web2?|sleeper|APP)\b {2}", line)]
    assert len(table) == 1 + 3 * len(HOSTS)
    assert max(map(len, table)) <= 120
    assert sum(done.changed.values()) == 0


def test_status_for_programs_tells_of_drift_and_illness() -> None:
    for _, machine in machines():
        machine.check_output("mkdir /srv/apps/web/releases/left.tmp && touch /srv/apps/web/shared/instance/ill")
    try:
        found = json.loads(good("status", "-e", "app=web", "-e", "format=json").output)
    finally:
        for _, machine in machines():
            machine.check_output("rmdir /srv/apps/web/releases/left.tmp && rm /srv/apps/web/shared/instance/ill")
    assert [app["host"] for app in found["apps"]] == HOSTS
    for app in found["apps"]:
        assert (app["name"], app["health"], app["drift"]) == ("web", "500", ["left.tmp is unfinished"])
        assert (app["processes"], app["threads"], app["busy"]) == (2, 2, 0)
        assert 10 << 20 < app["rss"] < 500 << 20
        assert app["requests"] > 0
    assert found["missing"] == []


def test_a_host_that_does_not_answer_is_named() -> None:
    done = play("status", "-e", "format=json", "-e", "ansible_host=emperor-flask-operations-nowhere")
    assert done.code != 0
    assert json.loads(done.output)["missing"] == HOSTS
    assert "UNREACHABLE" in done.errors


def test_history_shows_the_switches() -> None:
    done = good("history", "-e", "app=web")
    for name, machine in machines():
        release = machine.check_output("readlink /srv/apps/web/current").removeprefix("releases/")
        assert any({release, "activated"} <= set(row) for row in done.rows(name, "web"))
    assert "web2" not in done.output


def test_logs_show_one_app_alone() -> None:
    for _, machine in machines():
        for app in ("web", "web2"):
            assert visit(machine, app, f"/find-{app}").status == 200
            # Both logs are written after the answer, and by others.
            seen = "journalctl --sync; journalctl _UID=$(id -u app-%s) | grep -q find && grep -q /find-%s %s"
            log = "/var/log/nginx/access.log"
            machine.check_output(f"for i in $(seq 50); do {seen} && break; sleep 0.1; done", app, app, log)
    done = good("logs", "-e", "app=web", "-e", "since=10 minutes ago")
    assert done.output.count("asked for /find-web") >= len(HOSTS)
    asked = '"app":"web","host":"web.localhost","method":"GET","path":"/find-web","status":200'
    assert done.output.count(asked) >= len(HOSTS)
    assert "/find-web2" not in done.output
    assert "/find-web" not in good("logs", "-e", "app=web", "-e", "since=2031-01-01 10:00").output
    assert "since 'yesteryear' is no time" in play("logs", "-e", "app=web", "-e", "since=yesteryear").output


def test_run_is_the_app_with_its_environment() -> None:
    done = good(
        "run", "-e", "app=web", "-e", "command=id -un; pwd; echo $EMPEROR_APP; which python; printenv TOKEN | wc -c"
    )
    for line in ("app-web", "web", str(len(SECRET) + 1)):
        assert done.output.splitlines().count(line) == len(HOSTS)
    for path in ("src", "venv/bin/python"):
        found = re.findall(rf"^/srv/apps/web/releases/[0-9a-f]{{12}}/{path}$", done.output, re.MULTILINE)
        assert len(found) == len(HOSTS)


def test_run_fails_with_its_command_and_writes_where_the_app_may() -> None:
    command = "command=touch instance/made; touch /srv/apps/web2/shared/made; exit 3"
    assert "this would run: touch instance/made" in good("run", "-e", "app=web", "-e", command, "--check").output
    for _, machine in machines():
        assert not machine.file("/srv/apps/web/shared/instance/made").exists
    done = play("run", "-e", "app=web", "-e", command)
    assert done.code != 0
    assert "app web: the command ended with 3" in done.output
    for _, machine in machines():
        assert machine.file("/srv/apps/web/shared/instance/made").user == "app-web"
        assert not machine.file("/srv/apps/web2/shared/made").exists


CLOSE = ("-e", "app=web", "-e", "state=on", "-e", "retry_after=30m", "-e", f"allow={LET_IN},192.0.2.0/24")


def test_maintenance_is_refused_when_it_is_no_text_or_network() -> None:
    for option, said in (("message=a { b", "message contains {"), ("allow=192.0.2.1/24", "try 192.0.2.0/24")):
        done = play("maintenance", *CLOSE, "-e", option)
        assert done.code != 0
        assert said in done.output
    good("maintenance", *CLOSE, "--check")
    for _, machine in machines():
        assert visit(machine, "web").status == 200


def is_closed(machine: Any) -> None:
    """Look at a closed app as visitors do: one of them is let in."""
    answer = visit(machine, "web", "/page.pdf")
    assert (answer.status, answer.header("Retry-After")) == (503, "1800")
    assert answer.header("Content-Type") == "text/html; charset=utf-8"
    assert "Back at &lt;noon&gt; &amp; sure." in answer.text
    assert visit(machine, "web", "/healthz").text == "web at /healthz\n"
    assert visit(machine, "web", "/static/style.css").status == 200
    assert Visitor(machine, "web.localhost", source=LET_IN).get("/").status == 200
    assert visit(machine, "web2").status == 200


def test_maintenance_closes_the_app_for_visitors() -> None:
    done = good("maintenance", *CLOSE, "-e", "message=Back at <noon> & sure.")
    assert done.output.count("closed for maintenance since") == len(HOSTS)
    for _, machine in machines():
        machine.check_output("sleep 0.5")
        is_closed(machine)


def test_a_closed_app_stays_closed_through_a_deploy() -> None:
    assert sum(good("deploy").changed.values()) == 0
    assert sum(good("deploy", "-e", "app=web", "-e", "probe_level=2").changed.values()) > 0
    for _, machine in machines():
        assert machine.check_output("cat /srv/apps/web/current/env/LEVEL") == "2"
        is_closed(machine)


def test_maintenance_ends() -> None:
    good("maintenance", "-e", "app=web", "-e", "state=off")
    for _, machine in machines():
        machine.check_output("sleep 0.5")
        assert visit(machine, "web").text == "web at /\n"
    assert sum(good("maintenance", "-e", "app=web", "-e", "state=off").changed.values()) == 0


def test_an_unknown_app_is_refused_with_the_names_of_the_others() -> None:
    for name in ("status", "remove"):
        done = play(name, "-e", "app=we")
        assert done.code != 0
        assert "no host has or lists an app we" in done.output
        assert "sleeper, web, web2" in re.sub(r"\s+", " ", done.output)


def test_remove_in_check_mode_removes_nothing() -> None:
    before = {name: trace(machine, "web") for name, machine in machines()}
    done = good("remove", "-e", "app=web", "--check")
    assert done.output.count("/etc/nginx/flask-apps/web.conf") == len(HOSTS)
    assert {name: trace(machine, "web") for name, machine in machines()} == before


def test_remove_keeps_the_data() -> None:
    for _, machine in machines():
        machine.check_output("echo precious > /srv/apps/web/shared/instance/data")
    done = good("remove", "-e", "app=web")
    assert done.output.count("the inventory still lists web") == len(HOSTS)
    for _, machine in machines():
        assert visit(machine, "web").status == 0
        assert machine.run("pgrep --euid app-web").rc != 0
        assert machine.file("/srv/apps/web/shared/instance/data").content_string == "precious\n"
        assert machine.check_output("ls /srv/apps/web").split() == ["history.jsonl", "shared"]
        assert machine.user("app-web").exists
        assert not machine.user("build-web").exists
        left = machine.check_output("find /etc/nginx /etc/flask-emperor /run/flask-emperor /var/cache/flask-emperor")
        assert not re.search(r"/web[./]|/web$", left, re.MULTILINE)
    again = good("remove", "-e", "app=web")
    assert again.output.count("nothing to remove") == len(HOSTS)
    assert sum(again.changed.values()) == 0


def test_a_removed_app_comes_back_to_its_data_and_can_be_purged() -> None:
    good("deploy", "-e", "app=web")
    for _, machine in machines():
        assert visit(machine, "web").status == 200
        assert machine.file("/srv/apps/web/current/src/instance/data").content_string == "precious\n"
    good("remove", "-e", "app=web", "-e", "purge=true")
    for _, machine in machines():
        assert not machine.file("/srv/apps/web").exists
        assert not machine.user("app-web").exists
        assert not machine.group("app-web").exists
    again = good("remove", "-e", "app=web", "-e", "purge=true")
    assert again.output.count("nothing to remove") == len(HOSTS)
    assert sum(again.changed.values()) == 0


def test_an_app_that_nobody_lists_and_that_is_half_gone_is_removed() -> None:
    """As an interrupted run leaves it: no site any more, and no link to the release that served."""
    for _, machine in machines():
        machine.check_output("rm /etc/nginx/flask-apps/sleeper.conf /srv/apps/sleeper/current")
    unlisted = ("-e", '{"flask_apps": []}', "-e", "app=sleeper", "-e", "purge=true")
    assert "still lists" not in good("remove", *unlisted).output
    for _, machine in machines():
        assert machine.run("ls -d /srv/apps/sleeper /etc/flask-emperor/vassals/sleeper.*").stdout == ""
        assert machine.run("getent passwd app-sleeper build-sleeper").stdout == ""
    assert sum(good("remove", *unlisted).changed.values()) == 0
