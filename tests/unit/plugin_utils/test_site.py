"""Who may reach what, as nginx's maps need it: the first pattern that fits counts."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.plugin_utils.site import site_variables
from ansible_collections.emperor.flask.tests.support.apps import HASH, complete, minimal
from ansible_collections.emperor.flask.tests.support.parsing import read_nginx
from ansible_collections.emperor.flask.tests.support.rendering import nginx_files, site

ENTRIES: list[dict[str, Any]] = [
    {"rate": "50r/s"},
    {"path": "/a.b", "rate": "5r/s", "auth_basic": True},
    {"path": "/a.b/open", "auth_basic": False, "deny": ["192.0.2.7"]},
]


def access(entries: list[dict[str, Any]], health: str = "/healthz") -> dict[str, Any]:
    users = {"ada": HASH} if any(entry.get("auth_basic") for entry in entries) else {}
    app = complete(minimal(access=entries, auth_basic_users=users, health={"path": health}))
    found: dict[str, Any] = site_variables(app)["access"]
    return found


def test_the_paths_of_a_mounted_app_begin_after_the_mount() -> None:
    app = complete(minimal(mount="/shop", access=ENTRIES, auth_basic_users={"ada": HASH}, health={"path": "/up"}))
    found = site_variables(app)["access"]
    assert found["open"] == "^/shop/up$"
    asked = ["/shop", "/shop/x", "/shop/a.b/x", "/shopping", "/a.b"]
    assert [path_of(found["requests"], uri) for uri in asked] == ["/", "/", "/a.b", None, None]
    assert [path_of(found["passwords"], uri) for uri in asked] == [None, None, "/a.b", None, None]


def path_of(entries: list[dict[str, Any]], uri: str) -> str | None:
    return next((entry["path"] for entry in entries if re.search(entry["pattern"], uri)), None)


@pytest.mark.parametrize(
    ("uri", "requests", "passwords", "addresses"),
    [
        ("/", "/", None, None),
        ("/a.b", "/a.b", "/a.b", None),
        ("/a.b/", "/a.b", "/a.b", None),
        ("/a.b/open/x", "/a.b", "/a.b/open", "/a.b/open"),
        ("/a.b/opened", "/a.b", "/a.b", None),
        ("/a.bc", "/", None, None),
        ("/axb", "/", None, None),
        ("/x/a.b", "/", None, None),
    ],
)
def test_of_each_rule_the_longest_path_counts(
    uri: str, requests: str, passwords: str | None, addresses: str | None
) -> None:
    found = access(ENTRIES)
    kinds = [found[kind] for kind in ("requests", "passwords", "addresses", "connections")]
    assert [path_of(kind, uri) for kind in kinds] == [requests, passwords, addresses, None]


@pytest.mark.parametrize(
    ("health", "pattern"),
    [
        ("/", ""), ("/healthz", "^/healthz$"), ("/up.x?full=1", r"^/up\.x$"), ("/a.b", ""), ("/a%20b", r"^/a\ b$"),
        ("/%22", ""),
    ],
)  # fmt: skip
def test_the_health_path_stays_open_unless_an_entry_is_about_it(health: str, pattern: str) -> None:
    assert access(ENTRIES, health)["open"] == pattern


def test_an_app_that_says_nothing_is_open() -> None:
    found = access([])
    assert not any(found[kind] for kind in ("requests", "passwords", "addresses", "connections"))


@pytest.mark.parametrize(
    ("tls", "mount", "open_to_all"), [("off", "/", True), ("selfsigned", "/", False), ("off", "/shop", False)]
)
def test_an_authority_finds_its_proof_where_networks_alone_may_come(tls: str, mount: str, open_to_all: bool) -> None:
    """Where nginx answers it for the app; by TLS that path is the app's, too."""
    app = complete(minimal(tls=tls, mount=mount, access=[{"allow": ["192.0.2.0/24"]}]))
    [lines] = [
        words[-1]
        for words in read_nginx(nginx_files(app))
        if words[0] == "map" and words[2] == "$flask_app_refused_shop"
    ]
    assert (["~^/\\.well-known/acme-challenge/", "0"] in lines) == open_to_all
    assert lines[-1][1] == "$flask_app_refused_1_shop"


@pytest.mark.parametrize("mount", ["/", "/shop"])
def test_limits_of_a_path_come_beside_those_of_an_address(mount: str) -> None:
    """nginx takes from outside what has no such limit of its own."""
    app = complete(minimal(mount=mount, access=[{"path": "/login", "connections": 5}]))
    kinds = {"server": "/", "location": "/shop"}
    [lines] = [words[-1] for words in read_nginx(site(app)) if kinds.get(words[0]) == mount and words[1] != "="]
    assert any(words[0] == "limit_conn" for words in lines)
    assert ["include", "flask-limits"] in lines
