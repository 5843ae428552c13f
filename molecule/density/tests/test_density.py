"""An app that nobody uses costs next to nothing, and is there when somebody comes."""

from __future__ import annotations

from typing import Any

# What it takes is printed beside this target, and is far below.
KILOBYTES = 1024


def test_a_sleeper_costs_next_to_nothing(reports: dict[str, Any]) -> None:
    for host, report in reports.items():
        assert report.asleep.vassals == 0, host
        assert report.each <= KILOBYTES, host


def test_the_first_request_is_answered(reports: dict[str, Any]) -> None:
    for host, report in reports.items():
        answers = [(status, text) for status, text, _ in report.first]
        assert answers == [(200, "awake")] * len(answers), host
        assert answers, host


def test_a_second_run_changes_nothing(reports: dict[str, Any]) -> None:
    for host, report in reports.items():
        assert report.unchanged.changed(host) == [], host
