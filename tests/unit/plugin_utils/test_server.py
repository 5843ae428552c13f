"""What serves an app, and which keys go with it."""

# ruff: noqa: E501 - one case, one line

from __future__ import annotations

import ast
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.emperor.flask.tests.support.apps import complete, gunicorn, minimal, mistakes
from ansible_collections.emperor.flask.tests.support.rendering import run_file

OWN = "is uWSGI's alone; leave it out, or use server: uwsgi"
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"server": "waitress"}, "server: 'waitress' is not one of uwsgi, gunicorn"),
    ({"uwsgi_engine": "app"}, f"uwsgi_engine: {OWN}"),
    ({"uwsgi_engine": "distribution", "python": "3.12"}, f"uwsgi_engine: {OWN}"),
    ({"uwsgi_options": {"mule": "a.py"}}, f"uwsgi_options: {OWN}"),
    ({"listen": {"http": "127.0.0.1:9090"}}, f"listen: {OWN}"),
    ({"idle": "5m"}, "idle: gunicorn does not sleep; leave it out, or use server: uwsgi"),
    ({"buffer_size": 8192}, "buffer_size: gunicorn takes all that nginx lets pass; leave it out"),
    ({"workers": {"cheaper": 1}}, "workers.cheaper: gunicorn keeps all its processes; leave it out, or use server: uwsgi"),
    ({"workers": {"thunder_lock": False}}, f"workers.thunder_lock: {OWN}"),
    ({"workers": {"max_lifetime": "1h"}}, "workers.max_lifetime: use workers.max_requests, or server: uwsgi"),
    ({"workers": {"reload_on_rss": "64m"}}, "workers.reload_on_rss: use workers.max_requests and memory_max, or server: uwsgi"),
    ({"workers": {"evil_reload_on_rss": "64m"}}, "workers.evil_reload_on_rss: use memory_max, or server: uwsgi"),
]  # fmt: skip


@pytest.mark.parametrize(("keys", "message"), REFUSED, ids=[message[:40] for _, message in REFUSED])
def test_what_means_nothing_to_gunicorn_is_refused(keys: dict[str, Any], message: str) -> None:
    assert mistakes(minimal(**{"server": "gunicorn", **keys})) == [f"flask_apps[0].{message}"]


def test_gunicorn_has_a_unit_of_its_own_and_no_package_of_uwsgi() -> None:
    app = complete(minimal(server="gunicorn", memory_max="1g", workers={"loop": "gevent"}))
    assert (app["isolation"], app["memory_max"], app["packages"]) == ("strict", 1024, ["git"])
    assert complete(gunicorn())["server"] == "gunicorn"


def test_gunicorn_has_any_python_and_no_uwsgi_comes_into_its_virtualenv() -> None:
    app = complete(minimal(server="gunicorn", python="3.12", workers={"loop": "gevent"}))
    assert (app["python"], app["uwsgi_engine"], app["packages"]) == ("3.12", "distribution", ["git"])


def settings(app: dict[str, Any]) -> dict[str, Any]:
    """Return what a file for gunicorn sets."""
    lines = ast.parse(run_file("gunicorn.conf.py", complete(app))).body
    # Nothing but assignments to names, or this fails.
    return {line.targets[0].id: ast.literal_eval(line.value) for line in lines}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("workers", "wanted"),
    [
        ({}, {"preload_app": True, "workers": 2}),
        ({"threads": 4}, {"worker_class": "gthread", "threads": 4}),
        ({"loop": "gevent", "greenlets": 7}, {"worker_class": "gevent", "worker_connections": 7, "preload_app": False}),
        ({"lazy_apps": True}, {"preload_app": False}),
        ({"max_requests": 9, "max_requests_delta": 2}, {"max_requests": 9, "max_requests_jitter": 2}),
    ],
    ids=str,
)
def test_workers_of_gunicorn(workers: dict[str, Any], wanted: dict[str, Any]) -> None:
    found = settings(minimal(server="gunicorn", request_timeout="90s", workers=workers))
    assert wanted.items() <= found.items()
    assert (found["timeout"], found["graceful_timeout"]) == (90, 90)


@given(st.text(), st.lists(st.text(), max_size=2), st.text())
def test_no_value_is_code_of_the_file(wsgi: str, paths: list[str], mount: str) -> None:
    app = minimal(server="gunicorn", wsgi=wsgi, python_path=paths, mount=mount)
    if not mistakes(app):
        found = settings(app)
        assert (found["WSGI"], found["PYTHON_PATH"]) == (wsgi, paths)
