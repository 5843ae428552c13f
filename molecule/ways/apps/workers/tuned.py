"""Tells which process and thread answers, and hands messages to a mule."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from urllib.parse import parse_qs

# Where the app was loaded: in a worker itself, or in the process that it was forked from.
LOADED_BY = os.getpid()
HEARD = Path("instance/heard.txt")


def application(environ, start_response):
    asked = {key: values[0] for key, values in parse_qs(environ["QUERY_STRING"]).items()}
    time.sleep(float(asked.get("sleep", 0)))
    if "tell" in asked:
        import uwsgi

        uwsgi.mule_msg(asked["tell"].encode())
    told = {
        "process": os.getpid(),
        "parent": os.getppid(),
        "loaded_by": LOADED_BY,
        "thread": threading.get_ident(),
        "head": sum(len(value) for name, value in environ.items() if name.startswith("HTTP_X_FILL")),
        "heard": HEARD.read_text() if HEARD.exists() else "",
    }
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(told).encode()]
