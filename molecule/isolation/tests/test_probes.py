"""What an app may not do to its neighbours and its host; and that each attempt would have shown it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest

from outside import on_each

# As root wrote it: whoever reaches a socket of uWSGI, runs what he likes.
FOREIGN = "/usr/local/share/foreign.py"
CODE = """
import os
def application(environ, start_response):
    start_response("200 OK", [])
    return [f"run as {os.geteuid()}".encode()]
"""
RUN_IT = {"UWSGI_APPID": "foreign", "UWSGI_FILE": FOREIGN}
REFUSAL = re.compile(r"PermissionError|ProcessLookupError|FileNotFoundError: .*'/proc/|OSError: \[Errno 30\]")


@dataclass(frozen=True)
class Case:
    """An attempt of the attacker, and one that must succeed: its own elsewhere, or the same by root."""

    attempt: list[Any]
    control: list[Any]
    by_root: bool


def case(*attempt: Any, own: str | None = None) -> Case:
    """Return a case; `own` is with what the attacker may do the same."""
    if own is None:
        return Case([*attempt], [*attempt], by_root=True)
    return Case([*attempt], [attempt[0], own, *attempt[2:]], by_root=False)


MINE = "{attacker}/tmp/mine"
CASES = {
    "read code": case("read", "{victim_release}/src/victim.py", own="{attacker_release}/src/attacker.py"),
    "read the vassal's file": case("read", "{victim_release}/vassal.ini", own="{attacker_release}/vassal.ini"),
    "read the vassal's link": case("read", "{victim_vassal}", own="{attacker_vassal}"),
    "read a secret": case("read", "{victim_release}/env/TOKEN", own="{attacker_release}/env/ROUND"),
    "list the environment": case("names", "{victim_release}/env", own="{attacker_release}/env"),
    "read a manifest": case("read", "{victim_release}/release.json"),
    "read a history": case("read", "{victim}/history.jsonl"),
    "list releases": case("names", "{victim}/releases"),
    "list virtualenvs": case("names", "{victim}/venvs"),
    "list the builder's caches": case("names", "/var/cache/flask-emperor/victim"),
    "read the environment of a process": case(
        "read", "/proc/{victim_worker}/environ", own="/proc/{attacker_worker}/environ"
    ),
    "read a command line": case("read", "/proc/{victim_worker}/cmdline", own="/proc/{attacker_worker}/cmdline"),
    "read where memory is": case("read", "/proc/{victim_worker}/maps", own="/proc/{attacker_worker}/maps"),
    "go in by a process": case("names", "/proc/{victim_worker}/cwd/", own="/proc/{attacker_worker}/cwd/"),
    "read the emperor's environment": case("read", "/proc/{emperor}/environ", own="/proc/{attacker_worker}/environ"),
    "kill a worker": case("signal_to", "{victim_worker}", own="{attacker_worker}"),
    "kill the emperor": case("signal_to", "{emperor}", own="{attacker_worker}"),
    # The sandbox refuses to trace one's own, too.
    "trace a worker": Case(["trace", "{victim_worker}"], ["trace_child"], by_root=True),
    "trace oneself": case("trace_child"),
    "read data": case("read", "{victim}/shared/instance/data.txt"),
    "change data": case("write", "{victim}/shared/instance/data.txt", own="{attacker}/shared/instance/data.txt"),
    "add data": case("write", "{victim}/shared/instance/new", own="{attacker}/shared/instance/new"),
    "read uploads": case("read", "{victim}/shared/media/data.txt"),
    "change uploads": case("write", "{victim}/shared/media/data.txt", own="{attacker}/shared/media/data.txt"),
    "add uploads": case("write", "{victim}/shared/media/new", own="{attacker}/shared/media/new"),
    "read temporary files": case("read", "{victim}/tmp/session.txt"),
    "add temporary files": case("write", "{victim}/tmp/new", own=MINE),
    "plant a name in /tmp": case("write", "/tmp/session.txt", own=MINE),
    "plant a name in /var/tmp": case("write", "/var/tmp/session.txt", own=MINE),
    "read nginx's log": case("read", "/var/log/nginx/access.log"),
    "read nginx's sites": case("read", "/etc/nginx/flask-apps/victim.conf"),
    "read the journal": case("read", "{journal}"),
    "ask the journal": case("run", "journalctl", "--lines=1", "--unit=flask-emperor"),
    "read a TLS key": case("read", "/etc/ssl/private/isolation.key"),
    "read passwords": case("read", "/etc/shadow"),
    "list root's home": case("names", "/root"),
    "read a lock": case("read", "/run/emperor-flask/locks/victim"),
    "run code by the victim's socket": case("ask", "{victim_socket}", RUN_IT),
    "run code by its own socket": case("ask", "{attacker_socket}", RUN_IT),
    "run code by the link that nginx has": case("ask", "{victim_release}/uwsgi.sock", RUN_IT),
    "list sockets": case("names", "/run/flask-emperor/sockets"),
    "read the victim's statistics": case("listen_to", "{victim_stats}", own="{attacker_stats}"),
    "read the emperor's statistics": case("listen_to", "/run/flask-emperor/control/emperor.stats"),
    "bind beside the sockets": case("bind", "/run/flask-emperor/sockets/new.socket", own="{attacker}/tmp/new.socket"),
    "remove the victim's socket": case("remove", "{victim_socket}", own=MINE),
    "replace its own socket": case("link", "{attacker_release}/uwsgi.sock", "{attacker}/tmp/new.socket", own=MINE),
    "replace its release": case("link", "{attacker}/current", "tmp", own=MINE),
    "make a vassal": case("link", "/etc/flask-emperor/vassals/attacker.new.ini", MINE, own=MINE),
    "take a vassal away": case("remove", "{victim_vassal}", own=MINE),
    "change the emperor's file": case("write", "/etc/flask-emperor/emperor.ini", own=MINE),
    "change the wrapper": case("write", "/usr/local/lib/flask-emperor/vassal", own=MINE),
    "change its own code": case("write", "{attacker_release}/src/attacker.py", own=MINE),
    "add to its own code": case("write", "{attacker_release}/src/new.py", own=MINE),
    "add to its own virtualenv": case("write", "{attacker_release}/venv/new.py", own=MINE),
    "add to its own environment": case("write", "{attacker_release}/env/UWSGI_FILE", own=MINE),
    "change its own vassal's file": case("write", "{attacker_release}/vassal.ini", own=MINE),
    "open its own code for all": case("open_up", "{attacker_release}/src", own=MINE),
    "move its data away": Case(
        ["move", "{attacker}/shared/instance", "{attacker}/shared/old"], ["move", MINE, MINE], by_root=False
    ),
    "become root": case("become", 0),
    "leave a program that is root": case("copy_as_root", "/usr/bin/id", "{attacker}/tmp/id"),
    "become root of a namespace": case("new_namespace"),
    # systemd would tell everybody what it may not see in /proc.
    "ask systemd for command lines": case(
        *("run", "busctl", "call", "org.freedesktop.systemd1", "/org/freedesktop/systemd1"),
        *("org.freedesktop.systemd1.Manager", "GetUnitProcesses", "s", "nginx.service"),
    ),
    "give systemd orders": case("run", "systemctl", "set-environment", "ISOLATION=broken"),
}


def filled(call: list[Any], facts: dict[str, Any]) -> list[Any]:
    """Put in what is known of a host; a text that is a placeholder alone becomes the value itself."""

    def fill(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return facts[value[1:-1]] if value[1:-1] in facts else value.format(**facts)

    return [fill(value) for value in call]


@dataclass(frozen=True)
class Outcomes:
    """What became of the attempts and of their controls, by the name of the case."""

    facts: dict[str, Any]
    attempts: dict[str, dict[str, Any]]
    controls: dict[str, dict[str, Any]]


@pytest.fixture(scope="session")
def outcomes(scenes: dict[str, Any]) -> dict[str, Outcomes]:
    return on_each(list(scenes), lambda host: try_all(scenes[host]))


def try_all(scene: Any) -> Outcomes:
    scene.host.run("sh", "-c", 'printf %s "$1" > "$2" && chmod 0644 "$2"', "sh", CODE, FOREIGN)
    scene.host.run("sh", "-c", "rm -rf /srv/apps/attacker/tmp/*")
    facts = scene.facts()
    attempts = {name: scene.attack(*filled(one.attempt, facts)) for name, one in CASES.items()}
    controls, by_root = {}, {}
    for name, one in CASES.items():
        if one.by_root:
            by_root[name] = filled(one.control, facts)
        else:
            # Whatever the one before has made of it, or taken away.
            scene.attack("write", *filled([MINE], facts))
            controls[name] = scene.attack(*filled(one.control, facts))
    controls |= dict(zip(by_root, scene.by("root", *by_root.values()), strict=True))
    scene.by("root", ["run", "systemctl", "unset-environment", "ISOLATION"], ["remove", f"{facts['attacker']}/tmp/id"])
    return Outcomes(facts, attempts, controls)


@pytest.mark.parametrize("name", CASES)
def test_the_attacker_is_refused(outcomes: dict[str, Outcomes], name: str) -> None:
    found = {host: outcome.attempts[name] for host, outcome in outcomes.items()}
    assert all(REFUSAL.match(one.get("refused", "")) for one in found.values()), found


@pytest.mark.parametrize("name", CASES)
def test_the_attempt_is_one_that_can_succeed(outcomes: dict[str, Outcomes], name: str) -> None:
    found = {host: outcome.controls[name] for host, outcome in outcomes.items()}
    assert all("got" in one for one in found.values()), found


@pytest.mark.parametrize("name", [name for name, one in CASES.items() if one.attempt[0] == "ask"])
def test_a_socket_would_run_code_as_its_app(outcomes: dict[str, Outcomes], name: str) -> None:
    """So nothing but the directory of the sockets is between the two."""
    for host, outcome in outcomes.items():
        app = "attacker" if "its own" in name else "victim"
        assert f"run as {outcome.facts[f'{app}_user']}" in outcome.controls[name]["got"], host


def test_no_requests_of_others_can_be_taken(scenes: dict[str, Any]) -> None:
    """All sockets are bound by one process, of which the apps are children."""
    for host, scene in scenes.items():
        facts = scene.facts()
        found = scene.attack("doors")["got"]
        assert facts["attacker_socket"] in found, host
        # uWSGI's own, such as that of the statistics, stand there.
        assert [path for path in found if not path.startswith(f"{facts['attacker']}/run/")] == [
            facts["attacker_socket"]
        ], host


def test_no_process_of_others_is_seen(scenes: dict[str, Any]) -> None:
    for host, scene in scenes.items():
        user = scene.facts()["attacker_user"]
        assert scene.attack("processes") == {"got": [user]}, host
        assert len(scene.by("root", ["processes"])[0]["got"]) > 2, host


def test_temporary_files_have_a_place_of_their_own(scenes: dict[str, Any]) -> None:
    for host, scene in scenes.items():
        assert scene.attack("temporary") == {"got": "/srv/apps/attacker/tmp"}, host


def test_a_program_of_root_is_run_as_the_app(scenes: dict[str, Any]) -> None:
    """What makes `sudo` and `su` root makes nobody root here."""
    program = "/usr/local/bin/isolation-id"
    for host, scene in scenes.items():
        user = scene.facts()["attacker_user"]
        scene.by("root", ["copy_as_root", "/usr/bin/id", program])
        [outside] = scene.by("app-attacker", ["run", program, "-u"])
        assert (outside["got"].strip(), scene.attack("run", program, "-u")["got"].strip()) == ("0", str(user)), host
