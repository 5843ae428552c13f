# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""The check that a release must pass before it gets traffic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic, sleep

from ansible_collections.emperor.flask.plugins.module_utils.uwsgi_client import Answer

# Set by the vassal's configuration and hidden by nginx, so that any app qualifies.
RELEASE_HEADER = "x-emperor-release"
# One good answer may be luck; three in a row come from more than one worker, as a rule.
GOOD_ANSWERS = 3


@dataclass(frozen=True)
class Verdict:
    """The outcome of a check: the cause is empty if the release is healthy."""

    cause: str
    answers: int
    seconds: float


@dataclass(frozen=True)
class Expectation:
    """What a good answer is: from this release, with one of these statuses (none: 200 to 399), with this text."""

    release: str
    statuses: Sequence[int] = ()
    text: str = ""

    def flaw(self, answer: Answer) -> str:
        """Return what is wrong with an answer, or an empty text."""
        found = answer.headers.get(RELEASE_HEADER)
        if found != self.release:
            return f"answered by release {found or 'unknown'}"
        if self.statuses and answer.status not in self.statuses:
            return f"answered {answer.status}, expected {' or '.join(map(str, self.statuses))}"
        if not self.statuses and not 200 <= answer.status < 400:
            return f"answered {answer.status}, expected 200 to 399"
        if self.text.encode("utf-8") not in answer.body:
            return f"answered {answer.status}, but the answer does not contain {self.text!r}"
        return ""


def host_of(domains: Sequence[str]) -> str:
    """Return the name to ask for: the first that is one, else one that the first pattern stands for."""
    return next((name for name in domains if not name.startswith("*")), domains[0].replace("*", "www"))


def check(ask: Callable[[float], Answer], wanted: Expectation, timeout: float, pause: float = 0.3) -> Verdict:
    """Ask until three answers in a row are good or `timeout` seconds are over.

    `ask` is given the seconds that it may take.
    """
    begin = monotonic()
    good = 0
    answers = 0
    cause = "no answer"
    while True:
        try:
            # A first answer may take as long as the app's start, but no longer than is left.
            answer = ask(max(begin + timeout - monotonic(), 0.1))
            answers += 1
            cause = wanted.flaw(answer)
        except (OSError, ValueError) as error:
            cause = f"no answer ({error})"
        good = 0 if cause else good + 1
        elapsed = monotonic() - begin
        if good >= GOOD_ANSWERS:
            return Verdict("", answers, elapsed)
        if elapsed > timeout:
            return Verdict(cause or "too few good answers in time", answers, elapsed)
        if cause:
            sleep(pause)
