"""Prints at the end for how long the hosts were away when their power was cut."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter

import pytest

from faults import Outage

OUTAGES = pytest.StashKey[list[Outage]]()


@pytest.fixture(scope="session")
def outages(pytestconfig: pytest.Config) -> list[Outage]:
    return pytestconfig.stash.setdefault(OUTAGES, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    outages: list[Outage] = config.stash.get(OUTAGES, [])
    by_host = attrgetter("host")
    for host, found in groupby(sorted(outages, key=by_host), by_host):
        terminalreporter.section(host)
        terminalreporter.write_line("power cut at      lost while off   of all   power on to first answer")
        for outage in found:
            terminalreporter.write_line(
                f"{outage.moment:18}{outage.lost:14}{outage.requests:9}{outage.seconds:24.1f} s"
            )
