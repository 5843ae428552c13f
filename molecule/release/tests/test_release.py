"""No request is lost, and each release is what it was, whatever came between."""

from __future__ import annotations

import pytest

from drill import ALL_STEPS, FEW_STEPS, RATE, STEPS, Outcome, Report
from extent import in_short
from load import summary

KINDS = [f"{number}-{step.kind.replace(' ', '-')}" for number, step in enumerate(STEPS, start=1)]


@pytest.fixture(params=range(len(STEPS)), ids=KINDS)
def outcomes(request: pytest.FixtureRequest, reports: dict[str, Report]) -> dict[str, Outcome]:
    """One step, on each host."""
    return {host: report.drill.outcomes[request.param] for host, report in reports.items()}


def test_it_was_ten_deploys_and_five_rollbacks_or_less_in_short() -> None:
    done = [step.playbook for step in STEPS]
    assert (done.count("deploy"), done.count("rollback")) == ((4, 2) if in_short() else (10, 5))
    assert {step.kind for step in FEW_STEPS} < {step.kind for step in ALL_STEPS}


def test_every_request_was_answered(reports: dict[str, Report]) -> None:
    lost = {host: [tuple(request) for request in summary(report.requests).lost] for host, report in reports.items()}
    assert not any(lost.values()), lost


def test_the_rate_was_kept(reports: dict[str, Report]) -> None:
    """With a lower rate, or late requests, fewer would have been in danger."""
    for host, report in reports.items():
        found = summary(report.requests)
        assert found.rate == pytest.approx(RATE, rel=0.03), host
        assert found.latest < 1, f"{host}: {found}"


def test_two_second_requests_were_in_flight_at_every_switch(
    reports: dict[str, Report], outcomes: dict[str, Outcome]
) -> None:
    for host, outcome in outcomes.items():
        requests = reports[host].requests
        moment = outcome.switch(requests)
        assert moment is not None, f"{host}: no switch was seen"
        flying = [
            request
            for request in requests
            if request.path == "/slow" and request.start < moment.first_new < request.start + request.seconds
        ]
        assert len(flying) >= 5, f"{host}: {len(flying)}"


def test_the_expected_release_answers_afterwards(reports: dict[str, Report], outcomes: dict[str, Outcome]) -> None:
    for host, outcome in outcomes.items():
        end = outcome.run.began + outcome.run.seconds
        after = [request.release for request in reports[host].requests if end < request.start < end + 0.4]
        assert after, host
        assert set(after) == {outcome.new}, host
        assert outcome.looks["release"] == outcome.new
        assert outcome.old != outcome.new, host


def test_a_deploy_is_a_new_release_and_a_rollback_the_one_before(outcomes: dict[str, Outcome]) -> None:
    for host, outcome in outcomes.items():
        if outcome.step.change is None:
            assert outcome.new == outcome.expected, host
        else:
            assert outcome.looked is None, f"{host}: {outcome.new} was there before"


def test_a_rollback_brings_all_of_a_release_back(outcomes: dict[str, Outcome]) -> None:
    """Code, virtualenv, environment, workers, the size of bodies, the address of static files."""
    for host, outcome in outcomes.items():
        if outcome.step.change is None:
            assert outcome.looks == outcome.looked, host


def test_the_step_that_changes_everything_does(reports: dict[str, Report]) -> None:
    number = [step.kind for step in STEPS].index("everything")
    for host, report in reports.items():
        before, after = (report.drill.outcomes[index].looks for index in (number - 1, number))
        assert [key for key in before if before[key] == after[key]] == [], host


def test_the_migration_was_made_once(reports: dict[str, Report]) -> None:
    for host, report in reports.items():
        assert report.schemas[1] == report.schemas[0] + 1, host


def test_a_warm_rollback_starts_nothing(reports: dict[str, Report]) -> None:
    for host, report in reports.items():
        for outcome in report.drill.outcomes:
            if outcome.step.kind == "warm rollback":
                # Each process with the time of its start; one that was retired earlier may have gone since.
                assert outcome.after.processes.items() <= outcome.before.processes.items(), host
                assert len(outcome.before.vassals) == 2, host


def test_a_cold_rollback_starts_the_release_anew(reports: dict[str, Report]) -> None:
    for host, report in reports.items():
        for outcome in report.drill.outcomes:
            if outcome.step.kind == "cold rollback":
                assert outcome.after.processes.keys() - outcome.before.processes.keys(), host


def test_the_guestbook_was_deployed(reports: dict[str, Report]) -> None:
    for host, report in reports.items():
        assert report.guestbook_before != report.guestbook_after, host
