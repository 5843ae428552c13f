"""Further options of uWSGI: which may be said, and how they get into the vassal's file."""

# ruff: noqa: E501 - one case, one line

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.plugin_utils.rules.uwsgi_options import _OWNED
from ansible_collections.emperor.flask.tests.support.apps import complete, full, minimal, mistakes
from ansible_collections.emperor.flask.tests.support.parsing import read_ini
from ansible_collections.emperor.flask.tests.support.rendering import vassal

LANGUAGE = "it belongs to uWSGI's configuration language; give the options themselves"
HAS_ONE = "the release has one of its own; leave it out"
REFUSED = [
    ({"Mule": "x"}, "Mule: 'Mule' is not the name of an option; try mule"),
    ({"a b": "x"}, "a b: 'a b' is not the name of an option; it is made of a-z, 0-9 and '-'"),
    ({"a=b": "x"}, "a=b: 'a=b' is not the name of an option; it is made of a-z, 0-9 and '-'"),
    ({"socket": ":3031"}, "socket: is not for an app; nginx reaches the app over the emperor's socket; leave it out"),
    ({"ignore_sigpipe": True}, "ignore_sigpipe: 'ignore_sigpipe' is not the name of an option; try ignore-sigpipe"),
    ({"listen": 1024}, "listen: is not for an app; the backlog is the host's, uwsgi_listen_queue; set that, and leave it out"),
    ({"die-on-term": True}, f"die-on-term: is not for an app; {HAS_ONE}"),
    ({"die_on_term": True}, f"die_on_term: is not for an app; {HAS_ONE}"),
    ({"umask": "022"}, f"umask: is not for an app; {HAS_ONE}"),
    ({"add-header": "A: b"}, f"add-header: is not for an app; {HAS_ONE}"),
    ({"vacuum": True}, "vacuum: is not for an app; what a release leaves behind is removed anyway; leave it out"),
    ({"logger": "file:/tmp/a"}, "logger: is not for an app; what the app writes goes to the journal; leave it out"),
    ({"pidfile2": "a"}, "pidfile2: is not for an app; the host knows its processes; leave it out"),
    ({"http-to": "a:1"}, "http-to: is not for an app; nginx reaches the app over the emperor's socket; leave it out"),
    ({"uid": 0}, "uid: is not for an app; the app runs as a user of its own; leave it out"),
    ({"env": "A=b"}, "env: is not for an app; use environment or secrets"),
    ({"processes": 4}, "processes: is not for an app; use workers.processes"),
    ({"harakiri": 30}, "harakiri: is not for an app; use request_timeout"),
    ({"limit-as": 512}, "limit-as: is not for an app; use workers.memory_limit"),
    ({"if-env": "A"}, f"if-env: is not for an app; {LANGUAGE}"),
    ({"include": "a.ini"}, f"include: is not for an app; {LANGUAGE}"),
    ({"emperor-stats": "x"}, "emperor-stats: is not for an app; an app is no emperor; leave it out"),
    ({"mule": None}, "mule: is not a text, a number or true; give one, or leave it out"),
    ({"mule": {}}, "mule: is not a text, a number or true; give one, or leave it out"),
    ({"mule": False}, "mule: false is not how uWSGI turns an option off; leave it out"),
    ({"mule": []}, "mule: is empty; give a value, or leave it out"),
    ({"mule": ["a.py", ""]}, "mule[1]: is empty, or begins or ends with a blank"),
    ({"mule": " a.py"}, "mule: is empty, or begins or ends with a blank"),
    ({"mule": "a\nuid = 0"}, "mule: must be one line of ASCII, at most 1000 characters"),
    ({"mule": "a" * 1001}, "mule: must be one line of ASCII, at most 1000 characters"),
    ({"mule": "100%"}, "mule: contains '%', which uWSGI would replace; write the value itself"),
    ({"mule": "$(HOME)"}, "mule: contains '$(', which uWSGI would replace; write the value itself"),
    ({"mule": "@(exec://id)"}, "mule: contains '@(', which uWSGI would replace; write the value itself"),
    ({"plugin": "/tmp/x.so"}, "plugin: '/tmp/x.so' is not the name of a plugin; try router_static"),
    ({"plugin": "a,b"}, "plugin: 'a,b' is not the name of a plugin; try router_static"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "message"), REFUSED, ids=[message[:60] for _, message in REFUSED])
def test_refused(options: dict[str, Any], message: str) -> None:
    assert mistakes(minimal(uwsgi_options=options)) == [f"flask_apps[0].uwsgi_options.{message}"]


def test_what_a_vassal_of_one_app_does_not_mind_is_accepted() -> None:
    assert mistakes(minimal(uwsgi_options={"single-interpreter": True})) == []


def test_every_kind_of_value_becomes_a_line() -> None:
    given = {"mule": ["a.py", 2], "ignore-sigpipe": True, "socket-timeout": 30, "route": "^/a addheader:B: ${C};d"}
    made = read_ini(vassal(complete(minimal(uwsgi_options=given))))
    assert made[-5:] == [
        ("ignore-sigpipe", "true"),
        ("mule", "a.py"),
        ("mule", "2"),
        ("route", "^/a addheader:B: ${C};d"),
        ("socket-timeout", "30"),
    ]


def test_an_option_that_the_role_writes_cannot_be_given() -> None:
    """What is written twice, uWSGI takes twice, or takes the last of."""
    extra = {"mule", "ignore-sigpipe", "socket-timeout"}
    busy = full(workers={"processes": 1, "loop": "gevent"})
    lines = {name for app in (minimal(), full(), busy) for name, _ in read_ini(vassal(complete(app)))}
    # More plugins may be named, and the role's stay.
    assert lines - extra - {"plugin"} <= _OWNED.keys()
