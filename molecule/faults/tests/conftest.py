"""Prints at the end how long the bad releases took to fail, and the hosts to answer after a power cut."""

from __future__ import annotations

import pytest

from faults import Failure, Outage

OUTAGES = pytest.StashKey[list[Outage]]()
FAILURES = pytest.StashKey[list[Failure]]()


@pytest.fixture(scope="session")
def outages(pytestconfig: pytest.Config) -> list[Outage]:
    return pytestconfig.stash.setdefault(OUTAGES, [])


@pytest.fixture(scope="session")
def failures(pytestconfig: pytest.Config) -> list[Failure]:
    return pytestconfig.stash.setdefault(FAILURES, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    outages, failures = config.stash.get(OUTAGES, []), config.stash.get(FAILURES, [])
    for host in sorted({outage.host for outage in outages} | {failure.host for failure in failures}):
        terminalreporter.section(host)
        terminalreporter.write_line("bad or killed     step failed after       limit")
        for failure in failures:
            if failure.host == host:
                terminalreporter.write_line(f"{failure.what:18}{failure.seconds:15.1f} s{failure.limit:10} s")
        terminalreporter.write_line("power cut at      lost while off   of all   power on to first answer")
        for outage in outages:
            if outage.host == host:
                terminalreporter.write_line(
                    f"{outage.moment:18}{outage.lost:14}{outage.requests:9}{outage.seconds:24.1f} s"
                )
