"""What an app's history says."""

from __future__ import annotations

import json
import os
import stat
from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import history
from ansible_collections.emperor.flask.plugins.module_utils.layout import AppLayout
from ansible_collections.emperor.flask.tests.support.hosts import App, Host


@pytest.fixture
def layout(shop: App) -> AppLayout:
    return shop.layout


def entry(release: str, result: str = history.ACTIVATED) -> dict[str, Any]:
    return {"release": release, "result": result}


def test_it_grows_by_lines(layout: AppLayout) -> None:
    history.record(layout, {"release": "a", "why": 'two\nlines "quoted" ü'})
    history.record(layout, {"release": "b"})
    lines = [json.loads(line) for line in layout.history.read_text().splitlines()]
    assert [line["release"] for line in lines] == ["a", "b"]
    assert lines[0]["why"] == 'two\nlines "quoted" ü'
    assert all(line["time"].endswith("+00:00") for line in lines)
    assert stat.S_IMODE(layout.history.stat().st_mode) == 0o600


def test_it_is_read_oldest_first(layout: AppLayout) -> None:
    for release in "abc":
        history.record(layout, entry(release))
    assert [found["release"] for found in history.read(layout)] == ["a", "b", "c"]


def test_an_app_without_one_has_no_past(host: Host) -> None:
    assert history.read(AppLayout("shop")) == []
    assert history.last_live(AppLayout("shop")) is None


@pytest.mark.parametrize("broken", ['{"release": "b", "resu', "", "[]", "5", "null", "\x00\x00"])
def test_a_line_that_is_broken_is_left_out(layout: AppLayout, broken: str) -> None:
    history.record(layout, entry("a"))
    with layout.history.open("a") as file:
        file.write(f"{broken}\n")
    history.record(layout, entry("c"))
    assert [found["release"] for found in history.read(layout)] == ["a", "c"]


def test_bytes_that_are_no_text_hide_nothing_else(layout: AppLayout) -> None:
    history.record(layout, entry("a"))
    with layout.history.open("ab") as file:
        file.write(b'\xff\xfe{"release"\n')
    assert history.last_live(layout) == "a"


def test_a_disk_that_was_full_costs_one_entry_only(layout: AppLayout) -> None:
    """A line that was cut off has no end, so the next one would stand behind it."""
    history.record(layout, entry("a"))
    with layout.history.open("a") as file:
        file.write('{"release": "b", "resu')
    history.record(layout, entry("c"))
    assert history.last_live(layout) == "c"


def test_an_entry_that_does_not_fit_is_told(layout: AppLayout, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: write(handle, data[:10]))
    with pytest.raises(OSError, match="No space left on device"):
        history.record(layout, entry("a"))


def test_the_end_is_enough_for_the_last_one(layout: AppLayout) -> None:
    for number in range(300):
        history.record(layout, {**entry(f"{number:012x}"), "why": "x" * 500})
    assert layout.history.stat().st_size > 2 * history._TAIL
    assert history.last_live(layout) == f"{299:012x}"
    some = history.read(layout, 2000)
    assert [found["release"] for found in some] == [f"{number:012x}" for number in (297, 298, 299)]


def test_what_went_live_comes_latest_first_and_each_once() -> None:
    entries = [
        entry("a"),
        entry("b"),
        entry("c", history.FAILED),
        entry("a", history.ROLLED_BACK),
        {"result": history.ACTIVATED},
        {"release": "d"},
    ]
    assert history.went_live(entries) == ["a", "b"]


def test_failures_alone_at_its_end_do_not_hide_what_serves(layout: AppLayout) -> None:
    """Else a way back would take the last switch for an interrupted one, and stay."""
    history.record(layout, entry("a"))
    for _ in range(200):
        history.record(layout, {**entry("b", history.FAILED), "why": "x" * 5000})
    assert layout.history.stat().st_size > history._TAIL
    assert history.last_live(layout) == "a"
    assert len(history.read(layout)[-1]["why"]) == 500
