"""An app of Flask that is mounted below a path and does not know it."""

from __future__ import annotations

import os
from typing import Any

from flask import Flask, redirect, request, session, url_for


def create_app() -> Flask:
    app = Flask(__name__, static_folder="files", static_url_path="/static")
    app.secret_key = os.urandom(16)
    app.config.from_prefixed_env()

    @app.get("/")
    def index() -> dict[str, str]:
        session["seen"] = "yes"
        return {
            "page": url_for("page", name="a b"),
            "static": url_for("static", filename="style.css"),
            "absolute": url_for("index", _external=True),
        }

    @app.get("/go")
    def go() -> Any:
        return redirect(url_for("page", name="there"))

    @app.get("/page/<path:name>")
    def page(name: str) -> list[str]:
        return [request.script_root, request.path, name]

    @app.get("/up")
    def up() -> str:
        return "up at " + request.script_root

    @app.get("/fail")
    def fail() -> str:
        raise RuntimeError("on purpose")

    return app
