"""Provisions the sleepers once for all tests, lets them fall asleep, wakes some, and prints what it took."""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import pytest

from outside import Outside, on_each
from owner import Owner
from playbooks import Playbook, Run

REPORTS = pytest.StashKey[dict[str, "Report"]]()
SLEEPERS = int(os.environ.get("EMPEROR_FLASK_SLEEPERS", "5"))
# Of them, how many are woken.
WOKEN = 5
# The emperor is root, and readable to root; a vassal that sleeps is no process at all.
_MEMORY = r"""
import json, os, subprocess
from pathlib import Path
emperor = subprocess.run(["systemctl", "show", "--property=MainPID", "--value", "flask-emperor"],
                         capture_output=True, text=True, check=True).stdout.strip()
[pss] = [line for line in Path("/proc", emperor, "smaps_rollup").read_text().splitlines() if line.startswith("Pss:")]
vassals = subprocess.run(["pgrep", "--parent", emperor], capture_output=True, text=True).stdout.split()
print(json.dumps({"kilobytes": int(pss.split()[1]), "vassals": len(vassals)}))
"""
_ASK = r"""
import http.client, sys, time
begin = time.monotonic()
connection = http.client.HTTPConnection("127.0.0.1", 80, timeout=30)
connection.request("GET", "/", headers={"Host": sys.argv[1], "Connection": "close"})
answer = connection.getresponse()
text = answer.read().decode()
print(answer.status, text, time.monotonic() - begin)
"""


@dataclass(frozen=True)
class Memory:
    """What the emperor takes, and how many vassals it has running."""

    kilobytes: int
    vassals: int


@dataclass(frozen=True)
class Report:
    """What the sleepers of a host took; times in seconds."""

    empty: Memory
    asleep: Memory
    provisioned: Run
    unchanged: Run
    # Status, text and time of the first request to some of them, and of the second.
    first: list[tuple[int, str, float]]
    second: list[tuple[int, str, float]]

    @property
    def each(self) -> float:
        """Return the kilobytes of one that sleeps."""
        return (self.asleep.kilobytes - self.empty.kilobytes) / SLEEPERS


@pytest.fixture(scope="session")
def reports(inventory: Path, hosts: list[str], pytestconfig: pytest.Config) -> dict[str, Report]:
    pytestconfig.stash[REPORTS] = found = on_each(hosts, lambda host: measure(inventory, host))
    return found


def measure(inventory: Path, host: str) -> Report:
    outside, owner = Outside(host), Owner(host)
    assert not owner.apps, f"{host} has apps already; destroy it first"
    empty = memory(outside)
    names = [f"sleeper-{number}" for number in range(SLEEPERS)]
    for name in names:
        owner.describe(
            name,
            source={"path": "molecule/density/app"},
            wsgi="sleeper:app",
            workers={"processes": 1},
            idle="10s",
        )
    # One after the other.
    provisioned = Playbook(inventory, "site", host).wait(300 + 60 * SLEEPERS).good()
    unchanged = Playbook(inventory, "site", host).wait(300).good()
    fall_asleep(outside)
    asleep = memory(outside)
    woken = names[:: max(1, SLEEPERS // WOKEN)][:WOKEN]
    first = [ask(outside, name) for name in woken]
    second = [ask(outside, name) for name in woken]
    return Report(empty, asleep, provisioned, unchanged, first, second)


def memory(outside: Outside) -> Memory:
    return Memory(**json.loads(outside.run("python3", "-c", _MEMORY)))


def fall_asleep(outside: Outside) -> None:
    deadline = time.monotonic() + 60
    while memory(outside).vassals:
        assert time.monotonic() < deadline, f"{outside.name}: not all apps sleep"
        time.sleep(1)


def ask(outside: Outside, app: str) -> tuple[int, str, float]:
    status, text, seconds = outside.run("python3", "-c", _ASK, f"{app}.localhost").split()
    return int(status), text, float(seconds)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for host, report in config.stash.get(REPORTS, {}).items():
        terminalreporter.section(host)
        for line in lines(report):
            terminalreporter.write_line(line)


def lines(report: Report) -> list[str]:
    took: defaultdict[str, float] = defaultdict(float)
    for task in report.provisioned.tasks:
        # Without the app, so that those of one kind come together.
        took[task.name.partition(" sleeper-")[0]] += task.ended - task.began
    longest = sorted(took, key=lambda name: took[name], reverse=True)
    first, second = (", ".join(f"{seconds:.2f}" for *_, seconds in asked) for asked in (report.first, report.second))
    return [
        f"memory           {report.each:.0f} kB for each of {SLEEPERS} that sleep   target: 1024 kB",
        f"                 emperor without any {report.empty.kilobytes} kB, with them {report.asleep.kilobytes} kB",
        f"first request    {first} s   target: 1.5 s",
        f"second request   {second} s",
        f"provisioned in   {report.provisioned.seconds:.0f} s, {report.provisioned.seconds / SLEEPERS:.1f} s for each",
        f"second run in    {report.unchanged.seconds:.1f} s",
        *(f"{took[name] / SLEEPERS:6.2f} s for each   {name}" for name in longest[:8]),
    ]
