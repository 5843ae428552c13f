"""The guestbook: a small Flask app, written the way an app for production is written.

``create_app`` is the only name a server needs: ``guestbook:create_app()``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask

from . import cli, config, database, errors, filters, health, security, views

__all__ = ["create_app"]


def create_app(test_config: Mapping[str, Any] | None = None) -> Flask:
    """Create the app, configured by the environment and then by ``test_config``.

    Nothing is written and no connection is opened here, so a server may create the app
    from read-only code and fork afterwards.
    """
    app = Flask(__name__)

    config.init_app(app, test_config)
    database.init_app(app)
    security.init_app(app)
    filters.init_app(app)
    errors.init_app(app)

    app.register_blueprint(views.bp)
    app.register_blueprint(health.bp)
    app.cli.add_command(cli.group)

    return app
