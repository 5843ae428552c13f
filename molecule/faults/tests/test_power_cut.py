"""Whenever the host goes away in the middle of a deploy, it comes back with a release, and the next run goes on."""

from __future__ import annotations

import errno
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults import PAIRS, VICTIM, Moment, Outage, Victim, asked, check_unchanged, strike, wait_struck
from load import Load
from outside import Outside

# Seconds from power on to the first answer; a container starts in one or two, and two start at a time.
LONGEST = 15
# From a port that a lost request had, podman's network leads to the address that the host had before for a while; such
# a request reaches no host.
NO_ROUTE = f"[Errno {errno.EHOSTUNREACH}]"
# A host that is up again when the run clears up has answers, and the step has just been killed.
REPORT = re.compile(
    rf'app {VICTIM}, release [0-9a-f]{{12}}: (the host went away in ".+": .+|".+" was killed on the host by SIGKILL)\n'
    r"(.+\n)*.+ gets all traffic.*\n"
    r"(.+\n)*What to do: .+; then run again\.$"
)


@pytest.fixture(scope="module")
def loads(hosts: list[str]) -> Iterator[dict[str, Load]]:
    """A light load on the victim, also while there is nobody to answer."""
    with asked(hosts, [VICTIM], "load-power") as found:
        yield found


@pytest.mark.parametrize("pair", PAIRS, ids=["+".join(moment.name for moment in pair) for pair in PAIRS])
def test_the_host_is_restarted(
    inventory: Path, hosts: list[str], loads: dict[str, Load], outages: list[Outage], pair: tuple[Moment, Moment]
) -> None:
    """A host alone answers nobody while it is off; nothing else is lost, neither by the start nor by the next run."""

    def check(host: str, moment: Moment) -> None:
        victim = Victim(inventory, host)
        victim.arm("hang", moment)
        deploy = victim.deploy()
        wait_struck(victim.outside)
        off, on = victim.outside.cut_power()
        # Without a new run: what was live before, or is by the rename that was made, answers again.
        current = victim.outside.condition(VICTIM).current
        assert wait_answer(victim.outside) == current
        run = deploy.wait()
        assert run.code != 0, f"{host}: {run.tail()}"
        said = run.report(host)
        assert REPORT.match(said), said
        # Either is named, whichever was current when nobody could ask the host.
        assert current in said, f"{current} is current, but: {said}"
        victim.converge()

        requests = [request for request in loads[host].requests() if request.start + request.seconds > off]
        answered = [request for request in requests if request.good and request.start > on]
        # A worker of nginx may begin with a request late, and give the first answer to one that others came after.
        back = min(request.start + request.seconds for request in answered)
        lost = [request for request in requests if not request.good]
        outages.append(Outage(host, moment.name, len(lost), back - on, len(requests)))
        late = [request for request in lost if request.start > back and NO_ROUTE not in request.error]
        assert late == [], f"{host}, first answer at {back}: {victim.outside.run('tail', '/var/log/nginx/error.log')}"
        assert back - on < LONGEST, host
        assert {request.release for request in answered if request.start <= back} == {current}, host

    strike(hosts, pair, 1, check)


def test_then_nothing_is_left_to_do(inventory: Path, hosts: list[str]) -> None:
    check_unchanged(inventory, hosts)


def wait_answer(outside: Outside) -> str:
    """Return the release that answers, once one does."""
    deadline = time.monotonic() + LONGEST
    while True:
        try:
            answer = outside.get(VICTIM)
            if answer.status == 200:
                return str(answer.json["release"])
        except OSError:
            pass
        assert time.monotonic() < deadline, "the app did not come back"
        time.sleep(0.2)
