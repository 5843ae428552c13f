"""The requests of one app, out of those of all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import access_log
from ansible_collections.emperor.flask.plugins.module_utils.access_log import (
    backwards,
    fields,
    find_request,
    lines_of,
    requests_of,
)

ID = "3f9c2a71b04e3f9c2a71b04e3f9c2a71"


def line(app: str, path: str, minute: int = 0, request_id: str = ID) -> str:
    entry = {"time": f"2026-11-21T12:{minute:02}:00+00:00", "request_id": request_id, "app": app, "path": path}
    return json.dumps(entry, separators=(",", ":"))


def former(app: str, path: str, minute: int = 0) -> str:
    """Return a line as nginx wrote it before it wrote JSON."""
    return f'192.0.2.1 [2026-11-21T12:{minute:02}:00+00:00] app={app} host=x.test "GET {path} HTTP/1.1" 200 5'


def test_a_name_that_begins_alike_is_another_app() -> None:
    lines = [line("web2", "/"), line("web", "/mine"), line("we", "/"), line("web-2", "/")]
    assert lines_of("web", lines, 10) == [line("web", "/mine")]


def test_a_visitor_cannot_write_into_the_log_of_another_app() -> None:
    forged = [
        line("web2", '/","app":"web'),
        former("web2", "/ app=web x"),
        "garbage app=web ",
        '{"app":"web"}',
        '["time","app"]',
        "{",
        "",
    ]
    assert lines_of("web", forged, 10) == []


def test_lines_of_the_former_format_are_read_too(tmp_path: Path) -> None:
    """An upgrade changes the format in the middle of a file."""
    log = tmp_path / "access.log"
    lines = [former("web", "/1", 1), former("web2", "/x", 2), line("web", "/3", 3)]
    log.write_text("".join(f"{each}\n" for each in lines))
    assert requests_of("web", 9, log=log) == [lines[0], lines[2]]
    assert fields(lines[0]) == {"time": "2026-11-21T12:01:00+00:00", "app": "web"}


def test_a_request_is_found_by_its_id_and_its_app(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    other, mine = "0" * 32, "1" * 32
    lines = [line("web", f"/?id={mine}", 1, other), line("web2", "/", 2, mine), former("web", f"/{mine}", 3)]
    log.write_text("".join(f"{each}\n" for each in lines))
    assert find_request("web", mine, log) is None
    (tmp_path / "access.log.1").write_text(line("web", "/mine", 0, mine) + "\n")
    assert find_request("web", mine, log) == line("web", "/mine", 0, mine)
    assert find_request("web2", mine, log) == lines[1]


def test_the_newest_are_kept_and_old_ones_not_read() -> None:
    lines = iter([line("web", f"/{minute}", minute) for minute in (9, 8, 7, 6)])
    assert lines_of("web", lines, 2) == [line("web", "/8", 8), line("web", "/9", 9)]
    assert next(lines) == line("web", "/7", 7)
    since = 1795262400 + 8 * 60
    assert lines_of("web", [line("web", "/9", 9), line("web", "/8", 8), line("web", "/7", 7)], 9, since) == [
        line("web", "/8", 8), line("web", "/9", 9),
    ]  # fmt: skip


@pytest.mark.parametrize("block", [1, 7, 64, 1 << 18])
def test_a_file_is_read_from_its_end(tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_log, "_BLOCK", block)
    path = tmp_path / "log"
    for text, found in (("", []), ("one\n", ["one"]), ("one\ntwö\n\nthree", ["three", "twö", "one"])):
        path.write_text(text, encoding="utf-8")
        assert list(backwards(path)) == found


def test_what_was_rotated_away_last_is_read_too(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    (tmp_path / "access.log.1").write_text("".join(line("web", f"/{m}", m) + "\n" for m in (1, 2)))
    log.write_text(line("web", "/3", 3) + "\n")
    assert requests_of("web", 2, log=log) == [line("web", "/2", 2), line("web", "/3", 3)]
    assert requests_of("web", 1, log=log) == [line("web", "/3", 3)]
    assert requests_of("web", 9, log=tmp_path / "none") == []
