"""The host comes back by itself."""

from __future__ import annotations

import subprocess
import time
from typing import Any

from visitor import Visitor

NAMES = ("localhost", "foobar.localhost", "myflaskapp.localhost")


def reboot(host: Any) -> None:
    """Stop and start the container, whose first process is systemd."""
    name = host.check_output("hostname")
    subprocess.run(["podman", "restart", "--time=30", name], check=True, capture_output=True, timeout=120)


def until(condition: Any, patience: float) -> bool:
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.3)
    return True


def test_after_a_reboot_every_app_runs_before_anybody_asks(host: Any) -> None:
    before = host.check_output("cat /proc/1/stat | cut -d' ' -f22")
    reboot(host)
    assert host.check_output("cat /proc/1/stat | cut -d' ' -f22") != before

    def all_run() -> bool:
        apps = all(host.run("pgrep --euid %s", f"app-{app}").rc == 0 for app in ("guestbook", "foobar", "myflaskapp"))
        return apps and bool(host.service("nginx").is_running)

    assert until(all_run, 30), host.run("journalctl --boot --no-pager --lines=60").stdout
    for name in NAMES:
        assert Visitor(host, name).get("/").status == 200
    assert host.check_output("systemctl list-units --failed --plain --no-legend") == ""


def test_a_restarted_emperor_starts_its_apps_again(host: Any) -> None:
    host.check_output("systemctl restart flask-emperor")
    assert until(lambda: host.run("pgrep --euid app-foobar").rc == 0, 30)
    for name in NAMES:
        assert until(lambda name=name: Visitor(host, name).get("/").status == 200, 10)
