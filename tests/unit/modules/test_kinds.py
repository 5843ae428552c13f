"""An app that goes from the emperor to a unit of its own and back, step by step."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import emperor as emperors
from ansible_collections.emperor.flask.plugins.module_utils import release_units, vassals
from ansible_collections.emperor.flask.plugins.module_utils.layout import traces_of
from ansible_collections.emperor.flask.plugins.module_utils.plan import drift_of_served
from ansible_collections.emperor.flask.plugins.modules import activate, retire, start
from ansible_collections.emperor.flask.tests.support.hosts import ID, NEXT, STEP, App, Host
from ansible_collections.emperor.flask.tests.support.modules import run_module
from ansible_collections.emperor.flask.tests.support.servers import FakeEmperor, serve
from ansible_collections.emperor.flask.tests.support.systemd import Systemd

OLD, NEW = f"shop.{ID}", f"shop.{NEXT}"
GUNICORN = {"gunicorn.conf.py": "workers = 2\n", "release.service": "[Service]\n"}
STRICT = {"vassal.ini": "[uwsgi]\n", "release.service": "[Service]\n"}
CHECK = {"domains": ["shop.test"], "path": "/", "timeout": 5}


def run(module: Any, release: str, **more: Any) -> dict[str, Any]:
    return run_module(module, **{**STEP, "release": release, **more})


def answers(release: str, asked: list[bytes]) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        asked.append(connection.recv(65536))
        connection.sendall(f"HTTP/1.1 200 OK\r\nX-Emperor-Release: {release}\r\n\r\n".encode())

    return answer


@pytest.fixture
def serving(shop: App, emperor: FakeEmperor, systemd: Systemd, monkeypatch: pytest.MonkeyPatch) -> App:
    monkeypatch.setattr(release_units, "_PATIENCE", 0)
    shop.serve(ID)
    return shop


def switched(app: App, files: dict[str, str]) -> list[bytes]:
    """Start, check and activate the next release; return what it was asked."""
    asked: list[bytes] = []
    app.build(NEXT, files=files)
    with serve(vassals.socket_of(NEW), answers(NEXT, asked)):
        assert "failed" not in run(start, NEXT, vassal=NEW, serving=OLD, **CHECK)
        assert run(activate, NEXT, revision="rev")["previous"] == ID
        assert traces_of("shop") == [OLD, NEW]
    return asked


@pytest.mark.parametrize(("files", "link"), [(GUNICORN, "http.sock"), (STRICT, "uwsgi.sock")])
def test_from_the_emperor_to_a_unit(serving: App, host: Host, files: dict[str, str], link: str) -> None:
    asked = switched(serving, files)
    assert asked[0].startswith(b"GET /") == (link == "http.sock")
    release = serving.layout.release(NEXT)
    assert [path.name for path in sorted(release.glob("*.sock"))] == sorted([link, "started.sock"])
    assert run(retire, NEXT)["retired"] == [OLD]
    assert (list(host.vassals.iterdir()), traces_of("shop")) == ([], [NEW])


def test_and_back_to_the_one_that_is_kept(serving: App, host: Host, systemd: Systemd) -> None:
    switched(serving, GUNICORN)
    assert run(retire, NEXT, rollback_window=600)["kept"] == OLD
    asked: list[bytes] = []
    # What systemd bound is there as long as its unit.
    Path(vassals.socket_of(OLD)).unlink()
    with serve(vassals.socket_of(OLD), answers(ID, asked)):
        assert "failed" not in run(start, ID, vassal=OLD, serving=NEW, **CHECK)
        assert not asked[0].startswith(b"GET /")
        run(activate, ID, revision="rev", rollback=True)
        assert run(retire, ID)["retired"] == [NEW]
        assert traces_of("shop") == [OLD]
        assert not release_units.knows(NEW)
        assert emperors.is_started(OLD)


def test_a_unit_that_serves_is_as_it_was_left_until_somebody_changes_it(serving: App) -> None:
    switched(serving, GUNICORN)
    run(retire, NEXT)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(vassals.socket_of(NEW)))
    before = drift_of_served(serving.layout)
    release_units.file_of(NEW).write_text("[Service]\nUser=root\n")
    assert [found for found in drift_of_served(serving.layout) if found not in before] == [
        f"flask-release@{NEW}.service was changed by hand"
    ]


def test_one_that_does_not_pass_is_killed_at_once_and_the_old_one_stays(
    serving: App, host: Host, systemd: Systemd
) -> None:
    serving.build(NEXT, files=GUNICORN)
    with serve(vassals.socket_of(NEW), answers("0" * 12, [])):
        failed = run(start, NEXT, vassal=NEW, serving=OLD, **{**CHECK, "timeout": 1})
    assert f"answered by release {'0' * 12}" in failed["msg"]
    assert failed["view"].startswith("systemd")
    assert ["systemctl", "kill", "--signal=KILL", f"flask-release@{NEW}.service"] in systemd.calls
    assert traces_of("shop") == [OLD]
