"""The two sides of the door: the hosts, and the stranger on their network."""

from __future__ import annotations

from typing import Any

import pytest

from door import STRANGER, Door, domain_of
from inside import inside


@pytest.fixture(scope="session")
def stranger() -> Any:
    return inside(STRANGER)


@pytest.fixture
def door(host: Any, stranger: Any) -> Door:
    return Door(stranger, domain_of(host.backend.get_hostname()))


FIGURES = pytest.StashKey[dict[str, list[str]]]()


@pytest.fixture
def figures(host: Any, pytestconfig: pytest.Config) -> list[str]:
    """Lines about a host that are printed at the end."""
    return pytestconfig.stash.setdefault(FIGURES, {}).setdefault(host.backend.get_hostname(), [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what was measured."""
    for host, lines in config.stash.get(FIGURES, {}).items():
        terminalreporter.section(host)
        for line in lines:
            terminalreporter.write_line(line)
