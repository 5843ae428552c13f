"""CSRF protection, the session cookie, and the headers that every answer carries."""

from __future__ import annotations

from flask import Flask, Response, request
from flask.sessions import SecureCookieSessionInterface
from flask_wtf import CSRFProtect

csrf = CSRFProtect()

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self';"
        " base-uri 'none'; frame-ancestors 'none'"
    ),
    # Over HTTPS the CSRF check compares the referrer, so keep it within this site.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class SessionInterface(SecureCookieSessionInterface):
    """Mark the cookie as secure whenever the visitor came over HTTPS."""

    def get_cookie_secure(self, app: Flask) -> bool:
        """Follow the configuration, and else the scheme of the request."""
        return super().get_cookie_secure(app) or request.is_secure


def init_app(app: Flask) -> None:
    """Protect the app."""
    csrf.init_app(app)
    app.session_interface = SessionInterface()
    app.after_request(add_headers)


def add_headers(response: Response) -> Response:
    """Add the headers that an answer does not already have."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response
