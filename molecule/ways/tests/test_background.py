"""Daemons and schedules run as the app does, in units of their own, and follow the release that serves."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from inside import inside
from playbooks import Run, play
from sandbox import left, rating
from visitor import Visitor

APP = "beside"
INVENTORY = Path(__file__).resolve().parents[1] / "inventory"
TEMPLATE = yaml.safe_load((INVENTORY / "group_vars/app/background.yml").read_text(encoding="utf-8"))["ways_background"][
    0
]["environment"]["TEMPLATE"]
TOKEN = 's3cret-%n-"quoted"'
UNITS = {f"flask-app-beside.{name}" for name in ("worker.service", "tick.service", "tick.timer")}
# As long as `status` calls a daemon "restarting" that was started again, and a second more.
STEADY = 11
LEFT_OUT = {f"flask-app-beside.{name}" for name in ("broken.service", "failing.service", "failing.timer")}


def lines(machine: Any, name: str) -> list[dict[str, Any]]:
    """Return what the app has written down, the newest last."""
    said = machine.run(f"cat /srv/apps/{APP}/shared/instance/{name}.jsonl").stdout
    return [json.loads(line) for line in said.splitlines()]


def begins(machine: Any) -> list[dict[str, Any]]:
    return [line for line in lines(machine, "worker") if line["event"] == "begin"]


def until(found: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.2)


def wait_until_steady(machine: Any) -> None:
    process = f"systemctl show --property=MainPID --value flask-app-{APP}.worker"
    until(lambda: int(machine.check_output(f"ps --no-headers -o etimes --pid $({process})")) > STEADY)


def served(machine: Any) -> str:
    return str(machine.check_output(f"readlink /srv/apps/{APP}/current")).removeprefix("releases/")


def units(machine: Any) -> set[str]:
    """Return the units of the app that have a file, or that systemd knows in spite of it."""
    files = machine.check_output(f"cd /etc/systemd/system && find . -name 'flask-app-{APP}.*' -printf '%f\\n'")
    known = machine.check_output(f"systemctl list-units --all --plain --no-legend 'flask-app-{APP}.*' | cut -d' ' -f1")
    return {*files.split(), *known.split()}


@pytest.fixture
def machines(hosts: list[str]) -> list[Any]:
    return [inside(name) for name in hosts]


@pytest.fixture
def operate(inventory: Path, hosts: list[str]) -> Callable[..., Run]:
    """Return a function that runs a playbook on all hosts at once, for the app alone."""
    return lambda name, **variables: play(inventory, name, ",".join(hosts), app=APP, **variables).good()


def test_a_daemon_has_what_the_app_has(host: Any) -> None:
    [*_, seen] = begins(host)
    release = f"/srv/apps/{APP}/releases/{served(host)}"
    assert (seen["cwd"], seen["prefix"]) == (f"{release}/src", f"{release}/venv")
    assert seen["uid"] == host.user(f"app-{APP}").uid
    assert int(seen["capabilities"], 16) == 0
    environment = seen["environment"]
    assert (environment["TEMPLATE"], environment["TOKEN"], environment["EMPEROR_APP"]) == (TEMPLATE, TOKEN, APP)
    assert "INVOCATION_ID" not in environment
    assert seen["arguments"] == ["a 'b' %h \\x41", "1"]


def test_its_temporary_files_are_in_a_place_of_its_own(host: Any) -> None:
    """It has begun, and so could write to /tmp."""
    assert begins(host)
    assert not host.file("/tmp/of-a-daemon").exists


def test_it_lives_in_the_sandbox_of_the_vassals(host: Any) -> None:
    keys = "NoNewPrivileges,ProtectSystem,ProtectHome,MemoryDenyWriteExecute,RestrictNamespaces,InaccessiblePaths"
    units = (f"flask-app-{APP}.worker", f"flask-app-{APP}.tick", "flask-emperor")
    shown = [host.check_output(f"systemctl show --property={keys} {unit}") for unit in units]
    assert shown[0] == shown[1] == shown[2]
    assert "ProtectSystem=strict" in shown[0]
    calls = [
        set(host.check_output(f"systemctl show --property=SystemCallFilter --value {unit}").split()) for unit in units
    ]
    # The emperor becomes the users of apps.
    assert calls[0] == calls[1] < calls[2]
    assert "setuid" in calls[2] - calls[0]


@pytest.mark.parametrize("work", ["worker", "tick"])
def test_systemd_rates_it_well(host: Any, work: str) -> None:
    unit = f"flask-app-{APP}.{work}.service"
    assert rating(host, unit) <= 1.1, left(host, unit)


def test_no_secret_is_in_a_unit_or_a_process_or_a_log(host: Any) -> None:
    for command in (
        f"systemctl show 'flask-app-{APP}.*' && systemctl cat 'flask-app-{APP}.*'",
        "ps -e -o args",
        "journalctl --no-pager --output=cat",
    ):
        assert "s3cret" not in host.check_output(command)


def test_a_killed_daemon_comes_back_and_the_web_part_goes_on(host: Any) -> None:
    before = begins(host)[-1]["pid"]
    vassal = host.check_output(f"pgrep --uid app-{APP} --full uWSGI")
    host.check_output(f"kill -KILL {before}")
    until(lambda: begins(host)[-1]["pid"] != before)
    assert host.check_output(f"pgrep --uid app-{APP} --full uWSGI") == vassal
    assert Visitor(host, f"{APP}.localhost").get("/").text == APP


def test_a_schedule_runs_its_command_again_and_again(host: Any) -> None:
    count = len(lines(host, "tick"))
    until(lambda: len(lines(host, "tick")) >= count + 2)
    last = lines(host, "tick")[-1]
    assert (last["uid"], last["release"]) == (host.user(f"app-{APP}").uid, served(host))
    assert last["environment"]["TOKEN"] == TOKEN


def test_the_journal_has_it_under_the_apps_user(host: Any) -> None:
    assert host.run(f"systemctl start flask-app-{APP}.failing").rc != 0
    host.check_output("journalctl --sync")
    said = host.check_output(f"journalctl --no-pager --output=cat _UID=$(id -u app-{APP})").splitlines()
    assert {"the worker has begun", "tick", "no luck"} <= set(said)


def test_status_names_what_fails(operate: Callable[..., Run], machines: list[Any]) -> None:
    for machine in machines:
        machine.run(f"systemctl start flask-app-{APP}.failing")
        wait_until_steady(machine)
    [found] = [task.result for task in operate("status", format="json").tasks if task.name == "Show them"]
    apps = json.loads("".join(found["emperor_flask_report"]))["apps"]
    assert len(apps) == len(machines)
    for app in apps:
        told = {entry["work"]: (entry["state"], entry["cause"]) for entry in app["background"]}
        assert told["daemon broken"][0] == "restarting"
        assert told["cron failing"] == ("failed", "ended with 4")
        assert told["daemon worker"] == ("running", "")
        [tick] = [entry for entry in app["background"] if entry["work"] == "cron tick"]
        # While it runs, systemd knows no next time.
        assert tick["state"] == "running" or (tick["state"] == "ok" and tick["next"] > tick["last"])


def test_drift_is_repaired(operate: Callable[..., Run], machines: list[Any], hosts: list[str]) -> None:
    for machine in machines:
        machine.check_output(
            "cd /etc/systemd/system && systemctl stop flask-app-beside.tick.timer && "
            "rm multi-user.target.wants/flask-app-beside.worker.service && "
            "sed -i s/TimeoutStopSec=10s/TimeoutStopSec=9s/ flask-app-beside.worker.service"
        )
    run = operate("deploy")
    for name, machine in zip(hosts, machines, strict=True):
        assert run.changed(name) == ["Write the units of the apps", "Run what the apps do beside requests"]
        state = "systemctl is-active flask-app-beside.worker flask-app-beside.tick.timer && "
        machine.check_output(f"{state} systemctl is-enabled flask-app-beside.worker flask-app-beside.tick.timer")
        stop = machine.check_output("systemctl show --property=TimeoutStopUSec --value flask-app-beside.worker")
        assert stop == "10s"


def test_a_restart_is_one_of_the_daemons_too(operate: Callable[..., Run], machines: list[Any]) -> None:
    before = [begins(machine)[-1] for machine in machines]
    operate("restart")
    for machine, old in zip(machines, before, strict=True):
        new = begins(machine)[-1]
        assert new["pid"] != old["pid"]
        assert new["release"] == old["release"]


def test_a_deploy_moves_the_daemon_and_takes_away_what_is_not_wanted(
    operate: Callable[..., Run], machines: list[Any], hosts: list[str]
) -> None:
    assert [units(machine) for machine in machines] == [UNITS | LEFT_OUT] * len(machines)
    before = [begins(machine)[-1] for machine in machines]
    other = {"ways_background_level": "2", "ways_background_count": "1", "again": "true"}
    operate("deploy", **other)
    for machine, old in zip(machines, before, strict=True):
        # One after the other, never both: the old one has ended what it had in hand.
        [end, new] = lines(machine, "worker")[-2:]
        assert (end["event"], end["pid"], end["release"]) == ("end", old["pid"], old["release"])
        assert (new["event"], new["release"], new["arguments"][1]) == ("begin", served(machine), "2")
        assert new["release"] != old["release"]
        assert new["time"] >= end["time"]
        assert units(machine) == UNITS
        assert machine.run("ls /var/lib/systemd/timers/stamp-flask-app-beside.failing.timer").rc != 0
    again = operate("deploy", **other)
    assert [again.changed(name) for name in hosts] == [[]] * len(hosts)


def test_a_rollback_brings_them_back(operate: Callable[..., Run], machines: list[Any]) -> None:
    operate("rollback")
    for machine in machines:
        new = begins(machine)[-1]
        assert (new["release"], new["environment"]["LEVEL"]) == (served(machine), "1")
        assert units(machine) == UNITS | LEFT_OUT


def test_nothing_of_them_is_left_without_the_app(operate: Callable[..., Run], machines: list[Any]) -> None:
    operate("remove")
    for machine in machines:
        assert units(machine) == set()
        assert machine.run(f"pgrep --uid app-{APP}").rc != 0
        assert machine.run(f"find /etc/systemd /var/lib/systemd/timers -name '*flask-app-{APP}.*'").stdout == ""
    operate("deploy")
    for machine in machines:
        assert units(machine) == UNITS | LEFT_OUT
        assert begins(machine)[-1]["release"] == served(machine)
