"""An app whose directories are made, and a source for it."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from ansible_collections.emperor.flask.plugins.modules import app_directories
from ansible_collections.emperor.flask.tests.support.hosts import Host
from ansible_collections.emperor.flask.tests.support.modules import run_module


@pytest.fixture
def root(host: Host) -> Path:
    """Return the folder of an app whose directories are made."""
    assert run_module(app_directories, name="shop", writable=["instance"], media=["media"])["changed"]
    return host.apps / "shop"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text("app = 1\n")
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as file:
        file.add(tmp_path / "app.py", "shop-1.0/app.py")
    return tmp_path / "a.tar.gz"
