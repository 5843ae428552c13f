"""An app as a name of a module, and from a factory."""

from __future__ import annotations

from flask import Flask


def create_app(name: str = "factory") -> Flask:
    made = Flask(__name__)
    made.add_url_rule("/", view_func=lambda: name, endpoint="index")
    return made


app = create_app("module")
