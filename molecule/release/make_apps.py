"""Writes the apps that the scenario begins with, for each host that is named as an argument."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from owner import Owner

HERE = Path(__file__).resolve().parent

SMALL = """
import os


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [os.environ["EMPEROR_RELEASE"].encode()]
"""


def make(owner: Owner) -> None:
    owner.start_afresh()
    shutil.copytree(HERE / "shop", owner.source("shop"))
    owner.describe(
        "shop",
        wsgi="shop:app",
        # For ten slow requests at every moment, and the quick ones beside them.
        workers={"processes": 2, "threads": 10},
        environment={"FLAG": "old"},
        max_body_size="1m",
        static=[{"url": "/assets", "path": "assets"}],
        release_command="flask --app shop migrate",
    )
    shutil.copytree(HERE.parents[1] / "app", owner.source("guestbook"), ignore=shutil.ignore_patterns("instance"))
    owner.describe(
        "guestbook",
        wsgi="guestbook:create_app()",
        health={"path": "/healthz"},
        workers={"processes": 2, "threads": 2},
        static=[{"url": "/static", "path": "guestbook/static"}],
        media=[{"url": "/media", "path": "media"}],
        secrets={"SECRET_KEY": "not-secret-on-a-test-host"},
        release_command="flask --app guestbook guestbook init-db",
    )
    for name in ("web", "web2"):
        owner.write(name, {"small.py": SMALL})
        owner.describe(name, wsgi="small:application", workers={"processes": 1})


for name in sys.argv[1:]:
    make(Owner(name))
