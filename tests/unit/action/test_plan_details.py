"""What leaves the controller for diff mode."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.module_utils.details import PLACEHOLDER
from ansible_collections.emperor.flask.plugins.plugin_utils import controller_requirements
from ansible_collections.emperor.flask.plugins.plugin_utils.controller_requirements import requirements_of
from ansible_collections.emperor.flask.tests.support.apps import complete, full, minimal
from ansible_collections.emperor.flask.tests.support.rendering import render


def of(**changes: Any) -> dict[str, Any]:
    return requirements_of(complete(minimal(**changes)))


def test_a_folder_sends_the_files_that_count_and_no_password(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("--index-url https://me:hush@index.test/\n-r more.txt\n")
    (tmp_path / "more.txt").write_text("flask\n")
    (tmp_path / "other.txt").write_text("not sent\n")
    assert of(source={"path": str(tmp_path)}) == {
        "requirements": {"requirements.txt": "--index-url https://index.test/\n-r more.txt\n", "more.txt": "flask\n"}
    }


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    found = of(source={"path": str(tmp_path)}, requirements="none.txt")
    assert found == {"unknown": "requirements none.txt does not exist in the source"}


@pytest.fixture
def archive(tmp_path: Path) -> str:
    with zipfile.ZipFile(tmp_path / "shop.zip", "w") as packed:
        packed.writestr("shop-1/requirements.txt", "flask\n")
    return str(tmp_path / "shop.zip")


def test_an_archive_of_the_controller_is_looked_into(archive: str) -> None:
    assert of(source={"archive": archive}) == {"requirements": {"requirements.txt": "flask\n"}}


def test_a_large_or_a_distant_archive_is_not(archive: str, monkeypatch: pytest.MonkeyPatch) -> None:
    checksum = f"sha256:{'0' * 64}"
    unknown = {"unknown": "not known before the archive is unpacked"}
    assert of(source={"archive": "https://example.org/shop.zip", "checksum": checksum}) == unknown
    monkeypatch.setattr(controller_requirements, "_ARCHIVE_BYTES", 10)
    assert of(source={"archive": archive}) == unknown


def test_the_host_asks_git() -> None:
    assert of() == {"unknown": ""}


def test_the_file_of_a_release_without_id_differs_by_the_id_alone() -> None:
    app = complete(full())

    def rendered(name: str) -> str:
        release = {"id": name, "path": f"{app['root']}/releases/{name}"}
        return render("flask_app", "vassal.ini.j2", {"app": app, "release": release})

    assert rendered(PLACEHOLDER).replace(PLACEHOLDER, "3f9c2a71b04e") == rendered("3f9c2a71b04e")
