"""What the tests share: types of the fixtures, and a way to read the token of a form."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Protocol

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

MakeApp = Callable[..., Flask]


class Sign(Protocol):
    """Send the form, as a browser would: with the token from the page."""

    def __call__(self, **fields: Any) -> TestResponse:
        """Send these fields on top of a valid name and message."""


def token(client: FlaskClient) -> str:
    """Read the CSRF token from the page."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/").text)
    assert found
    return found[1]


def close_body(response: TestResponse) -> None:
    """Close the file in which the test client kept a large request."""
    response.request.environ["wsgi.input"].close()
