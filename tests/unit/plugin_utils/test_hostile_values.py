"""Hostile values: refused, or in nginx's and uWSGI's files as nothing but a value."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ansible_collections.emperor.flask.plugins.plugin_utils.apps import AppsError
from ansible_collections.emperor.flask.plugins.plugin_utils.rules.values import network
from ansible_collections.emperor.flask.tests.support.apps import HASH, complete, minimal, mistakes
from ansible_collections.emperor.flask.tests.support.parsing import names, read_ini, read_nginx
from ansible_collections.emperor.flask.tests.support.rendering import listener, nginx_files, units, vassal

FRAGMENTS = [
    "\n", "\r", "\t", " ", "\0", "\x1b", "\x7f", "\x85", "\u2028", "\ufeff", "\udcff", "ä",
    "\u0661", "\uff21",
    "%", "%(x)", "$", "$(id)", "${x}", "$host", "@", "@(exec://id)", "@(/etc/passwd)", '"', "'", "`id`",
    ";", "; return 200 x;", "}", "{", "} server {", "{{ 7 * 7 }}", "{% raw %}", "#", "\\", "\\\n",
    "..", "/../", "//", "./", "~", "*", ":", "=", "-", "--x", "x" * 5000,
    "[uwsgi]", "\n[uwsgi]\nexec-asap = id\n", "\nexec-asap = id",
]  # fmt: skip


class Field(NamedTuple):
    """A key of an app: a value that is valid and occurs nowhere else, and the app with another one."""

    seed: str
    changes: Callable[[Any], dict[str, Any]]
    # How a value is written into a file.
    written: Callable[[str], str] = str


def pattern(path: str) -> str:
    return re.escape(path.rstrip("/"))


FIELDS = {
    "name": Field("seedling", lambda value: {"name": value}),
    "domain": Field("seedling.test", lambda value: {"domains": ["a.test", value]}),
    "address": Field("203.0.113.77", lambda value: {"domains": [value]}),
    "redirected": Field("seedling.test", lambda value: {"redirect_domains": [value]}),
    "redirected to": Field("seedling.test", lambda value: {"domains": [value], "redirect_domains": ["a.test"]}),
    "module": Field("seedling.wsgi:seed", lambda value: {"wsgi": value}),
    "factory": Field("seedling:seed()", lambda value: {"wsgi": value}),
    "wsgi file": Field("seedling/wsgi.py:kernel", lambda value: {"wsgi": value}),
    "import path": Field("seedling", lambda value: {"python_path": [value]}),
    "requirements": Field("seedling.txt", lambda value: {"requirements": value}),
    "writable": Field("seedling", lambda value: {"writable": [value]}),
    "static url": Field("/seedling", lambda value: {"static": [{"url": value, "path": "s"}]}),
    "static path": Field("seedling", lambda value: {"static": [{"url": "/s", "path": value}]}),
    "media url": Field("/seedling", lambda value: {"media": [{"url": value, "path": "m"}]}),
    "media path": Field("seedling", lambda value: {"media": [{"url": "/m", "path": value}]}),
    "access path": Field("/seedling", lambda value: {"access": [{"path": value, "rate": "1r/s"}]}, pattern),
    "allowed network": Field("203.0.113.77", lambda value: {"access": [{"allow": [value]}]}, network),
    "denied network": Field("203.0.113.77", lambda value: {"access": [{"deny": [value]}]}, network),
    "rate": Field("7077r/s", lambda value: {"access": [{"rate": value, "burst": 1}]}),
    "user": Field("seedling", lambda value: {"access": [{"auth_basic": True}], "auth_basic_users": {value: HASH}}),
    "hash": Field(HASH, lambda value: {"access": [{"auth_basic": True}], "auth_basic_users": {"ada": value}}),
    "kind of media": Field("webp", lambda value: {"media": [{"url": "/m", "path": "m", "inline": [value]}]}),
    "status": Field("418", lambda value: {"error_pages": {value: "a.html"}}),
    "error page": Field("seedling.html", lambda value: {"error_pages": {404: value}}),
    "body size": Field("7077m", lambda value: {"max_body_size": value}),
    "health path": Field("/seedling", lambda value: {"health": {"path": value}}),
    "environment name": Field("SEEDLING", lambda value: {"environment": {value: "x"}}),
    "environment value": Field("seedling", lambda value: {"environment": {"A": value}}),
    "secret name": Field("SEEDLING", lambda value: {"secrets": {value: "x"}}),
    "secret value": Field("seedling", lambda value: {"secrets": {"A": value}}),
    "git": Field("https://seedling.test/a", lambda value: {"source": {"git": value}}),
    "version": Field("seedling", lambda value: {"source": {"git": "/a", "version": value}}),
    "source path": Field("seedling", lambda value: {"source": {"path": value}}),
    "daemon command": Field("seedling", lambda value: {"daemons": [{"name": "a", "command": value}]}),
    "release command": Field("seedling", lambda value: {"release_command": value}),
    "package": Field("seedling", lambda value: {"packages": [value]}),
    "uwsgi option": Field("seedling", lambda value: {"uwsgi_options": {value: "x"}}),
    "uwsgi value": Field("seedling", lambda value: {"uwsgi_options": {"mule": value}}),
    "uwsgi values": Field("seedling", lambda value: {"uwsgi_options": {"mule": ["a.py", value]}}),
    "plugin": Field("seedling", lambda value: {"uwsgi_options": {"plugin": value}}),
    "http address": Field("127.0.0.1:9077", lambda value: {"listen": {"http": value}}),
    "uwsgi address": Field("127.0.0.1:9077", lambda value: {"listen": {"uwsgi": value}}),
    "installer": Field("uv", lambda value: {"installer": value}),
}
# Times become seconds, names of headers small letters; what is part of a pattern of nginx is written so that no letter
# is one there.
CHANGED = {
    "wildcard": Field("*.seedling.test", lambda value: {"domains": [value]}),
    "mount": Field("/seedling", lambda value: {"mount": value}),
    "mounted at": Field("seedling.test", lambda value: {"mount": "/m", "domains": [value]}),
    "mounted wildcard": Field("*.seedling.test", lambda value: {"mount": "/m", "domains": [value]}),
    "request timeout": Field("77s", lambda value: {"request_timeout": value}),
    "reload on rss": Field("300m", lambda value: {"workers": {"reload_on_rss": value}}),
    "memory limit": Field("300m", lambda value: {"workers": {"memory_limit": value}}),
    "lifetime": Field("77s", lambda value: {"workers": {"max_lifetime": value}}),
    "idle": Field("77s", lambda value: {"idle": value}),
    "drain timeout": Field("77s", lambda value: {"drain_timeout": value}),
    "header": Field("X-Seedling", lambda value: {"headers": {value: "x"}}),
    "expires": Field("77s", lambda value: {"static": [{"url": "/s", "path": "s", "expires": value}]}),
}


@st.composite
def hostile(draw: st.DrawFn, seed: str) -> str:
    """A valid value with something in it that does not belong there, or just anything."""
    foreign = draw(st.sampled_from(FRAGMENTS) | st.text(max_size=8))
    place = draw(st.integers(0, len(seed)))
    return draw(st.sampled_from([seed[:place] + foreign + seed[place:], foreign]))


Rendered = tuple[list[list[Any]], list[tuple[str, str]]]


def rendered(field: Field, value: str) -> Rendered:
    app = complete(minimal(**field.changes(value)))
    nginx, uwsgi, past_nginx = nginx_files(app), vassal(app), listener(app)
    assert (nginx + uwsgi + past_nginx).isascii()
    return read_nginx(nginx), [*read_ini(uwsgi), *read_ini(past_nginx)]


@cache
def benign(field: Field) -> Rendered:
    return rendered(field, field.seed)


def replaced(tree: Any, seed: str, value: str) -> Any:
    if isinstance(tree, str):
        return tree.replace(seed, value)
    return type(tree)(replaced(item, seed, value) for item in tree)


@pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS)
@settings(max_examples=40)
@given(data=st.data())
def test_a_value_is_refused_or_stays_a_value(field: Field, data: st.DataObject) -> None:
    value = data.draw(hostile(field.seed))
    try:
        found = rendered(field, value)
    except AppsError:
        return
    # A wsgi file has its target and its callable in two lines.
    pairs = (
        list(zip(field.seed.split(":"), value.split(":"), strict=False))
        if "py:" in field.seed
        else [(field.seed, value)]
    )
    wanted: Any = benign(field)
    for seed, given_value in pairs:
        wanted = replaced(wanted, field.written(seed), field.written(given_value))
    assert found == wanted


@pytest.mark.parametrize("field", CHANGED.values(), ids=CHANGED)
@settings(max_examples=40)
@given(data=st.data())
def test_a_value_that_is_changed_is_refused_or_changes_no_other_line(field: Field, data: st.DataObject) -> None:
    value = data.draw(hostile(field.seed))
    try:
        nginx, uwsgi = rendered(field, value)
    except AppsError:
        return
    benign_nginx, benign_uwsgi = benign(field)
    assert names(nginx) == names(benign_nginx)
    assert [key for key, _ in uwsgi] == [key for key, _ in benign_uwsgi]


@settings(max_examples=200)
@given(name=hostile("SEEDLING"))
@example(name="A" * 255)
def test_a_name_of_the_environment_can_be_a_file_of_the_envdir(name: str) -> None:
    """And of a temporary one beside it, whose name is some 20 characters longer."""
    try:
        complete(minimal(environment={name: "x"}))
    except AppsError:
        return
    assert name.isascii()
    assert name.isidentifier()
    assert len(name) <= 200


@settings(max_examples=200)
@given(address=hostile("git@seedling.test:a.git"), version=hostile("seedling"))
def test_no_address_and_no_version_is_an_option_of_git(address: str, version: str) -> None:
    try:
        source = complete(minimal(source={"git": address, "version": version}))["source"]
    except AppsError:
        return
    assert not source["git"].startswith("-")
    assert not source["version"].startswith("-")
    assert (source["git"] + source["version"]).isprintable()


def words(line: str) -> list[str]:
    """Return a unit's command as systemd splits it: in quotes, the backslash and the percent sign mean something."""
    plain, quoted = line.split(' "', 1)
    assert quoted.endswith('"')
    inner = re.fullmatch(r'((?:[^"\\%]|\\\\|\\"|%%)*)', quoted[:-1])
    assert inner, f"systemd would read something else from {line}"
    return [*plain.split(" "), re.sub(r"\\(.)|%(%)", lambda match: match[1] or match[2], inner[1])]


@settings(max_examples=300)
@given(name=hostile("seedling"), command=hostile("flask seedling"), schedule=hostile("Mon..Fri 03:30"))
@example(name="seedling", command=r"""a "b" 'c' %h %% \x41 \\ $X ${X} `id` ; # ä""", schedule="daily")
def test_what_gets_into_a_unit_is_a_value_there(name: str, command: str, schedule: str) -> None:
    """A mistake in one of the three would hide the others, so each is tried with good ones, and then all."""
    good = {"name": "seedling", "command": "flask seedling", "schedule": "daily"}
    for changes in ({"name": name}, {"command": command}, {"schedule": schedule}):
        try:
            app = complete(minimal(cron=[{**good, **changes}]))
        except AppsError:
            continue
        [work] = app["cron"]
        benign_units = units(complete(minimal(cron=[good])))
        for made, kept in zip(units(app).values(), benign_units.values(), strict=True):
            assert [line.split("=")[0] for line in made.splitlines()[2:]] == [
                line.split("=")[0] for line in kept.splitlines()[2:]
            ]
            for line in made.splitlines():
                if line.startswith("ExecStart="):
                    assert words(line)[-2:] == ["/srv/apps/shop", work["command"]]
                if line.startswith("OnCalendar="):
                    assert line == f"OnCalendar={work['schedule']}"
                    assert "%" not in line


@settings(max_examples=200)
@given(
    raw=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    ),
    key=st.sampled_from(
        sorted(minimal().keys() | {"static", "workers", "environment", "domains", "idle", "daemons", "cron"})
    ),
)
def test_any_shape_of_input_is_refused_with_words(raw: Any, key: str) -> None:
    """Nothing but an AppsError comes out, whatever stands in the YAML."""
    said = mistakes(minimal(**{key: raw}))
    assert all(line.startswith(f"flask_apps[0].{key}") for line in said[:1])
