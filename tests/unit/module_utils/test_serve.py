"""What stands between gunicorn and an app; gunicorn itself is on no controller."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import serve

ASKED = {
    "HTTP_HOST": "shop.test:8443",
    "HTTP_X_FORWARDED_FOR": "192.0.2.7",
    "HTTP_X_FORWARDED_PROTO": "https",
    "HTTP_X_FORWARDED_PORT": "8443",
    "HTTP_X_REQUEST_ID": "f" * 32,
    "RAW_URI": "/cart?x=1",
    "PATH_INFO": "/cart",
    # What a client might have sent, or gunicorn guessed.
    "SCRIPT_NAME": "/evil",
    "REMOTE_ADDR": "",
    "wsgi.url_scheme": "http",
}


class Answers:
    """An app that notes what it was asked, and answers with a status."""

    def __init__(self, status: str = "200 OK") -> None:
        self.status = status
        self.asked: dict[str, Any] = {}

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        self.asked = environ
        start(self.status, [("A", "b")])
        return [b"body"]


@pytest.fixture(autouse=True)
def no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve.time, "monotonic", lambda: 0.0)


def ask(app: serve.App) -> list[Any]:
    heard: list[Any] = []
    body = serve.bridge(app, "0123456789ab", "/shop")(dict(ASKED), lambda *given: heard.extend(given))
    return [*heard, b"".join(body)]


def test_an_app_sees_what_nginx_says_and_its_answer_names_the_release() -> None:
    app = Answers()
    assert ask(app) == ["200 OK", [("A", "b"), ("X-Emperor-Release", "0123456789ab")], b"body"]
    wanted = {
        "REMOTE_ADDR": "192.0.2.7", "wsgi.url_scheme": "https", "HTTPS": "on", "SERVER_NAME": "shop.test",
        "SERVER_PORT": "8443", "SCRIPT_NAME": "/shop", "PATH_INFO": "/cart", "REQUEST_URI": "/shop/cart?x=1",
    }  # fmt: skip
    assert wanted.items() <= app.asked.items()


@pytest.mark.parametrize(("status", "noted"), [("200 OK", ""), ("503 No", f"request {'f' * 32}: status 503, 0 ms\n")])
def test_a_request_that_failed_gets_a_line(capsys: pytest.CaptureFixture[str], status: str, noted: str) -> None:
    ask(Answers(status))
    assert capsys.readouterr().err == noted


def raising(error: BaseException) -> serve.App:
    def app(_environ: dict[str, Any], _start: Callable[..., Any]) -> Iterable[bytes]:
        raise error

    return app


def test_the_error_of_an_app_stands_before_the_line_of_its_request(capsys: pytest.CaptureFixture[str]) -> None:
    status, headers, _, body = ask(raising(KeyError("x")))
    assert (status, body) == ("500 Internal Server Error", b"Internal Server Error\n")
    assert ("X-Emperor-Release", "0123456789ab") in headers
    assert capsys.readouterr().err.splitlines()[-2:] == ["KeyError: 'x'", f"request {'f' * 32}: status 500, 0 ms"]


def test_the_end_of_a_worker_in_a_request_gets_a_line_and_stays_an_end(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        ask(raising(SystemExit(1)))
    assert capsys.readouterr().err == f"request {'f' * 32}: status 500, 0 ms\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/to_be_served.py").write_text(
        "def app(e, s): return [b'lib']\ndef make(): return app\nnumber = 5\n"
    )
    (tmp_path / "web").mkdir()
    (tmp_path / "web/to_be_served_too.py").write_text("from to_be_served import app\n")
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


@pytest.mark.parametrize("target", ["to_be_served:app", "to_be_served:make()", "web/to_be_served_too.py:app"])
def test_each_form_of_wsgi_is_loaded(root: Path, target: str) -> None:
    assert serve.load_app(target, root, ["lib"])({}, print) == [b"lib"]


@pytest.mark.parametrize("target", ["to_be_served:none", "to_be_served:number"])
def test_a_missing_callable_is_told(root: Path, target: str) -> None:
    with pytest.raises(SystemExit) as caught:
        serve.load_app(target, root, ["lib"])
    assert caught.value.code == serve.NO_CALLABLE


def test_a_virtualenv_without_gunicorn_is_told(tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-S", serve.__file__, str(tmp_path / "gunicorn.conf.py"), "check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, f"{serve.NO_GUNICORN}\n")
