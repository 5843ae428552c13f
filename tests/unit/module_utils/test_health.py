"""The check of a release, with a clock of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import health
from ansible_collections.emperor.flask.plugins.module_utils.uwsgi_client import Answer

WANTED = health.Expectation("new")


def answer(status: int = 200, release: str | None = "new", body: str = "") -> Answer:
    return Answer(status, {} if release is None else {"x-emperor-release": release}, body.encode())


class Clock:
    """A time that passes only in questions and pauses."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []
        self.patience: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def asker(self, *answers: Answer | Exception, takes: float = 1) -> Callable[[float], Answer]:
        """Give these answers in turn, the last one for ever, each after some seconds."""
        given = itertools.chain(answers, itertools.repeat(answers[-1]))

        def ask(patience: float) -> Answer:
            self.patience.append(patience)
            self.now += takes
            found = next(given)
            if isinstance(found, Exception):
                raise found
            return found

        return ask


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(health, "monotonic", lambda: made.now)
    monkeypatch.setattr(health, "sleep", made.sleep)
    return made


def test_three_good_answers_in_a_row_suffice_without_a_pause(clock: Clock) -> None:
    assert health.check(clock.asker(answer()), WANTED, 30) == health.Verdict("", 3, 3)
    assert clock.pauses == []


def test_no_question_may_take_longer_than_is_left(clock: Clock) -> None:
    health.check(clock.asker(OSError("refused"), takes=4), WANTED, 10)
    assert [round(seconds, 1) for seconds in clock.patience] == [10, 5.7, 1.4]


def test_a_bad_answer_begins_the_row_anew(clock: Clock) -> None:
    ask = clock.asker(answer(), answer(), answer(500), answer(), answer(), OSError("refused"), answer())
    verdict = health.check(ask, WANTED, 30)
    # The refused one was no answer.
    assert (verdict.cause, verdict.answers) == ("", 8)
    assert clock.pauses == [0.3, 0.3]


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        (answer(500), "answered 500, expected 200 to 399"),
        (answer(400), "answered 400, expected 200 to 399"),
        (answer(199), "answered 199, expected 200 to 399"),
        (answer(200, "old"), "answered by release old"),
        (answer(200, None), "answered by release unknown"),
        (answer(500, "old"), "answered by release old"),
        (FileNotFoundError("no socket"), "no answer (no socket)"),
        (ValueError("no HTTP answer"), "no answer (no HTTP answer)"),
    ],
)
def test_the_last_flaw_is_the_cause(clock: Clock, given: Answer | Exception, cause: str) -> None:
    assert health.check(clock.asker(answer(503), given), WANTED, 5).cause == cause


@pytest.mark.parametrize(
    ("status", "statuses", "cause"),
    [
        (204, [], ""),
        (399, [], ""),
        (401, [401], ""),
        (200, [204], "answered 200, expected 204"),
        (200, [401, 403], "answered 200, expected 401 or 403"),
    ],
)
def test_a_status_is_what_the_app_says_is_healthy(status: int, statuses: list[int], cause: str) -> None:
    assert health.Expectation("new", statuses).flaw(answer(status)) == cause


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        (answer(body="Grüße, welcome"), ""),
        (answer(body="welcome"), "answered 200, but the answer does not contain 'Grüße'"),
        (answer(), "answered 200, but the answer does not contain 'Grüße'"),
        (answer(500, body="Grüße"), "answered 500, expected 200 to 399"),
        (answer(release="old", body="Grüße"), "answered by release old"),
    ],
)
def test_a_text_has_to_be_in_a_good_answer_of_this_release(given: Answer, cause: str) -> None:
    assert health.Expectation("new", text="Grüße").flaw(given) == cause


def test_the_time_ends_an_endless_change_of_good_and_bad(clock: Clock) -> None:
    verdict = health.check(clock.asker(*[answer(), answer(), answer(502)] * 9), WANTED, 10)
    assert verdict.cause
    assert 10 < verdict.seconds <= 12


def test_a_slow_good_answer_is_not_enough_when_the_time_is_over(clock: Clock) -> None:
    assert health.check(clock.asker(answer()), WANTED, 0) == health.Verdict("too few good answers in time", 1, 1)


@pytest.mark.parametrize(
    ("domains", "host"),
    [
        (["a.test", "b.test"], "a.test"),
        (["*.a.test", "192.0.2.7"], "192.0.2.7"),
        (["*.a.test", "*.b.test"], "www.a.test"),
    ],
)
def test_the_request_asks_for_a_name_that_there_is(domains: list[str], host: str) -> None:
    assert health.host_of(domains) == host
