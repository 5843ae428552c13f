"""Addresses of an app past nginx: which may be given, and what is said about them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.plugin_utils.rules.listen import clashes, warnings
from ansible_collections.emperor.flask.tests.support.apps import complete, minimal, mistakes

FORM = "is not an IPv4 address with a port from 1024 on; IPv6 is not supported; try 127.0.0.1:9090"
OPEN = "is open to more than this host; use 127.0.0.1, or add public: true, which opens the host's firewall for http"
TAKEN = "is used by app shop (http); take another"
REFUSED = [
    ({"http": "9090"}, f"http: '9090' {FORM}"),
    ({"http": ":9090"}, f"http: ':9090' {FORM}"),
    ({"http": "localhost:9090"}, f"http: 'localhost:9090' {FORM}"),
    ({"http": "[::1]:9090"}, f"http: '[::1]:9090' {FORM}"),
    ({"uwsgi": "127.0.0.1"}, f"uwsgi: '127.0.0.1' {FORM}"),
    ({"uwsgi": "127.0.0.1:80"}, f"uwsgi: '127.0.0.1:80' {FORM}"),
    ({"uwsgi": "127.0.0.1:65536"}, f"uwsgi: '127.0.0.1:65536' {FORM}"),
    ({"uwsgi": "127.0.0.256:3031"}, f"uwsgi: '127.0.0.256:3031' {FORM}"),
    ({"uwsgi": "0.0.0.0:3031"}, f"uwsgi: 0.0.0.0:3031 {OPEN}"),
    ({"http": "192.0.2.7:9090"}, f"http: 192.0.2.7:9090 {OPEN}"),
    ({"public": True}, "public: goes with http, uwsgi or stats only; give one, or leave it out"),
    ({"stats": "192.0.2.7:9191"}, f"stats: 192.0.2.7:9191 {OPEN}"),
    (
        {"http": "127.0.0.1:9090", "uwsgi": "127.0.0.2:9090"},
        "uwsgi: port 9090 is used by app shop (http); take another",
    ),
]


@pytest.mark.parametrize(("listen", "message"), REFUSED, ids=[message[:40] for _, message in REFUSED])
def test_refused(listen: dict[str, Any], message: str) -> None:
    assert mistakes(minimal(listen=listen)) == [f"flask_apps[0].listen.{message}"]


@pytest.mark.parametrize(
    "work",
    [
        {"daemons": [{"name": "stats", "command": "true"}]},
        {"cron": [{"name": "stats", "command": "true", "schedule": "daily"}]},
    ],
)
def test_the_statistics_are_a_daemon_of_their_own(work: dict[str, Any]) -> None:
    assert mistakes(minimal(listen={"stats": "127.0.0.1:9191"}, **work)) == [
        "flask_apps[0].listen.stats: is a daemon named 'stats', as another is; give that another name"
    ]
    assert mistakes(minimal(**work)) == []


def test_a_port_belongs_to_one_app_of_the_host() -> None:
    apps = [minimal(name=name, listen={"uwsgi": "127.0.0.1:3031"}) for name in ("a", "b")]
    assert mistakes(*apps) == ["flask_apps[1].listen.uwsgi: port 3031 is used by app a (uwsgi); take another"]


@pytest.mark.parametrize("variable", ["nginx_http_port", "nginx_https_port"])
@pytest.mark.parametrize("port", [9090, "9090"])
def test_the_ports_of_nginx_are_taken(variable: str, port: object) -> None:
    app = complete(minimal(listen={"http": "127.0.0.1:9090", "uwsgi": "127.0.0.1:3031"}))
    nginx = {"nginx_http_port": 80, "nginx_https_port": 443, variable: port}
    assert clashes(app, nginx) == [f"app shop: listen.http: port 9090 is nginx's ({variable}); take another"]
    assert clashes(app, {variable: 80}) == clashes(app, {}) == []


def test_an_address_of_the_host_alone_is_no_cause_for_a_warning() -> None:
    assert warnings(complete(minimal(listen={"http": "127.0.0.1:9090", "public": True}))) == []


def test_neighbours_are_named_where_they_could_become_the_app_or_see_its_visitors() -> None:
    listen = {"http": "127.0.0.1:9090", "uwsgi": "127.1.2.3:3031", "stats": "127.0.0.1:9191"}
    said = "app shop: all other apps of the host can reach"
    trust = "leave it out where they are not trusted"
    seen = "see the headers of requests in work, cookies and passwords among them"
    assert warnings(complete(minimal(listen=listen))) == [
        f"{said} 127.1.2.3:3031 (uwsgi), and run any code as the app; {trust}",
        f"{said} 127.0.0.1:9191 (stats), and {seen}; {trust}",
    ]


def test_an_address_that_others_reach_is_named_with_its_risk() -> None:
    listen = {"http": "0.0.0.0:9090", "uwsgi": "192.0.2.7:3031", "stats": "0.0.0.0:9191", "public": True}
    http, uwsgi, stats = warnings(complete(minimal(listen=listen)))
    assert http.startswith("app shop: others than this host can reach 0.0.0.0:9090 (http), past nginx's limits")
    assert uwsgi.startswith(
        "app shop: others than this host can reach 192.0.2.7:3031 (uwsgi), and whoever does can run"
    )
    assert stats.startswith("app shop: others than this host can reach 0.0.0.0:9191 (stats), with the headers")
