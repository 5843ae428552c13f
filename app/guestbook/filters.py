"""Template filters and the values that every template may use."""

from __future__ import annotations

from datetime import datetime

from flask import Flask, current_app, url_for
from markupsafe import Markup


def init_app(app: Flask) -> None:
    """Make the filters and values known to the templates."""
    app.add_template_filter(lines)
    app.add_template_filter(moment)
    app.add_template_filter(megabytes)
    app.context_processor(lambda: {"asset": asset})


def lines(text: str) -> Markup:
    """Escape a text and keep its line breaks."""
    return Markup("<br>\n").join(text.splitlines())


def moment(time: datetime) -> str:
    """Write a time for people."""
    return f"{time.day} {time:%B %Y, %H:%M} UTC"


def megabytes(number: int) -> str:
    """Write a number of bytes for people."""
    return f"{number / 1024 / 1024:.1f}".removesuffix(".0") + " MB"


def asset(filename: str) -> str:
    """Return the address of a static file, which changes with each release."""
    return url_for("static", filename=filename, v=current_app.config["RELEASE"])
