"""The source of a release, from where it was transferred or fetched."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.modules import source
from ansible_collections.emperor.flask.tests.support.hosts import ID, STEP, App
from ansible_collections.emperor.flask.tests.support.modules import run_module


def arguments(**more: Any) -> dict[str, Any]:
    return {**STEP, "revision": "v1", "group": "flask-build", **more}


def test_an_archive_is_unpacked_aside(shop: App, archive: Path) -> None:
    found = run_module(source, **arguments(transferred=str(archive), strip=True))
    assert found["path"] == str(shop.root / f"releases/{ID}.tmp/src")
    assert (Path(found["path"]) / "app.py").read_text() == "app = 1\n"
    assert stat.S_IMODE(Path(found["path"]).parent.stat().st_mode) == 0o750


def test_what_an_earlier_try_left_is_gone(shop: App, archive: Path) -> None:
    (shop.root / f"releases/{ID}.tmp/src/old").mkdir(parents=True)
    found = run_module(source, **arguments(transferred=str(archive)))
    assert [path.name for path in Path(found["path"]).iterdir()] == ["shop-1.0"]


@pytest.mark.parametrize("content", [None, b"<html>"])
def test_a_wrong_archive_leaves_nothing(shop: App, archive: Path, content: bytes | None) -> None:
    if content:
        archive.write_bytes(content)
    checksum = f"sha256:{'0' * 64}" if content is None else None
    found = run_module(source, **arguments(transferred=str(archive), checksum=checksum))
    assert found["failed"]
    assert found["msg"].startswith(
        f"app shop, release {ID}: the archive's checksum is" if checksum else f"app shop, release {ID}: not a readable"
    )
    assert list((shop.root / "releases").iterdir()) == []


def test_a_right_checksum_is_no_obstacle(shop: App, archive: Path) -> None:
    checksum = f"sha256:{hashlib.sha256(archive.read_bytes()).hexdigest()}"
    assert run_module(source, **arguments(transferred=str(archive), checksum=checksum))["changed"]


def test_a_repository_that_is_not_there_leaves_no_stage(shop: App, tmp_path: Path) -> None:
    found = run_module(source, **arguments(git=f"file://{tmp_path}/none", version="v1") | {"revision": "1" * 40})
    assert found["msg"].startswith(
        f"app shop, release {ID}: git cannot fetch v1 (111111111111) from file://{tmp_path}/none: "
    )
    assert list((shop.root / "releases").iterdir()) == []


def test_one_kind_of_source_is_needed(shop: App) -> None:
    assert run_module(source, **arguments())["failed"]
    assert run_module(source, **arguments(git="/a", address="https://a.test/a.zip"))["failed"]
