"""A release, assembled."""

from __future__ import annotations

import json
from pathlib import Path

from ansible_collections.emperor.flask.plugins.modules import release
from ansible_collections.emperor.flask.tests.support.hosts import ID, Host, build
from ansible_collections.emperor.flask.tests.support.modules import run_module


def test_secrets_and_names_of_our_own_join_the_environment(root: Path) -> None:
    build(root)
    written = {path.name: path.read_text() for path in (root / f"releases/{ID}/env").iterdir()}
    assert written == {
        "A": "1", "B": "x", "KEY": "k%40y",
        "EMPEROR_APP": "shop", "EMPEROR_RELEASE": ID, "EMPEROR_REVISION": "v1",
    }  # fmt: skip


def test_the_manifest_tells_what_a_later_plan_compares(root: Path) -> None:
    build(root)
    manifest = json.loads((root / f"releases/{ID}/release.json").read_text())
    assert len(manifest.pop("digest")) == 64
    assert manifest == {"app": "shop", "id": ID, "revision": "v1", "parts": {"idle": "00"}}


def test_what_cannot_be_assembled_is_told(root: Path) -> None:
    (root / f"releases/{ID}.tmp/src").mkdir(parents=True)
    found = run_module(
        release,
        name="shop",
        id=ID,
        revision="v1",
        virtualenv="/v",
        vassal="",
        static=[{"url": "/s", "path": "gone"}],
    )
    assert found["msg"] == f"app shop, release {ID}: static path gone is no folder of the source"


def test_check_mode_assembles_nothing(host: Host) -> None:
    found = run_module(release, check=True, name="shop", id=ID, revision="v1", virtualenv="/v", vassal="")
    assert (found["changed"], list(host.apps.iterdir())) == (True, [])
