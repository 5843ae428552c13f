"""A release, assembled and loaded once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.module_utils.preflight import PreflightError
from ansible_collections.emperor.flask.plugins.modules import release
from ansible_collections.emperor.flask.tests.support.hosts import ID, STEP, App, Host
from ansible_collections.emperor.flask.tests.support.modules import run_module

SOURCE = {"path": None, "git": "https://git.example.org/shop.git", "version": "v1", "deploy_key": "canary-4711"}


def arguments(app: App | None = None, **more: Any) -> dict[str, Any]:
    description: dict[str, Any] = {
        "static": [],
        "error_pages": [],
        "writable": [],
        "media": [],
        "wsgi": "shop:app",
        "python_path": ["lib"],
    }
    description |= {"health": {"timeout": 7}}
    return {
        **STEP,
        "revision": "v1",
        "description": description,
        "source": SOURCE,
        "virtualenv": str(app.virtualenv) if app else "/v",
        "files": {"vassal.ini": "[uwsgi]\n"},
        "environment": {"A": "1", "B": "x"},
        "secrets": {"KEY": "k%40y"},
        "users": {"ada": "$6$canary"},
        **more,
    }


@pytest.fixture(autouse=True)
def loads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Load nothing, and tell what was to be loaded."""
    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr(release, "load", lambda *given: asked.append(given))
    return asked


@pytest.fixture
def built(shop: App) -> Path:
    (shop.layout.releases / f"{ID}.tmp/src").mkdir(parents=True)
    found = run_module(release, **arguments(shop))
    assert found["path"] == str(shop.layout.release(ID))
    return shop.layout.release(ID)


def test_secrets_and_names_of_our_own_join_the_environment(built: Path) -> None:
    written = {path.name: path.read_text() for path in (built / "env").iterdir()}
    assert written == {
        "A": "1", "B": "x", "KEY": "k%40y",
        "EMPEROR_APP": "shop", "EMPEROR_RELEASE": ID, "EMPEROR_REVISION": "v1",
    }  # fmt: skip


def test_the_manifest_tells_what_a_later_plan_compares(built: Path) -> None:
    text = (built / "release.json").read_text()
    manifest = json.loads(text)
    assert len(manifest.pop("digest")) == 64
    assert manifest.pop("built").endswith("+00:00")
    assert manifest == {
        "app": "shop", "id": ID, "revision": "v1", "description": arguments()["description"],
        "source": {"git": "https://git.example.org/shop.git", "version": "v1"},
    }  # fmt: skip
    assert "k%40y" not in text
    assert "canary" not in text
    assert (built / "htpasswd").read_text() == "ada:$6$canary\n"


def test_the_app_is_loaded_once_where_it_stands_as_yet(built: Path, shop: App, loads: list[tuple[Any, ...]]) -> None:
    assert loads == [(shop.layout, ID, shop.layout.releases / f"{ID}.tmp", "shop:app", ["lib"], 7)]


def test_an_app_that_cannot_be_loaded_fails_with_its_own_words(shop: App, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_given: Any) -> None:
        raise PreflightError("ModuleNotFoundError: No module named 'flask'", "Traceback: no flask")

    monkeypatch.setattr(release, "load", load)
    (shop.layout.releases / f"{ID}.tmp/src").mkdir(parents=True)
    found = run_module(release, **arguments(shop))
    assert found["msg"] == (
        f"app shop, release {ID}: ModuleNotFoundError: No module named 'flask'; "
        "the app cannot be loaded, so it was not started"
    )
    assert found["log"] == "Traceback: no flask"
    assert found["remedy"].startswith("flask is neither in the source nor installed")
    assert not shop.layout.release(ID).exists()


def test_what_cannot_be_assembled_is_told(shop: App) -> None:
    (shop.layout.releases / f"{ID}.tmp/src").mkdir(parents=True)
    given = arguments(shop)
    given["description"]["static"] = [{"url": "/s", "path": "gone"}]
    assert run_module(release, **given)["msg"] == (
        f"app shop, release {ID}: static path gone is no folder of the source"
    )


def test_check_mode_assembles_nothing(host: Host) -> None:
    found = run_module(release, check=True, **arguments())
    assert (found["changed"], list(host.apps.iterdir()), host.locks.exists()) == (True, [], False)


def test_an_app_that_brings_what_runs_it_is_assembled_for_that(
    shop: App, monkeypatch: pytest.MonkeyPatch, loads: list[tuple[Any, ...]]
) -> None:
    """What its own uWSGI knows is asked where the release stands, before the app is loaded by it."""
    asked: list[tuple[bool, int]] = []

    def check_options(_layout: Any, stage: Path, description: dict[str, Any]) -> None:
        asked.append(((stage / "engine").is_symlink(), len(loads)))

    monkeypatch.setattr(release, "check_options", check_options)
    (shop.layout.releases / f"{ID}.tmp/src").mkdir(parents=True)
    given = arguments(shop, files={"vassal.ini": "[uwsgi]\nplugins = python3\nmaster = true\n"})
    run_module(release, **{**given, "description": {**given["description"], "uwsgi_engine": "app"}})
    assert (shop.layout.release(ID) / "vassal.ini").read_text() == "[uwsgi]\nmaster = true\n"
    assert asked == [(True, 0)]
    assert len(loads) == 1
