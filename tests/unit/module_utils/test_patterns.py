"""Patterns that read what an app or its source has written: each takes time in proportion to it."""

from __future__ import annotations

import re
from time import process_time

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import (
    changes,
    engines,
    git_addresses,
    preflight,
    uwsgi_options,
    virtualenvs,
)

MANY = 20_000


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (uwsgi_options._MISSING_PLUGIN, "UNABLE to load uWSGI plugin: a" * MANY),
        (uwsgi_options._MISSING_PLUGIN, "UNABLE to load uWSGI plugin: " + "a/" * MANY),
        (uwsgi_options._MISSING_PLUGIN, "UNABLE to load uWSGI plugin: " + "a" * MANY),
        (uwsgi_options._OPTION, " " * MANY),
        (virtualenvs._INCLUDE, "\n" * MANY),
        (virtualenvs._INCLUDE, "-r" + " " * MANY),
        (virtualenvs._INCLUDE, "-r" + "\n" * MANY),
        (virtualenvs._EDITABLE, "\n" * MANY),
        (virtualenvs._HASH, "--hash=" * MANY),
        (git_addresses._PASSWORD, "://" + ":" * MANY),
        (git_addresses._ADDRESS, "a@" * MANY),
        (git_addresses._SSH, "ssh://" + "a@" * MANY),
        (changes._PACKAGE, 'name = "\n' * MANY),
        (changes._CREDENTIALS, "://" * MANY),
        (engines._PLUGIN, "plugin = " * MANY),
        (preflight._LOADED, "WSGI app 0 " * MANY),
    ],
)
def test_no_pattern_takes_more_time_than_its_text_is_long(pattern: re.Pattern[str], text: str) -> None:
    begin = process_time()
    pattern.findall(text)
    assert process_time() - begin < 1


def test_blanks_in_requirements_take_no_time() -> None:
    begin = process_time()
    assert changes.requirement_lines({}, {"requirements.txt": f"flask{' ' * MANY}x"})
    assert process_time() - begin < 1


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("-r a.txt", ["a.txt"]),
        ("\n \n  -r=a.txt\n-c = b.txt", ["a.txt", "b.txt"]),
        ("--requirement=a.txt\n\t--constraint  b.txt", ["a.txt", "b.txt"]),
        ("flask -r a.txt", []),
    ],
)
def test_includes_are_found_as_they_are_written(text: str, found: list[str]) -> None:
    assert virtualenvs._INCLUDE.findall(text) == found


def test_a_requirement_without_its_hashes_has_no_blanks_at_its_end() -> None:
    text = "flask==3.1.0  \\\n    --hash=sha256:00  --hash=sha256:11\n"
    assert changes.requirement_lines({}, {"requirements.txt": text}) == ["+ flask==3.1.0"]
