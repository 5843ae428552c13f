"""The host as an operator looks at it: units, sockets, processes, modes."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

import pytest

from visitor import Visitor

APPS = ("guestbook", "foobar", "myflaskapp")
# Of the paths that it is given, those that its user may write to.
_WRITABLE = (
    "import os, sys; print(*(p for p in sys.stdin.read().split('\\0') if p and os.access(p, os.W_OK)), sep='\\n')"
)


def vassal(host: Any, app: str) -> str:
    """Return the name of the vassal that nginx sends an app's requests to."""
    socket = host.check_output("readlink -f /srv/apps/%s/current/uwsgi.sock", app)
    match = re.fullmatch(rf"/run/flask-emperor/sockets/({app}\.[0-9a-f]{{12}}(-\d+)?)\.socket", socket)
    assert match is not None, socket
    return match[1]


def writable(host: Any, user: str, folder: str) -> set[str]:
    """Return what a user may write to; root looks for it, since folders of apps cannot be listed by others."""
    become = f"setpriv --reuid={user} --regid={user} --clear-groups"
    found = host.check_output(f"find {folder} ! -type l -print0 | {become} python3 -c {shlex.quote(_WRITABLE)}")
    return set(found.splitlines())


def test_no_unit_has_failed(host: Any) -> None:
    assert host.check_output("systemctl list-units --failed --plain --no-legend") == ""


@pytest.mark.parametrize("unit", ["nginx", "flask-emperor"])
def test_units_run_and_come_back_after_a_boot(host: Any, unit: str) -> None:
    assert host.service(unit).is_running
    assert host.service(unit).is_enabled


def test_nginx_listens_for_everybody(host: Any) -> None:
    assert host.socket("tcp://0.0.0.0:80").is_listening
    if host.file("/proc/net/if_inet6").exists:
        assert host.socket("tcp://:::80").is_listening


def test_nothing_else_listens_on_tcp(host: Any) -> None:
    ports = {line.rpartition(":")[2] for line in host.socket.get_listening_sockets() if line.startswith("tcp")}
    assert ports == {"80", "443"}


def test_the_distributions_emperor_is_not_there(host: Any) -> None:
    assert not host.package("uwsgi-emperor").is_installed
    assert not host.package("uwsgi").is_installed


def test_nginx_accepts_its_configuration(host: Any) -> None:
    result = host.run("nginx -t")
    assert result.rc == 0
    assert "warn" not in result.stderr


def test_a_killed_nginx_comes_back(host: Any) -> None:
    assert host.check_output("systemctl show --property Restart --value nginx") == "on-failure"


@pytest.mark.parametrize("app", APPS)
def test_sockets_are_bound_by_the_emperor_behind_a_locked_directory(host: Any, app: str) -> None:
    directory = host.file("/run/flask-emperor/sockets")
    assert (directory.user, directory.group, directory.mode) == ("root", "www-data", 0o2750)
    socket = host.file(f"/run/flask-emperor/sockets/{vassal(host, app)}.socket")
    assert socket.is_socket
    assert (socket.user, socket.group) == ("root", "www-data")


@pytest.mark.parametrize(
    ("user", "outcome"),
    [("www-data", "connected"), ("daemon", "PermissionError"), ("app-foobar", "PermissionError")],
)
def test_only_nginx_may_connect_to_a_socket(host: Any, user: str, outcome: str) -> None:
    # Called by uWSGI's own words, a socket runs code for whoever reaches it.
    script = (
        "import socket, sys\n"
        "try:\n"
        "    socket.socket(socket.AF_UNIX).connect(sys.argv[1]); print('connected')\n"
        "except OSError as error:\n"
        "    print(type(error).__name__)"
    )
    socket = f"/run/flask-emperor/sockets/{vassal(host, 'guestbook')}.socket"
    assert (
        host.check_output("setpriv --reuid=%s --regid=%s --clear-groups python3 -c %s %s", user, user, script, socket)
        == outcome
    )


def test_the_emperor_is_root_without_roots_powers(host: Any) -> None:
    emperor = int(host.check_output("systemctl show --property MainPID --value flask-emperor"))
    status = host.file(f"/proc/{emperor}/status").content_string
    assert re.search(r"^Uid:\t0\t", status, re.MULTILINE)
    # CAP_KILL, CAP_SETGID, CAP_SETUID: bits 5, 6, 7.
    assert re.search(r"^CapBnd:\t0*e0$", status, re.MULTILINE)
    assert re.search(r"^NoNewPrivs:\t1$", status, re.MULTILINE)
    assert re.search(r"^Seccomp:\t2$", status, re.MULTILINE)


@pytest.mark.parametrize(("app", "workers"), [("guestbook", 2), ("foobar", 1), ("myflaskapp", 1)])
def test_each_app_is_a_vassal_under_its_own_user(host: Any, app: str, workers: int) -> None:
    emperor = host.check_output("systemctl show --property MainPID --value flask-emperor")
    masters = host.check_output("pgrep --parent %s --euid app-%s", emperor, app).split()
    assert len(masters) == 1
    below = host.check_output("pgrep --parent %s --euid app-%s", masters[0], app).split()
    assert len(below) == workers
    owned = host.check_output("pgrep --euid app-%s", app).split()
    assert sorted(owned) == sorted(masters + below), "a process of the app is no part of its vassal"


@pytest.mark.parametrize("app", APPS)
def test_the_users_can_neither_log_in_nor_reach_a_group(host: Any, app: str) -> None:
    user = host.user(f"app-{app}")
    assert user.shell == "/usr/sbin/nologin"
    assert user.groups == [f"app-{app}"]


@pytest.mark.parametrize("app", APPS)
def test_code_is_roots_and_hidden_from_everybody_else(host: Any, app: str) -> None:
    root = f"/srv/apps/{app}"
    for path, group, mode in (
        ("", "root", 0o751),
        ("/releases", "root", 0o751),
        ("/current/", "root", 0o751),
        ("/current/src", f"app-{app}", 0o750),
        ("/current/env", f"app-{app}", 0o750),
        ("/current/vassal.ini", f"app-{app}", 0o640),
        ("/current/public", "www-data", 0o750),
        ("/current/release.json", "root", 0o600),
        ("/history.jsonl", "root", 0o600),
    ):
        entry = host.file(root + path)
        assert (entry.user, entry.group, entry.mode) == ("root", group, mode), path


@pytest.mark.parametrize("app", APPS)
def test_an_app_writes_to_its_own_folders_alone_and_others_to_none(host: Any, app: str) -> None:
    root = f"/srv/apps/{app}"
    found = writable(host, f"app-{app}", root)
    assert {f"{root}/tmp", f"{root}/run"} <= found
    assert {path for path in found if not re.match(rf"{root}/(shared/|(run|tmp)(/|$))", path)} == set()
    for user in ("www-data", "daemon"):
        assert writable(host, user, root) == set()


@pytest.mark.parametrize("user", ["www-data", "daemon", "app-foobar"])
def test_no_neighbour_reads_code_or_environment(host: Any, user: str) -> None:
    for path in ("src/guestbook/__init__.py", "env/SECRET_KEY", "vassal.ini"):
        result = host.run(
            "setpriv --reuid=%s --regid=%s --clear-groups cat /srv/apps/guestbook/current/%s",
            user,
            user,
            path,
        )
        assert result.rc != 0
        assert "Permission denied" in result.stderr


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("foobar.localhost", "Hello from foobar: raw WSGI, no framework"),
        ("myflaskapp.localhost", "I am app 1"),
    ],
)
def test_the_other_apps_answer_to_their_names(host: Any, name: str, text: str) -> None:
    answer = Visitor(host, name).get("/")
    assert (answer.status, answer.text.strip()) == (200, text)


@pytest.mark.parametrize("name", ["unknown.localhost", "example.org"])
def test_an_unknown_host_is_closed_without_an_answer(host: Any, name: str) -> None:
    assert Visitor(host, name).get("/").status == 0


def test_the_log_names_app_and_times(host: Any) -> None:
    Visitor(host, "myflaskapp.localhost").get("/?find=this-request")
    # nginx writes the line after the answer.
    line = host.check_output("sleep 0.2; grep find=this-request /var/log/nginx/access.log | tail -n 1")
    entry = json.loads(line)
    assert (entry["app"], entry["host"]) == ("myflaskapp", "myflaskapp.localhost")
    # nginx takes the two at different moments.
    assert 0 <= entry["upstream_time"] < entry["request_time"] + 0.002


@pytest.mark.parametrize("app", APPS)
def test_what_an_app_writes_is_in_the_journal_under_its_user(host: Any, app: str) -> None:
    assert "WSGI app 0" in host.check_output("journalctl _UID=$(id -u app-%s) --output=cat --no-pager", app)


@pytest.mark.parametrize("app", APPS)
def test_the_history_tells_of_the_activation(host: Any, app: str) -> None:
    current = host.check_output("readlink /srv/apps/%s/current", app).partition("/")[2]
    last = host.check_output("tail -n 1 /srv/apps/%s/history.jsonl", app)
    assert f'"release": "{current}"' in last
    assert '"result": "activated"' in last


def test_nothing_unfinished_is_left(host: Any) -> None:
    found = host.check_output("find /srv/apps /etc/flask-emperor /etc/nginx -name '*.tmp'")
    assert found == ""
    vassals = host.check_output("ls /etc/flask-emperor/vassals").split()
    sockets = host.check_output("ls /run/flask-emperor/sockets").split()
    for app in APPS:
        release = host.check_output("readlink /srv/apps/%s/current", app).partition("/")[2]
        sockets_of_release = set(host.check_output("ls /srv/apps/%s/run", app).split())
        tracebackers = {name for name in sockets_of_release if re.fullmatch(rf"{release}\.traceback\.[1-9]", name)}
        assert sockets_of_release - tracebackers == {f"{release}.stats"}
    assert sorted(vassals) == sorted(f"{vassal(host, app)}.ini" for app in APPS)
    assert sorted(sockets) == sorted(f"{vassal(host, app)}.socket" for app in APPS)
