"""Whenever a step of a deploy is killed, nobody notices, and the next run goes on."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults import (
    MOMENTS,
    PAIRS,
    TIMEOUT,
    VICTIM,
    Failure,
    Moment,
    Victim,
    asked,
    check_unchanged,
    has_struck,
    strike,
    wait_struck,
    wake,
)
from load import Load
from outside import on_each

# Seconds within which a step fails.
LIMIT = TIMEOUT + 5
# Nothing that is waited for runs out here.
HANGING = next(moment for moment in MOMENTS if moment.name == "before-activated")


@pytest.fixture(scope="module")
def loads(hosts: list[str]) -> Iterator[dict[str, Load]]:
    """A light load on the victim, as long as it is interrupted."""
    with asked(hosts, [VICTIM], "load-killed") as found:
        yield found


@pytest.fixture(autouse=True)
def nothing_is_lost(loads: dict[str, Load]) -> Iterator[None]:
    """Look at the requests of each test, those that take two seconds included."""
    began = time.time() - 2
    yield
    for host, load in loads.items():
        recent = [request for request in load.requests() if request.start > began]
        assert recent
        assert [request for request in recent if not request.good] == [], host


@pytest.mark.parametrize("pair", PAIRS, ids=["+".join(moment.name for moment in pair) for pair in PAIRS])
def test_a_step_is_killed(
    inventory: Path, hosts: list[str], failures: list[Failure], pair: tuple[Moment, Moment]
) -> None:
    def check(host: str, moment: Moment) -> None:
        victim = Victim(inventory, host)
        victim.arm("kill", moment)
        run = victim.deploy().wait()
        assert has_struck(victim.outside), f"{host}: {moment} never came"
        assert run.code != 0, f"{host}: {run.tail()}"
        said, after = run.report(host), victim.outside.condition(VICTIM)
        assert re.match(rf'app {VICTIM}, release [0-9a-f]{{12}}: ".+" was killed on the host by SIGKILL\n', said), said
        assert re.search(r"\nWhat to do: find what did it, .+; then run again\.$", said), said
        assert f"Release {after.current} of {VICTIM}" in said, f"{after.current} is current, but: {said}"
        assert re.match('".+" was killed on the host', after.history[-1]["why"]), after.history[-1]
        step = run.failures(host, VICTIM)[0]
        failures.append(Failure(host, moment.name, step.ended - step.began, LIMIT))
        assert step.ended - step.began <= LIMIT, step
        assert victim.outside.get(VICTIM).status == 200
        victim.converge()

    strike(hosts, pair, 0, check)


def test_the_controller_is_killed(inventory: Path, hosts: list[str]) -> None:
    """The step that was under way ends on the host, with nobody to tell."""

    def check(host: str) -> None:
        victim = Victim(inventory, host)
        victim.arm("hang", HANGING)
        deploy = victim.deploy()
        wait_struck(victim.outside)
        deploy.kill()
        wake(victim.outside)
        victim.converge()

    on_each(hosts, check)


def test_two_deploys_at_once(inventory: Path, hosts: list[str]) -> None:
    """The second says who is at it, if it may not wait; else it waits and finds all done."""

    def check(host: str) -> None:
        victim = Victim(inventory, host)
        victim.arm("hang", HANGING)
        first = victim.deploy()
        wait_struck(victim.outside)
        hasty = victim.deploy(flask_app_lock_timeout="1").wait()
        assert hasty.code != 0
        said = hasty.report(host)
        assert re.match(rf"app {VICTIM}, release [0-9a-f]{{12}}: \S+ is at app {VICTIM} since \d{{4}}-", said), said
        assert "wait for that run to end, and run again" in said
        patient = victim.deploy()
        time.sleep(4)
        assert patient.running()
        wake(victim.outside)
        assert first.wait().good().changed(host)
        patient.wait().good()
        victim.converge()

    on_each(hosts, check)


def test_then_nothing_is_left_to_do(inventory: Path, hosts: list[str]) -> None:
    check_unchanged(inventory, hosts)
