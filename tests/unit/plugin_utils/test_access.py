"""Passwords of two apps on one domain: one that is mounted does not unlock what the one above has locked."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.emperor.flask.tests.support.apps import HASH, minimal, mistakes

DOMAINS = ["example.org", "www.example.org"]
USERS = {"ada": HASH}


def app(name: str, access: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    users = USERS if any(entry.get("auth_basic") for entry in access) else {}
    return minimal(name=name, domains=DOMAINS, access=access, auth_basic_users=users, **more)


@pytest.mark.parametrize(
    ("top", "mounted", "locked"),
    [
        ([{"auth_basic": True}], [{"path": "/admin", "auth_basic": True}], "/shop"),
        ([{"path": "/shop", "auth_basic": True}], [{"path": "/admin", "auth_basic": True}], "/shop"),
        ([{"path": "/shop/x", "auth_basic": True}], [{"path": "/admin", "auth_basic": True}], "/shop/x"),
        ([{"auth_basic": True}], [{"path": "/hooks", "auth_basic": False}], "/shop"),
        # All of it is said.
        ([{"auth_basic": True}], [{"auth_basic": True}], ""),
        ([{"auth_basic": True}], [{"auth_basic": False}], ""),
        # Nothing is replaced.
        ([{"auth_basic": True}], [{"rate": "5r/s"}], ""),
        ([{"path": "/shopping", "auth_basic": True}], [{"path": "/admin", "auth_basic": True}], ""),
        (
            [{"auth_basic": True}, {"path": "/shop", "auth_basic": False}],
            [{"path": "/admin", "auth_basic": True}],
            "",
        ),
    ],
)
def test_a_mounted_app_unlocks_nothing_by_the_way(
    top: list[dict[str, Any]], mounted: list[dict[str, Any]], locked: str
) -> None:
    found = mistakes(app("portal", top), app("shop", mounted, mount="/shop"))
    told = (
        f"flask_apps[1].access: app portal asks for a password at {locked}, and passwords of app shop would replace "
        "that; add {path: /, auth_basic: true}, or false to open the rest"
    )
    assert found == ([told] if locked else [])


def test_apps_of_other_domains_are_none_of_its_business() -> None:
    other = {**app("portal", [{"auth_basic": True}]), "domains": ["example.net"]}
    assert mistakes(other, app("shop", [{"path": "/admin", "auth_basic": True}], mount="/shop")) == []
