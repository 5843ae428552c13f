"""Tells who serves it, what it was asked, and what it sees of its host."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import parse_qs

_ASKED = ("REMOTE_ADDR", "wsgi.url_scheme", "HTTP_HOST", "SERVER_NAME", "SERVER_PORT", "SCRIPT_NAME", "PATH_INFO")
_CLAIMS = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PREFIX", "HTTP_FORWARDED", "HTTP_PROXY", "HTTP_X_REQUEST_ID")


def asked(environ):
    return {name: environ.get(name) for name in (*_ASKED, *_CLAIMS, "QUERY_STRING")}


def seen():
    """Tell what the app finds where others might have left something, and where it may write."""

    def writes(folder):
        try:
            with tempfile.NamedTemporaryFile(dir=folder):
                return True
        except OSError:
            return False

    folders = ("/tmp", "/srv/apps", "shared", "instance", "media", ".", tempfile.gettempdir())
    return {
        "apps": names("/srv/apps"),
        "tmp": names("/tmp"),
        "tempdir": tempfile.gettempdir(),
        "writes": [folder for folder in folders if writes(folder)],
        "hidden": [folder for folder in ("/etc/flask-emperor", "/run/flask-emperor", "/etc/nginx") if hides(folder)],
    }


def names(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def hides(folder):
    try:
        return not names(folder)
    except OSError:
        return True


def application(environ, start_response):
    query = {name: values[0] for name, values in parse_qs(environ["QUERY_STRING"]).items()}
    time.sleep(float(query.get("sleep", 0)))
    path = environ["PATH_INFO"]
    if path == "/fail":
        raise RuntimeError("as it was asked to")
    if path == "/upload":
        size = 0
        with Path("media/upload.txt").open("wb") as file:
            while block := environ["wsgi.input"].read(65536):
                size += file.write(block)
        told = {"size": size}
    elif path == "/seen":
        told = seen()
    else:
        told = asked(environ)
    who = {
        "release": os.environ["EMPEROR_RELEASE"],
        "server": "uwsgi" if "uwsgi" in sys.modules else "gunicorn",
        "process": os.getpid(),
        "parent": os.getppid(),
        "token": os.environ.get("TOKEN"),
    }
    start_response("200 OK", [("Content-Type", "application/json"), ("X-Request-Id", "the app's own")])
    return [json.dumps({**who, **told}).encode()]
