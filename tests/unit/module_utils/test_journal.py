"""The lines of the journal that belong to one request."""

from __future__ import annotations

import json

from ansible_collections.emperor.flask.plugins.module_utils.journal import Entry, entries, lines_of_request

ID = "3f9c2a71b04e3f9c2a71b04e3f9c2a71"
OTHER = "0" * 32


def written(time: float, pid: str, message: str) -> Entry:
    return Entry(time, pid, "app-web", message)


def test_a_line_leads_to_what_its_worker_wrote_meanwhile() -> None:
    log = [
        written(9.0, "7", "before"),
        written(10.1, "8", "of another worker"),
        written(10.2, "7", "Traceback (most recent call last):"),
        written(10.3, "7", f"request {OTHER}: status 500, 3 ms"),
        written(10.5, "7", f"request {ID}: status 500, 400 ms"),
        written(10.6, "7", "after"),
    ]
    assert lines_of_request(ID, log) == [log[2], log[3], log[4]]


def test_what_the_app_marks_itself_belongs_to_the_request() -> None:
    log = [written(1, "7", f"{ID} paid"), written(1, "7", "unmarked"), written(2, "8", f"mail for {ID}")]
    assert lines_of_request(ID, log) == [log[0], log[2]]
    assert lines_of_request(OTHER, log) == []


def test_a_line_that_only_quotes_a_mark_leads_nowhere() -> None:
    log = [written(1, "7", "another's"), written(2, "7", f"> request {ID}: status 500, 9000 ms")]
    assert lines_of_request(ID, log) == [log[1]]


def test_journalctl_is_read_whatever_was_written() -> None:
    raw = {"__REALTIME_TIMESTAMP": "1795262400250000", "_PID": "7", "SYSLOG_IDENTIFIER": "app-web"}
    lines = [{**raw, "MESSAGE": "good"}, {**raw, "MESSAGE": [27, 91, 255]}, {**raw, "MESSAGE": None}, {}]
    found = entries("\n".join(json.dumps(line) for line in lines) + "\n")
    assert [entry.message for entry in found] == ["good", "\x1b[\ufffd", "", ""]
    assert (found[0].time, found[0].pid) == (1795262400.25, "7")
    assert str(found[0]).endswith("app-web[7]: good")
