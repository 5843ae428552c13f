"""An archive of a source."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text("app = 1\n")
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as file:
        file.add(tmp_path / "app.py", "shop-1.0/app.py")
    return tmp_path / "a.tar.gz"
