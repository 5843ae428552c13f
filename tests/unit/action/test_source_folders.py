"""Where a relative source of the controller may start."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible import constants

from ansible_collections.emperor.flask.plugins.plugin_utils.app_action import source_folders
from ansible_collections.emperor.flask.tests.support.apps import COLLECTION


def test_the_configuration_comes_first_and_the_collection_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(constants, "CONFIG_FILE", f"{tmp_path}/ansible.cfg")
    assert source_folders() == [str(tmp_path), str(tmp_path / "here"), str(COLLECTION)]


def test_the_same_folder_is_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(COLLECTION)
    monkeypatch.setattr(constants, "CONFIG_FILE", None)
    assert source_folders() == [str(COLLECTION)]
