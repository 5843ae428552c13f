"""Tables that fit a terminal."""

from __future__ import annotations

import pytest

from ansible_collections.emperor.flask.plugins.plugin_utils.tables import Column, clean, duration, mebibytes, table

COLUMNS = (Column("APP", least=4), Column("N", right=True), Column("WHY", least=5))


def test_columns_are_aligned_and_nothing_trails() -> None:
    assert table(COLUMNS, [["web", 7, "why"], ["web2", 1234, None]]) == [
        "APP      N  WHY",
        "web      7  why",
        "web2  1234  -",
    ]


def test_the_widest_that_may_be_cut_gives_way() -> None:
    lines = table(COLUMNS, [["a" * 9, 123456, "b" * 30]], width=30)
    assert lines[1] == "aaaaaaaaa  123456  bbbbbbbbbb…"
    assert [len(line) for line in table(COLUMNS, [["a" * 40, 123456, "b" * 40]], width=25)] == [20, 25]


def test_a_column_that_may_not_be_cut_stays_whole() -> None:
    assert table((Column("ID"),), [["0123456789ab"]], width=4)[1] == "0123456789ab"


def test_hosts_that_differ_at_their_end_still_differ() -> None:
    column = (Column("HOST", least=8, ends=True),)
    cut = table(column, [["application-server-1"], ["application-server-2"]], width=12)[1:]
    assert cut == ["appli…rver-1", "appli…rver-2"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [("a\x1b[31mb", "a?[31mb"), ("two\nlines\there", "two lines here"), ("größer", "größer"), (7, "7")],
)
def test_nothing_that_a_terminal_obeys_is_shown(value: object, shown: str) -> None:
    assert clean(value) == shown
    assert table((Column("X"),), [[value]])[1] == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(None, None), (-3, "0s"), (59, "59s"), (60, "1m"), (7199, "1h"), (86400 * 400, "400d")]
)
def test_times_are_shown_in_their_largest_unit(seconds: int | None, shown: str | None) -> None:
    assert duration(seconds) == shown


def test_memory_is_shown_in_mebibytes() -> None:
    assert (mebibytes(41 << 20), mebibytes(0), mebibytes(None)) == ("41M", "0M", None)
