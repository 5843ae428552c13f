"""The address that a deploy asks before it sends traffic here."""

from __future__ import annotations

from flask import Blueprint, current_app, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from .database import db

bp = Blueprint("health", __name__)


@bp.get("/healthz")
def healthz() -> ResponseReturnValue:
    """Ask the database one question, and name the release that answers."""
    status, code = "ok", 200
    try:
        db.session.execute(select(1))
    except SQLAlchemyError as error:
        current_app.logger.error("health check: the database failed: %s", type(error).__name__)
        status, code = "database failed", 503
    response = jsonify(status=status, release=current_app.config["RELEASE"])
    response.status_code = code
    response.cache_control.no_store = True
    return response
