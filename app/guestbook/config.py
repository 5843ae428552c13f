"""Configuration: defaults, then the environment, then what a test passes in."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from click import ClickException
from flask import Flask
from sqlalchemy import URL

MEBIBYTE = 1024 * 1024


class ConfigurationError(ClickException):
    """A setting is missing or wrong; the message says which one and what to set."""


def init_app(app: Flask, test_config: Mapping[str, Any] | None = None) -> None:
    """Fill ``app.config``; raise `ConfigurationError` if the app could not run safely."""
    app.config.from_mapping(
        ENTRIES_PER_PAGE=10,
        SESSION_COOKIE_NAME="guestbook_session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SQLALCHEMY_ENGINE_OPTIONS={"pool_pre_ping": True},
        # A form may stay open for as long as the session lives.
        WTF_CSRF_TIME_LIMIT=None,
    )
    app.config.from_mapping(from_environment(app))
    app.config.from_mapping(test_config)

    if app.config["MAX_CONTENT_LENGTH"] is None:
        # Leave room around the largest picture for the other fields of the form.
        app.config["MAX_CONTENT_LENGTH"] = app.config["MAX_PICTURE_BYTES"] + MEBIBYTE
    if not app.config["SECRET_KEY"]:
        if not (app.debug or app.testing):
            raise ConfigurationError(
                "SECRET_KEY is not set: set it to a long random value, for example the output of"
                " python3 -c 'import secrets; print(secrets.token_hex(32))'"
            )
        app.config["SECRET_KEY"] = "only-for-development"  # noqa: S105 - debug and tests alone
    app.logger.setLevel(app.config["LOG_LEVEL"])


def from_environment(app: Flask) -> dict[str, Any]:
    """Read every setting that the environment may give."""
    environ = os.environ
    default_database = URL.create("sqlite", database=f"{app.instance_path}/guestbook.sqlite")
    default_media = Path(app.root_path).parent / "media"
    return {
        "SECRET_KEY": environ.get("SECRET_KEY"),
        "SQLALCHEMY_DATABASE_URI": database_url(environ.get("DATABASE_URL")) or default_database,
        "MEDIA_DIR": environ.get("MEDIA_DIR") or default_media,
        "MAX_PICTURE_BYTES": positive_number("MAX_PICTURE_BYTES", 10 * MEBIBYTE),
        "SESSION_COOKIE_SECURE": switch("SESSION_COOKIE_SECURE"),
        "LOG_LEVEL": log_level("LOG_LEVEL", "INFO"),
        "RELEASE": environ.get("EMPEROR_RELEASE") or "development",
    }


def database_url(url: str | None) -> str | None:
    """Accept the scheme ``postgres://``, which many providers hand out."""
    if url and url.startswith("postgres://"):
        return "postgresql://" + url.removeprefix("postgres://")
    return url


def positive_number(variable: str, default: int) -> int:
    """Read a whole number greater than zero."""
    value = os.environ.get(variable) or str(default)
    if not (value.isascii() and value.isdigit() and int(value) > 0):
        raise ConfigurationError(f"{variable} is {value!r}: set it to a whole number above 0")
    return int(value)


def switch(variable: str) -> bool:
    """Read a setting that is on or off, and off when it is not set."""
    value = os.environ.get(variable, "").lower()
    if value not in {"", "0", "1", "false", "true"}:
        raise ConfigurationError(f"{variable} is {value!r}: set it to 1 or 0")
    return value in {"1", "true"}


def log_level(variable: str, default: str) -> str:
    """Read the name of a log level."""
    value = (os.environ.get(variable) or default).upper()
    if not isinstance(logging.getLevelName(value), int):
        raise ConfigurationError(f"{variable} is {value!r}: set it to debug, info or warning")
    return value
