"""What a host's uWSGI knows of the options of an app; its words are those of 2.0.28."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.module_utils.uwsgi_options import (
    asks,
    flaws,
    plugins_of,
    read_engine,
)
from ansible_collections.emperor.flask.tests.support.apps import complete, minimal
from ansible_collections.emperor.flask.tests.support.parsing import read_ini
from ansible_collections.emperor.flask.tests.support.rendering import vassal

HELP = """\
Usage: /usr/bin/uwsgi-core [options...]
    -s|--socket                           bind to the specified UNIX/TCP socket using default protocol
    --mule                                add a mule
    --mules                               add the specified number of mules
    --log-alarm                           raise the specified alarm, syntax: <alarm>[,alarm...] --not-an-option
{more}    --ignore-sigpipe                      do not report (annoying) SIGPIPE
"""
NO_PLUGIN = (
    'open("/usr/lib/uwsgi/plugins/router_nix_plugin.so"): No such file or directory [core/utils.c line 3731]\n'
    "!!! UNABLE to load uWSGI plugin: /usr/lib/uwsgi/plugins/router_nix_plugin.so: cannot open shared object file: "
    "No such file or directory !!!\n"
)


def engine(more: str = "", err: str = "") -> Callable[[list[str]], tuple[int, str, str]]:
    def run(command: list[str]) -> tuple[int, str, str]:
        return (0, "2.0.28-debian\n", "") if "--version" in command else (0, HELP.format(more=more), err)

    return run


def found(description: dict[str, Any], more: str = "", err: str = "") -> list[str]:
    return flaws(description, read_engine(engine(more, err), "uwsgi", plugins_of(description)))


def test_it_is_asked_with_the_plugins_of_the_app() -> None:
    commands = []

    def run(command: list[str]) -> tuple[int, str, str]:
        commands.append(command)
        return engine()(command)

    known = read_engine(run, "uwsgi", plugins_of({"uwsgi_options": {"plugin": ["http", "nix"]}}))
    assert commands[0] == ["uwsgi", "--plugins", "python3,http,nix", "--help"]
    assert (known.version, known.options) == (
        "2.0.28-debian",
        {"socket", "mule", "mules", "log-alarm", "ignore-sigpipe"},
    )


@pytest.mark.parametrize(
    "workers",
    [
        {},
        {"processes": 4, "cheaper": 1},
        {"processes": 4, "cheaper": 1, "cheaper_algo": "busyness"},
        {"loop": "gevent"},
        {"processes": 4, "cheaper": 1, "cheaper_algo": "busyness", "loop": "gevent"},
    ],
    ids=str,
)
@pytest.mark.parametrize("more", [{}, {"plugin": ["router_redirect", "gevent_python3"]}], ids=str)
def test_what_a_vassal_loads_is_what_its_options_are_looked_for_in(
    workers: dict[str, Any], more: dict[str, Any]
) -> None:
    app = complete(minimal(workers=workers, uwsgi_options=more))
    loaded = [value for name, value in read_ini(vassal(app)) if name in ("plugin", "plugins")]
    assert sorted(set(loaded)) == sorted(plugins_of(app))


@pytest.mark.parametrize(
    ("description", "asked"),
    [
        ({"name": "shop"}, False),
        ({"uwsgi_options": {}, "workers": {"max_requests_delta": None}}, False),
        ({"uwsgi_options": {"mule": ["a.py"]}, "workers": {}}, True),
        ({"uwsgi_options": {}, "workers": {"max_requests_delta": 5}}, True),
        ({"server": "gunicorn", "workers": {"max_requests_delta": 5}}, False),
    ],
)
def test_an_app_that_says_nothing_new_asks_nothing(description: dict[str, Any], asked: bool) -> None:
    assert asks(description) is asked


def test_what_is_known_is_no_flaw() -> None:
    assert found({"uwsgi_options": {"mule": ["a.py"], "ignore-sigpipe": ["true"]}}) == []
    given = {"workers": {"max_requests_delta": 5}}
    assert (
        found(given, more="    --max-requests-delta                  add (worker_id * delta) to the max_requests\n")
        == []
    )


def test_a_slip_is_named_with_what_was_meant() -> None:
    unknown = "the host's uWSGI 2.0.28-debian has no such option"
    assert found({"uwsgi_options": {"mull": ["a.py"], "zzz": ["1"]}}) == [
        f"uwsgi_options.mull: {unknown}; did you mean 'mule'?",
        f"uwsgi_options.zzz: {unknown}; if it is a plugin's, name that with plugin",
    ]


def test_what_is_newer_than_the_host_is_named_with_its_version() -> None:
    [flaw] = found({"workers": {"max_requests_delta": 5}})
    assert flaw.startswith("workers.max_requests_delta: the host's uWSGI is 2.0.28-debian, and 2.0.29 is the first")


def test_a_plugin_that_the_host_lacks_is_named() -> None:
    more = "    --plugin                              load uWSGI plugins\n"
    given = {"uwsgi_options": {"plugin": ["router_nix"]}}
    assert found(given, more=more, err=NO_PLUGIN) == [
        "uwsgi_options.plugin: the host's uWSGI has no plugin router_nix; list its package under packages"
    ]
