"""Keys, types and defaults."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.emperor.flask.plugins.plugin_utils.app_schema import VARIABLE, app_spec
from ansible_collections.emperor.flask.plugins.plugin_utils.apps import AppsError, read_apps
from ansible_collections.emperor.flask.tests.support.apps import complete, full, minimal, mistakes


def test_every_key_is_present_with_the_default_of_the_spec() -> None:
    app = complete(minimal())
    # Whoever has a complete app need not ask whether it shall be there.
    assert app.keys() == {*app_spec(), "user", "builder", "root"} - {"state"}
    assert (app["user"], app["builder"], app["root"]) == ("app-shop", "build-shop", "/srv/apps/shop")
    assert (app["installer"], app["max_body_size"], app["buffer_size"]) == ("uv", "10m", 65535)
    assert (app["writable"], app["static"], app["media"]) == (["instance"], [], [])
    assert (app["requirements"], app["release_command"]) == (None, None)


@pytest.mark.parametrize(
    ("given", "workers"),
    [
        ({}, {"processes": 2, "threads": 1}),
        ({"threads": 8}, {"processes": 2, "threads": 8}),
        ({"cheaper": None, "threads": "3"}, {"processes": 2, "threads": 3}),
    ],
)
def test_nested_defaults_are_filled_in(given: Any, workers: dict[str, int]) -> None:
    found = complete(minimal(workers=given))["workers"]
    assert {key: found[key] for key in workers} == workers
    assert found.keys() == app_spec()["workers"]["options"].keys()


def test_what_is_given_stays() -> None:
    raw = full()
    app = complete(raw)
    same = (
        "name",
        "wsgi",
        "python_path",
        "requirements",
        "installer",
        "domains",
        "writable",
        "media",
    )
    assert {key: app[key] for key in same} == {key: raw[key] for key in same}


def test_completing_leaves_the_input_and_the_spec_alone() -> None:
    raw = minimal()
    complete(raw)["writable"].append("changed")
    assert raw == minimal()
    assert complete(minimal())["writable"] == ["instance"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"domans": ["a.test"]}, "domans: is not a key of an app; did you mean 'domains'?"),
        ({"workers": {"proceses": 1}}, "workers.proceses: is not a key of workers; did you mean 'processes'?"),
        (
            {"source": {"path": "a", "xyz": 1}},
            "source.xyz: is not a key here; the keys are archive, checksum, git, key, known_hosts, path, version",
        ),
        ({"name": None}, "name: is missing; it must be a text"),
        ({"source": None}, "source: is missing; it must be a mapping"),
        ({"wsgi": None}, "wsgi: is missing; it must be a text"),
        ({"static": [{"url": "/a"}]}, "static[0].path: is missing; it must be a text"),
        ({"domains": [None]}, "domains[0]: is missing; it must be a text"),
        ({"domains": "a.test"}, "domains: must be a list, not 'a.test'"),
        ({"domains": {"a": 1}}, "domains: must be a list, not a mapping"),
        ({"workers": [1]}, "workers: must be a mapping, not a list"),
        ({"static": ["/a"]}, "static[0]: must be a mapping, not '/a'"),
        ({"environment": "A=1"}, "environment: must be a mapping, not 'A=1'"),
        ({"name": ["a"]}, "name: must be a text, not a list"),
        ({"name": 12}, "name: 12 is not a text; write it in quotes"),
        ({"name": True}, "name: true is not a text; write it in quotes"),
        (
            {"source": {"git": "/a", "version": 1.1}},
            "source.version: 1.1 is not a text; write it in quotes",
        ),
        ({"buffer_size": "4k"}, "buffer_size: must be a whole number, not '4k'"),
        ({"buffer_size": 4096.5}, "buffer_size: must be a whole number, not 4096.5"),
        ({"buffer_size": True}, "buffer_size: must be a whole number, not true"),
        ({"buffer_size": "٤٠٩٦"}, "buffer_size: must be a whole number, not '٤٠٩٦'"),
        ({"buffer_size": "--4096"}, "buffer_size: must be a whole number, not '--4096'"),
        ({"installer": "poetry"}, "installer: 'poetry' is not one of uv, pip"),
        ({"server": None}, "server: is empty; leave the key out, or give one of uwsgi, gunicorn"),
        ({"uwsgi_engine": None}, "uwsgi_engine: is empty; leave the key out, or give one of distribution, app"),
        ({"state": None}, "state: is empty; leave the key out, or give one of present, absent"),
        (
            {"workers": {"cheaper_algo": None}},
            "workers.cheaper_algo: is empty; leave the key out, or give one of spare, busyness",
        ),
        ({"listen": None}, "listen: is empty; leave the key out, or give a mapping"),
        ({"secrets": None}, "secrets: is empty; leave the key out, or give a mapping"),
        ({"domains": None}, "domains: is empty; leave the key out, or give a list"),
        ({"buffering": None}, "buffering: is empty; leave the key out, or give true or false"),
        ({"buffer_size": None}, "buffer_size: is empty; leave the key out, or give a whole number"),
    ],
)
def test_a_mistake_of_form_is_named(changes: dict[str, Any], message: str) -> None:
    assert mistakes(minimal(**changes)) == [f"flask_apps[0].{message}"]


def test_a_number_beyond_all_measure_is_refused() -> None:
    assert len(mistakes(minimal(buffer_size="9" * 5000))) == 1


@pytest.mark.parametrize(
    ("raw", "what"),
    [(None, "nothing"), ({"name": "a"}, "a mapping"), ("shop", "'shop'"), (3, "3"), (True, "true")],
)
def test_the_apps_must_be_a_list(raw: Any, what: str) -> None:
    with pytest.raises(AppsError) as caught:
        read_apps(raw)
    assert str(caught.value).splitlines() == [
        "1 mistake in the apps; no host was changed.",
        f"flask_apps: must be a list of apps, not {what}; begin each app with '- name:'",
    ]


def test_an_app_must_be_a_mapping() -> None:
    assert mistakes("shop") == ["flask_apps[0]: must be a mapping, not 'shop'"]


@pytest.mark.parametrize("secrets", ["hunter2", ["hunter2"], 4711, {"A": ["hunter2"]}, {"A": {"hunter2": 1}}])
def test_no_message_shows_a_secret(secrets: Any) -> None:
    said = mistakes(minimal(secrets=secrets))
    assert len(said) == 1
    assert "hunter2" not in said[0]
    assert "4711" not in said[0]


def keys_without_value() -> Iterator[Any]:
    """Yield an app for each key of the spec, nested ones too, that is there without a value."""
    entries: dict[str, dict[str, Any]] = {
        "static": {"url": "/a", "path": "a"},
        "media": {"url": "/a", "path": "a"},
        "access": {"connections": 1},
        "daemons": {"name": "a", "command": "a"},
        "cron": {"name": "a", "command": "a", "schedule": "daily"},
    }
    for key, spec in app_spec().items():
        yield pytest.param(minimal(**{key: None}), id=key)
        for nested in spec.get("options", ()):
            entry = {**entries.get(key, minimal().get(key, {})), nested: None}
            changed = minimal(**{key: [entry] if key in entries else entry})
            yield pytest.param(changed, id=f"{key}.{nested}")


@pytest.mark.parametrize("app", list(keys_without_value()))
def test_what_ansible_refuses_of_keys_without_a_value_is_refused_in_words_that_name_the_app(
    app: dict[str, Any],
) -> None:
    spec = copy.deepcopy({VARIABLE: {"type": "list", "elements": "dict", "options": app_spec()}})
    if ArgumentSpecValidator(spec).validate({VARIABLE: [copy.deepcopy(app)]}).error_messages:
        assert mistakes(app)


def test_ansible_itself_takes_several_apps_that_say_the_least() -> None:
    """It uses one default for all of them, and writes into it."""
    spec = {VARIABLE: {"type": "list", "elements": "dict", "options": app_spec()}}
    given = {VARIABLE: [minimal(), minimal(name="blog"), minimal(name="third")]}
    assert ArgumentSpecValidator(copy.deepcopy(spec)).validate(given).error_messages == []
