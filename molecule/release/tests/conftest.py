"""Runs the drill once for all tests, on all hosts side by side, and prints its table at the end."""

from __future__ import annotations

import secrets
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from drill import STEPS, Drill, Report, Step, load_of, schema
from load import summary
from outside import Outside, on_each
from owner import Owner
from playbooks import Run, play

REPORTS = pytest.StashKey[dict[str, Report]]()


@pytest.fixture(scope="session")
def reports(inventory: Path, hosts: list[str], pytestconfig: pytest.Config) -> dict[str, Report]:
    """All steps under load; then a deploy of the guestbook without."""
    drills = {host: Drill(inventory, host) for host in hosts}
    on_each(hosts, lambda host: drills[host].begin())
    before = {host: schema(host) for host in hosts}
    guestbooks: dict[str, tuple[Run, str, str]] = {}
    with ExitStack() as stack:
        loads = {host: stack.enter_context(load_of(host)) for host in hosts}
        for step in STEPS:
            on_each(hosts, partial(go, drills, step))
    # One after the other, and without load: what a playbook takes is told, not what a busy controller does to it.
    for host in hosts:
        guestbooks[host] = deploy_guestbook(inventory, host)
    pytestconfig.stash[REPORTS] = found = {
        host: Report(drills[host], loads[host].requests(), (before[host], schema(host)), *guestbooks[host])
        for host in hosts
    }
    return found


def go(drills: dict[str, Drill], step: Step, host: str) -> None:
    drills[host].go(step)


def deploy_guestbook(inventory: Path, host: str) -> tuple[Run, str, str]:
    outside, owner = Outside(host), Owner(host)
    before = outside.condition("guestbook").current
    owner.write("guestbook", {"guestbook/changed.py": f'"""Code that is new: {secrets.token_hex(4)}."""\n'})
    run = play(inventory, "deploy", host, app="guestbook").good()
    return run, str(before), str(outside.condition("guestbook").current)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for host, report in config.stash.get(REPORTS, {}).items():
        terminalreporter.section(host)
        terminalreporter.write_line(f"{'step':18}{'playbook':>10}{'switch':>10}{'overlap':>10}   before         after")
        for outcome in report.drill.outcomes:
            found = outcome.switch(report.requests)
            overlap = f"{(found.last_old - found.first_new) * 1000:.0f} ms" if found else "none"
            seconds = outcome.after.history[-1].get("seconds")
            terminalreporter.write_line(
                f"{outcome.step.kind:18}{outcome.run.seconds:8.1f} s"
                f"{f'{seconds:.2f} s' if seconds is not None else '?':>10}{overlap:>10}"
                f"   {outcome.old:15}{outcome.new}"
            )
        terminalreporter.write_line(f"{'guestbook, code':18}{report.guestbook.seconds:8.1f} s   target: 10 s")
        terminalreporter.write_line("warm rollback: target 1 s for the switch")
        terminalreporter.write_line(str(summary(report.requests)))
