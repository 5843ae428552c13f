"""What a person reads about a change: short, in order, and never a value of the environment."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.emperor.flask.plugins.module_utils import changes

GIT = {"git": "https://git.example.org/shop.git", "version": "v1.4.0"}
OLD, NEW = "9f2d0f1c6a1b0d7f3f0f2f6d6a2f8c5a4b3c2d1e", "4b1c22e0d7f3f0f2f6d6a2f8c5a4b3c2d1e9f2d0"
ARCHIVE = {"archive": "https://example.org/shop-1.tar.gz"}


@pytest.mark.parametrize(
    ("old", "old_revision", "new", "new_revision", "line"),
    [
        (GIT, OLD, GIT, OLD, ""),
        (GIT, OLD, GIT, NEW, "revision 9f2d0f1 -> 4b1c22e"),
        (GIT, OLD, {**GIT, "version": "v1.5.0"}, NEW, "revision 9f2d0f1 -> 4b1c22e, version v1.4.0 -> v1.5.0"),
        (GIT, OLD, {**GIT, "version": "main"}, OLD, "version v1.4.0 -> main"),
        ({"path": "app"}, OLD, {"path": "/home/me/app"}, NEW, "revision 9f2d0f1c6a1b -> 4b1c22e0d7f3"),
        ({"path": "app"}, OLD, GIT, NEW,
         f"source a folder of the controller -> {GIT['git']}, revision 9f2d0f1c6a1b -> 4b1c22e"),
        ({"archive": "/a/shop-1.zip"}, OLD, ARCHIVE, OLD, f"source shop-1.zip -> {ARCHIVE['archive']}"),
        (ARCHIVE, OLD, {"archive": "https://me:hush@example.org/2.zip"}, OLD,
         f"source {ARCHIVE['archive']} -> https://example.org/2.zip"),
    ],
)  # fmt: skip
def test_revisions_are_short_and_the_source_named_if_it_moves(
    old: dict[str, str], old_revision: str, new: dict[str, str], new_revision: str, line: str
) -> None:
    assert changes.revision_line(old, old_revision, new, new_revision) == line


def test_variables_come_go_and_change_by_name() -> None:
    old = {"environment": {"B": "1", "C": "1", "D": "1"}}
    new = {"environment": {"A": "1", "B": "1", "C": "2"}}
    assert changes.environment_lines(old, new) == ["+ A", "~ C", "- D"]
    assert changes.environment_lines(old, old) == []


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ({"secret_names": ["A", "B"], "secrets": "1"}, {"secret_names": ["B", "C"], "secrets": "2"}, ["- A", "+ C"]),
        ({"secret_names": ["A"], "secrets": "1"}, {"secret_names": ["A"], "secrets": "2"}, ["values changed"]),
        ({"secret_names": ["A"], "secrets": "1"}, {"secret_names": ["A"], "secrets": "1"}, []),
        ({}, {"secret_names": [], "secrets": ""}, []),
    ],
)
def test_secrets_are_told_by_name_or_not_at_all(old: dict[str, Any], new: dict[str, Any], lines: list[str]) -> None:
    assert changes.secret_lines(old, new) == lines


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ({"workers": {"processes": 2, "threads": 1}}, {"workers": {"processes": 4, "threads": 1}},
         ["workers.processes: 2 -> 4"]),
        ({"domains": ["a", "b"]}, {"domains": ["b", "c"]}, ["domains: - a", "domains: + c"]),
        ({"domains": ["a", "b"]}, {"domains": ["b", "a"]}, ["domains: [a, b] -> [b, a]"]),
        ({"static": [{"url": "/s", "path": "s"}]}, {"static": []}, ["static: - url /s, path s"]),
        ({"release_command": None}, {"release_command": "flask db\nupgrade"},
         ["release_command: not set -> flask db?upgrade"]),
        ({}, {"idle": 5}, ["idle: not set -> 5"]),
        ({}, {"auth_basic_users": ""}, []),
        ({"auth_basic_users": "1f"}, {"auth_basic_users": "2e"}, ["auth_basic_users changed"]),
        ({"recipe": "1"}, {"recipe": "2"}, ["the templates of the release changed"]),
        ({"user": "a", "root": "/a", "environment": {"A": 1}, "secrets": "1"}, {"user": "b"}, []),
    ],
)  # fmt: skip
def test_options_are_told_with_their_values(old: dict[str, Any], new: dict[str, Any], lines: list[str]) -> None:
    assert changes.option_lines(old, new) == lines


OLD_LIST = """\
--index-url https://me:hush@index.example.org/simple
flask==3.1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via -r requirements.in
click==8.1 --hash=sha256:cc
werkzeug==3.1.0  # pinned
"""


def test_requirements_stand_side_by_side_without_hashes_and_comments() -> None:
    new = OLD_LIST.replace("flask==3.1.0", "flask==3.1.1").replace("cc", "dd").replace("8.1 ", "8.1 ")
    assert changes.requirement_lines({"r.txt": OLD_LIST}, {"r.txt": new}) == ["- flask==3.1.0", "+ flask==3.1.1"]
    assert changes.requirement_lines({"r.txt": OLD_LIST}, {"r.txt": OLD_LIST + "blinker\n"}) == ["+ blinker"]


def test_a_requirement_that_moves_to_an_included_file_is_no_change() -> None:
    assert changes.requirement_lines({"a.txt": "flask\nclick\n"}, {"a.txt": "flask\n", "b.txt": "click\n"}) == []


def test_no_password_of_an_index_is_shown() -> None:
    assert changes.requirement_lines({}, {"r.txt": OLD_LIST})[0] == "+ --index-url https://index.example.org/simple"


def test_a_lock_is_told_by_its_packages() -> None:
    lock = 'version = 1\n\n[[package]]\nname = "flask"\nversion = "%s"\nwheels = [{ hash = "x" }]\n'
    old = {"uv.lock": lock % "3.1.0", "pyproject.toml": "a"}
    new = {"uv.lock": lock % "3.1.1", "pyproject.toml": "b"}
    assert changes.requirement_lines(old, new) == ["- flask==3.1.0", "+ flask==3.1.1"]


def test_many_lines_are_counted() -> None:
    assert changes.first(["a", "b", "c"], 2) == ["a", "b", "and 1 more"]
    assert changes.first(["a", "b"], 2) == ["a", "b"]
    assert changes.first(["a", "b"], 2, total=9) == ["a", "b", "and 7 more"]
    many = {"r.txt": "".join(f"package{number}\n" for number in range(50))}
    assert changes.requirement_lines({}, many)[-1] == "and 10 more"


def test_a_file_is_shown_by_the_lines_that_differ() -> None:
    assert changes.file_lines("a\nb\nc\nd\n", "a\nb\nX\nd\n") == ["@@ -2,3 +2,3 @@", " b", "-c", "+X", " d"]
    assert changes.file_lines("a\n", "a\n") == []


def test_a_terminal_is_safe_from_what_is_shown() -> None:
    assert changes.clean("\x1b[2Jevil\udc80 ä") == "?[2Jevil? ä"
    assert len(changes.clean("x" * 500)) == 160


NAME = st.from_regex(r"[A-Z_]{1,8}", fullmatch=True)
# Long enough not to stand in a name by chance.
VALUE = st.from_regex(r"hush-[a-z0-9%@\n]{4,12}", fullmatch=True)
APP = st.fixed_dictionaries(
    {
        "environment": st.dictionaries(NAME, VALUE, max_size=5),
        "secrets": VALUE,
        "secret_names": st.lists(NAME, max_size=5),
        "workers": st.fixed_dictionaries({"processes": st.integers(1, 9)}),
    }
)


@given(APP, APP)
def test_no_value_of_the_environment_and_no_digest_of_secrets_is_ever_told(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    tellers = (changes.environment_lines, changes.secret_lines, changes.option_lines)
    assert "hush" not in repr([teller(old, new) for teller in tellers])


@given(APP, APP)
def test_each_difference_of_names_is_told(old: dict[str, Any], new: dict[str, Any]) -> None:
    told = {line[2:] for line in changes.environment_lines(old, new)}
    assert told == {name for name, _value in set(old["environment"].items()) ^ set(new["environment"].items())}
