"""The directories of an app."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from ansible_collections.emperor.flask.plugins.modules import app_directories
from ansible_collections.emperor.flask.tests.support.hosts import Host
from ansible_collections.emperor.flask.tests.support.modules import run_module


def test_they_are_made_once(root: Path) -> None:
    modes = {
        name: stat.S_IMODE((root / name).stat().st_mode) for name in ("", "run", "shared/instance", "shared/media")
    }
    assert modes == {"": 0o751, "run": 0o700, "shared/instance": 0o700, "shared/media": 0o2750}
    assert not run_module(app_directories, name="shop", writable=["instance"], media=["media"])["changed"]


def test_a_drift_is_set_right_and_shown(root: Path) -> None:
    (root / "run").chmod(0o755)
    (root / "shared/instance/kept").touch()
    wanted: dict[str, Any] = {"name": "shop", "writable": ["instance"], "media": ["media"]}
    checked = run_module(app_directories, check=True, **wanted)
    assert stat.S_IMODE((root / "run").stat().st_mode) == 0o755
    found = run_module(app_directories, **wanted)
    assert checked["directories"] == found["directories"] == [str(root / "run")]
    assert found["diff"]["after"] == f"{root}/run app-shop:app-shop 0700\n"
    assert stat.S_IMODE((root / "run").stat().st_mode) == 0o700
    assert (root / "shared/instance/kept").exists()


def test_a_link_in_place_of_a_directory_is_refused(root: Path, tmp_path: Path) -> None:
    (root / "run").rmdir()
    (root / "run").symlink_to(tmp_path)
    found = run_module(app_directories, name="shop")
    assert found["failed"]
    assert found["msg"] == f"{root}/run is a symbolic link; make it a directory or remove it"


def test_check_mode_makes_nothing(host: Host) -> None:
    found = run_module(app_directories, check=True, name="shop")
    assert (found["changed"], list(host.apps.iterdir()), list(host.cache.iterdir())) == (True, [], [])


def test_the_builder_has_a_home_of_its_own(root: Path, host: Host) -> None:
    assert [path.name for path in host.cache.iterdir()] == ["shop"]
    assert stat.S_IMODE((host.cache / "shop").stat().st_mode) == 0o700


def test_the_places_above_are_made_whatever_the_umask_is(host: Host) -> None:
    host.apps.rmdir()
    host.cache.rmdir()
    before = os.umask(0o077)
    try:
        assert run_module(app_directories, name="shop")["changed"]
    finally:
        os.umask(before)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (host.apps, host.cache)] == [0o755, 0o755]
