"""Waits in greenlets of one process."""

from __future__ import annotations

import json
import os
import time

LOADED_BY = os.getpid()
at_work = 0
most = 0


def application(environ, start_response):
    global at_work, most
    at_work += 1
    most = max(most, at_work)
    time.sleep(float(environ["QUERY_STRING"] or 0))
    at_work -= 1
    told = {"process": os.getpid(), "parent": os.getppid(), "loaded_by": LOADED_BY, "most": most}
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(told).encode()]
