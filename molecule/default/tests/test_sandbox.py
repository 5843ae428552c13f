"""nginx and the emperor in the hands of an attacker: what is left to them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from sandbox import left, main_process, rating, status

# CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_SETGID, CAP_SETUID, CAP_NET_BIND_SERVICE.
NGINX_MAY = 1 << 0 | 1 << 1 | 1 << 6 | 1 << 7 | 1 << 10
UNITS = ("nginx", "flask-emperor")
_CONNECT = """
import socket, sys
try:
    socket.socket(socket.AF_UNIX).connect(sys.argv[1])
    print("connected")
except OSError as error:
    print(type(error).__name__)
"""


def seen(host: Any, unit: str, path: str) -> str:
    """Return where root finds what the processes of a unit find at a path."""
    return f"/proc/{main_process(host, unit)}/root{path}"


def connect(host: Any, path: str) -> str:
    """Let root connect to a socket, and return what came of it."""
    return str(host.check_output("python3 -c %s %s", _CONNECT, path))


@pytest.mark.parametrize(("unit", "limit"), [("nginx", 2.4), ("flask-emperor", 2.1)])
def test_systemd_rates_it_well(host: Any, unit: str, limit: float) -> None:
    assert rating(host, unit) <= limit, left(host, unit)


def test_the_processes_of_nginx_run_in_the_sandbox(host: Any) -> None:
    """Not only the next ones, after a restart that nobody has made."""
    master = main_process(host, "nginx")
    workers = host.check_output("pgrep --parent %s", master).split()
    assert workers
    for process in (master, *workers):
        found = status(host, process)
        assert (found["NoNewPrivs"], found["Seccomp"]) == ("1", "2")
        assert int(found["CapBnd"], 16) == NGINX_MAY
    for worker in workers:
        found = status(host, worker)
        assert (int(found["CapEff"], 16), int(found["CapPrm"], 16)) == (0, 0)


@pytest.mark.parametrize("folder", ["/etc/nginx", "/usr/sbin", "/srv/apps", "/run/systemd/system"])
def test_nginx_writes_nothing_of_the_hosts(host: Any, folder: str) -> None:
    result = host.run("touch %s/new", seen(host, "nginx", folder))
    assert "Read-only file system" in result.stderr
    host.check_output("touch %s/new && rm %s/new", folder, folder)


@pytest.mark.parametrize("path", ["/run/dbus/system_bus_socket", "/run/systemd/private"])
@pytest.mark.parametrize("unit", UNITS)
def test_systemd_takes_no_orders_from_it(host: Any, unit: str, path: str) -> None:
    """Root's would be obeyed, in a unit without any sandbox."""
    assert connect(host, path) == "connected"
    assert connect(host, seen(host, unit, path)) in ("ConnectionRefusedError", "FileNotFoundError")


@pytest.mark.parametrize("unit", UNITS)
def test_the_filter_of_calls_has_no_way_around_it(host: Any, unit: str) -> None:
    """What is asked for by io_uring is no call; not every kernel of the tests has it."""
    allowed = set(host.check_output("systemctl show --property=SystemCallFilter --value %s", unit).split())
    assert "socket" in allowed
    assert [call for call in allowed if call.startswith("io_uring")] == []


def test_nginx_starts_no_program(host: Any) -> None:
    """Tried as root, in what a worker sees of the host."""
    [worker, *_] = host.check_output("pgrep --parent %s", main_process(host, "nginx")).split()
    loader = host.check_output("readlink -f /lib64/ld-linux-*.so.*  /lib/ld-linux-*.so.*").split()[0]
    for program in ("/bin/sh -c true", "/usr/bin/python3 -V", f"{loader} /bin/true"):
        assert host.run(program).rc == 0, program
        refused = host.run(f"nsenter --target={worker} --mount {program}")
        assert refused.rc != 0
        assert re.search("Permission denied|failed to map", refused.stderr), refused.stderr
    assert host.run(f"nsenter --target={worker} --mount /usr/sbin/nginx -v").rc == 0
