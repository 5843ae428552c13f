"""Whenever the host goes away in the middle of a deploy, it comes back with a release, and the next run goes on."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from faults import MOMENTS, VICTIM, Moment, Victim, check_unchanged, wait_struck
from outside import Outside, on_each


@pytest.mark.parametrize("moment", MOMENTS, ids=[moment.name for moment in MOMENTS])
def test_the_host_is_restarted(inventory: Path, hosts: list[str], moment: Moment) -> None:
    def check(host: str) -> None:
        victim = Victim(inventory, host)
        victim.arm("hang", moment)
        deploy = victim.deploy()
        wait_struck(victim.outside)
        victim.outside.cut_power()
        # Without a new run: what was live before, or is by the rename that was made, answers again.
        current = victim.outside.condition(VICTIM).current
        assert wait_answer(victim.outside) == current
        deploy.wait()
        victim.converge()

    on_each(hosts, check)


def test_then_nothing_is_left_to_do(inventory: Path, hosts: list[str]) -> None:
    check_unchanged(inventory, hosts)


def wait_answer(outside: Outside) -> str:
    """Return the release that answers, once one does."""
    deadline = time.monotonic() + 15
    while True:
        try:
            answer = outside.get(VICTIM)
            if answer.status == 200:
                return str(answer.json["release"])
        except OSError:
            pass
        assert time.monotonic() < deadline, "the app did not come back"
        time.sleep(0.2)
