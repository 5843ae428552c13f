"""Error pages: one template, and honest words for each mistake."""

from __future__ import annotations

from flask import Flask, current_app, render_template
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import HTTPException, ServiceUnavailable

from .database import explain
from .filters import megabytes

WORDS = {
    400: ("Bad request", "The server could not make sense of this request."),
    404: ("Page not found", "There is no page at this address."),
    405: ("Not possible here", "This address does not take that kind of request."),
    500: ("Something broke", "That is our mistake, and it has been written to the log."),
}


def init_app(app: Flask) -> None:
    """Register the handlers, from the general to the particular."""
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(413, too_large)
    app.register_error_handler(CSRFError, csrf_error)
    app.register_error_handler(DBAPIError, database_error)


def http_error(error: HTTPException) -> ResponseReturnValue:
    """Answer with the page for an error."""
    title, text = WORDS.get(error.code or 500, (error.name, error.description or ""))
    return page(error, title, text)


def too_large(error: HTTPException) -> ResponseReturnValue:
    """Tell the visitor how large a picture may be."""
    limit = megabytes(current_app.config["MAX_PICTURE_BYTES"])
    return page(error, "Too large", f"That was more than this book takes: a picture up to {limit}.")


def csrf_error(error: CSRFError) -> ResponseReturnValue:
    """Tell the visitor what to do when a form cannot be trusted."""
    text = (
        "We could not tell whether this form came from our own page, so nothing was saved."
        " Please allow cookies for this site, load the page again and send the form once more."
    )
    return page(error, "Form not accepted", text)


def database_error(error: DBAPIError) -> ResponseReturnValue:
    """Answer 503 if the database is missing or not ready; anything else is a bug."""
    reason = explain(error)
    if reason is None:
        raise error
    text, command = reason
    current_app.logger.error("%s %s", text, command or type(error).__name__)
    return page(ServiceUnavailable(), "Be right back", text, command)


def page(
    error: HTTPException, title: str, text: str, command: str | None = None
) -> ResponseReturnValue:
    """Render the page, and keep the status and the headers that belong to the error."""
    body = render_template("error.html", code=error.code, title=title, text=text, command=command)
    headers = [(name, value) for name, value in error.get_headers() if name != "Content-Type"]
    return body, error.code or 500, headers
