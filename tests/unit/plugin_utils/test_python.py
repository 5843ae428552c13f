"""Which Python an app may ask for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.emperor.flask.plugins.plugin_utils.apps import AppsError
from ansible_collections.emperor.flask.tests.support.apps import complete, minimal, mistakes

NEITHER = "is neither a version such as '3.12' nor the path of an interpreter such as /opt/python/bin/python3.12"
REFUSED = [
    ({"python": 3.13}, "python: 3.13 is not a text; write it in quotes"),
    ({"python": ""}, f"python: '' {NEITHER}; try '3.12'"),
    ({"python": "3"}, f"python: '3' {NEITHER}; try '3.12'"),
    ({"python": "3.12.1"}, f"python: '3.12.1' {NEITHER}; try '3.12'"),
    ({"python": "python3.13"}, f"python: 'python3.13' {NEITHER}; try '3.13'"),
    ({"python": "bin/python3"}, f"python: 'bin/python3' {NEITHER}; try '3.12'"),
    ({"python": "/opt/../root/python3"}, f"python: '/opt/../root/python3' {NEITHER}; try '3.12'"),
    ({"python": "/opt/a b"}, f"python: '/opt/a b' {NEITHER}; try '3.12'"),
    ({"python": "2.7"}, f"python: '2.7' {NEITHER}; try '3.12'"),
    ({"python": "3.7"}, "python: 3.7 is too old; 3.8 is the first that can be had"),
    (
        {"python": "/root/python/bin/python3"},
        "python: /root/python/bin/python3 is below /root, which no app sees; install it elsewhere, such as in /opt",
    ),
    ({"uwsgi_engine": "host"}, "uwsgi_engine: 'host' is not one of distribution, app"),
    (
        {"python": "3.12", "uwsgi_options": {"plugin": "router_static"}},
        "uwsgi_options.plugin: goes with the host's uWSGI only; the app's own has its plugins built in; leave it out",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), REFUSED, ids=[message[:60] for _, message in REFUSED])
def test_refused(changes: dict[str, Any], message: str) -> None:
    assert mistakes(minimal(**changes)) == [f"flask_apps[0].{message}"]


@pytest.mark.parametrize("python", ["3.8", "3.13", "3.20", "/opt/python3.12/bin/python3.12", "/usr/bin/python3"])
def test_taken(python: str) -> None:
    assert complete(minimal(python=python))["python"] == python


@given(
    python=st.text(max_size=12) | st.sampled_from(["3.12\n", "\u0663.12", "3.1\uff12", "/opt/-x", "/opt/x\n", "--help"])
)
def test_whatever_is_taken_is_no_option_and_one_word(python: str) -> None:
    """It stands first in commands of root."""
    try:
        found = complete(minimal(python=python))["python"]
    except AppsError:
        return
    assert found.isascii()
    assert len(found.split()) == 1
    assert found[0] in "3/"
