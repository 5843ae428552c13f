"""The lines of the journal that belong to one request."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.module_utils.journal import Entry, entries, lines_of_request, text_of

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


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        (None, ""),
        ([], ""),
        ([97, 255], "a\N{REPLACEMENT CHARACTER}"),
        (["a", "b"], "a\nb"),
        (["a", [98, 255], None], "a\nb\N{REPLACEMENT CHARACTER}\n"),
    ],
)
def test_a_message_of_the_journal_has_many_shapes(value: Any, text: str) -> None:
    """The app may write to the journal itself, and put several messages into one entry."""
    assert text_of(value) == text


@pytest.mark.parametrize("sign", ["a", 97, ["a"]])
def test_of_a_message_its_end_is_read(sign: Any) -> None:
    value = "x" + "a" * (1 << 20) if sign == "a" else [sign] * (1 << 20)
    text = text_of(value)
    assert (len(text), text.strip("a\n")) == (16384, "")
    assert text_of(["b", "c" * (1 << 20)]) == "c" * 16384


@pytest.mark.parametrize(
    "line",
    ["", "-- no entries --", "[]", "3", '{"MESSAGE": [300]}', '{"MESSAGE": [{}]}', '{"__REALTIME_TIMESTAMP": "x"}',
     '{"MESSAGE": ' + "[" * 900 + "1" + "]" * 900 + "}", "[" * 100_000],
)  # fmt: skip
def test_what_cannot_be_read_hides_no_other_entry(line: str) -> None:
    good = json.dumps({"MESSAGE": "good"})
    assert [entry.message for entry in entries(f"{good}\n{line}\n{good}\n")][-1] == "good"
    assert "good" in {entry.message for entry in entries(f"{good}\n{line}\n")}


def test_a_field_that_was_sent_several_times_is_read() -> None:
    [entry] = entries(json.dumps({"MESSAGE": ["a", "b"], "SYSLOG_IDENTIFIER": ["c", "d"], "_PID": "7"}))
    assert (entry.message, entry.name, entry.pid) == ("a\nb", "c\nd", "7")
