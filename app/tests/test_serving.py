"""The app as a server runs it: its own processes, several at once; and the examples."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

from flask import Flask
from sqlalchemy import func, select
from werkzeug.test import Client

from guestbook.database import db
from guestbook.models import Entry

HOME = Path(__file__).parents[1]

WORKER = """
import threading
from guestbook import create_app

app = create_app({"WTF_CSRF_ENABLED": False})

def visit(name):
    client = app.test_client()
    for number in range(15):
        assert client.post("/", data={"name": name, "message": "Hi"}).status_code == 303
        assert client.get("/").status_code == 200

failed = []
threading.excepthook = failed.append
threads = [threading.Thread(target=visit, args=[name]) for name in ("a", "b")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
raise SystemExit(bool(failed))
"""


def environment(**settings: str) -> dict[str, str]:
    """Return the environment of a new process."""
    return {**os.environ, "PYTHONPATH": str(HOME), **settings}


def test_two_processes_with_two_threads_share_the_database(app: Flask) -> None:
    settings = environment(
        SECRET_KEY="test", DATABASE_URL=app.config["SQLALCHEMY_DATABASE_URI"], LOG_LEVEL="error"
    )
    workers = [subprocess.Popen([sys.executable, "-c", WORKER], env=settings) for _ in range(2)]
    assert [worker.wait(timeout=60) for worker in workers] == [0, 0]
    with app.app_context():
        assert db.session.scalar(select(func.count(Entry.id))) == 60


def test_command_line_without_a_secret_key() -> None:
    command = [sys.executable, "-m", "flask", "--app", "guestbook", "guestbook", "init-db"]
    result = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith("Error: SECRET_KEY is not set: set it to ")
    assert result.stderr.count("\n") == 1


def test_foobar() -> None:
    application = runpy.run_path(str(HOME / "examples/foobar/foobar.py"))["application"]
    response = Client(application).get("/")
    assert response.status_code == 200
    assert response.content_type == "text/plain; charset=utf-8"
    assert response.data == b"Hello from foobar: raw WSGI, no framework\n"
    assert response.content_length == len(response.data)


def test_myflaskapp() -> None:
    app = runpy.run_path(str(HOME / "examples/myflaskapp/myflaskapp.py"))["app"]
    response = app.test_client().get("/")
    assert (response.status_code, response.text) == (200, "I am app 1")
