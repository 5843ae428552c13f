"""What the shell leaves of an extra variable, and what Ansible makes of it."""

from __future__ import annotations

import pytest

from ansible_collections.emperor.flask.plugins.lookup.typed import typed


@pytest.mark.parametrize(
    ("given", "variables", "found"),
    [
        (["app=web", "command=flask routes --sort=rule"], {"command": "flask"}, "flask routes --sort=rule"),
        (["command='flask routes' app=web"], {"command": "flask routes"}, "flask routes"),
        (["app=web command=id"], {"command": "id"}, "id"),
        (['{"command": "flask routes"}'], {"command": "flask routes"}, "flask routes"),
        (["command=one x", "command=two y"], {"command": "two"}, "two y"),
        (["commands=flask routes"], {}, ""),
        ([], {}, ""),
    ],
)
def test_all_that_was_typed_is_returned(given: list[str], variables: dict[str, str], found: str) -> None:
    assert typed("command", given, variables) == found
