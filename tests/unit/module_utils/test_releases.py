"""Releases on disk."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.module_utils.layout import AppLayout
from ansible_collections.emperor.flask.plugins.module_utils.releases import (
    ReleaseError,
    ReleaseParts,
    activate,
    assemble,
    is_built,
    record,
    served_release,
    staging,
)
from ansible_collections.emperor.flask.tests.support.hosts import Accounts, Host

ID = "0123456789ab"


@pytest.fixture
def layout(host: Host) -> AppLayout:
    """Return the layout of an app whose source has been unpacked."""
    found = AppLayout("shop")
    source = staging(found, ID) / "src"
    for name, text in {
        "app.py": "app = 1\n",
        "broken.py": "{{ no python }}\n",
        "shop/static/css/a.css": "a {}",
        "instance/from-git.txt": "",
    }.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text)
    (found.virtualenvs / "77ab").mkdir(parents=True)
    return found


def parts(layout: AppLayout, **changes: Any) -> ReleaseParts:
    given: dict[str, Any] = {
        "release_id": ID,
        "virtualenv": layout.virtualenvs / "77ab",
        "vassal": "[uwsgi]\n",
        "environment": {"A": "100% @(x)\nz", "B": "ü"},
        "static": [{"url": "/assets/v1", "path": "shop/static"}],
        "outliving": ["instance", "var/cache"],
        "manifest": {"id": ID, "parts": {}},
        **changes,
    }
    return ReleaseParts(**given)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_release_is_complete_under_its_name(layout: AppLayout) -> None:
    assert not is_built(layout, ID)
    assemble(layout, parts(layout))
    release = layout.release(ID)
    assert is_built(layout, ID)
    assert sorted(path.name for path in release.iterdir()) == [
        "env", "public", "release.json", "src", "vassal.ini", "venv",
    ]  # fmt: skip
    assert (release / "public/assets/v1/css/a.css").read_text() == "a {}"
    assert (release / "venv").resolve() == (layout.virtualenvs / "77ab").resolve()
    assert json.loads((release / "release.json").read_text()) == {"id": ID, "parts": {}}
    assert not staging(layout, ID).exists()


def test_every_value_of_the_environment_is_written_as_it_is(layout: AppLayout) -> None:
    assemble(layout, parts(layout))
    written = {path.name: path.read_bytes() for path in (layout.release(ID) / "env").iterdir()}
    assert written == {"A": b"100% @(x)\nz", "B": "ü".encode()}


def test_modes_close_code_and_secrets_and_leave_the_way_to_public(layout: AppLayout) -> None:
    assemble(layout, parts(layout))
    release = layout.release(ID)
    modes = {name: mode(release / name) for name in ("", "src", "src/app.py", "env", "env/A", "vassal.ini", "public")}
    assert modes == {
        "": 0o751, "src": 0o750, "src/app.py": 0o640, "env": 0o750, "env/A": 0o640, "vassal.ini": 0o640,
        "public": 0o750,
    }  # fmt: skip
    assert mode(release / "release.json") == 0o600


def test_groups_are_the_app_for_code_and_nginx_for_public(layout: AppLayout, monkeypatch: pytest.MonkeyPatch) -> None:
    from ansible_collections.emperor.flask.plugins.module_utils import releases

    given: dict[str, str] = {}
    monkeypatch.setattr(releases, "own_tree", lambda path, group: given.update({path.name: group}))
    assemble(layout, parts(layout))
    assert given == {"src": "app-shop", "public": "www-data"}


def test_what_outlives_releases_is_a_link_to_shared(layout: AppLayout) -> None:
    assemble(layout, parts(layout))
    source = layout.release(ID) / "src"
    links = {name: str((source / name).readlink()) for name in ("instance", "var/cache")}
    assert links == {name: str(layout.shared / name) for name in links}


def test_bytecode_is_made_while_nothing_may_write_later(layout: AppLayout) -> None:
    assemble(layout, parts(layout))
    made = list((layout.release(ID) / "src/__pycache__").iterdir())
    assert [path.name.partition(".")[0] for path in made] == ["app"]


def test_a_release_is_assembled_over_what_a_crash_left(layout: AppLayout) -> None:
    stage = staging(layout, ID)
    (stage / "public/old").mkdir(parents=True)
    (stage / "env").mkdir()
    (stage / "env/OLD").touch()
    layout.release(ID).mkdir()
    (layout.release(ID) / "leftover").touch()
    assemble(layout, parts(layout))
    release = layout.release(ID)
    assert [path.name for path in (release / "public").iterdir()] == ["assets"]
    assert sorted(path.name for path in (release / "env").iterdir()) == ["A", "B"]
    assert not (release / "leftover").exists()


def test_a_static_folder_that_is_none_is_refused(layout: AppLayout) -> None:
    with pytest.raises(ReleaseError, match=r"^static path app.py is no folder of the source$"):
        assemble(layout, parts(layout, static=[{"url": "/s", "path": "app.py"}]))
    assert not layout.release(ID).exists()


def test_a_static_link_out_of_the_app_is_refused(layout: AppLayout) -> None:
    (staging(layout, ID) / "src/shop/static/passwd").symlink_to("/etc/passwd")
    with pytest.raises(ReleaseError, match=r"^static path shop/static: .* leads out of the app, to /etc/passwd$"):
        assemble(layout, parts(layout))
    assert not layout.release(ID).exists()


def test_a_static_address_inside_another_is_served_from_both(layout: AppLayout) -> None:
    nested = [{"url": "/a/b", "path": "shop/static"}, {"url": "/a", "path": "shop"}]
    assemble(layout, parts(layout, static=nested))
    public = layout.release(ID) / "public"
    assert (public / "a/b/css/a.css").exists()
    assert (public / "a/static/css/a.css").exists()


def test_a_writable_folder_through_a_link_is_refused(layout: AppLayout, tmp_path: Path) -> None:
    """Else a source could make root replace a folder anywhere."""
    (tmp_path / "cache").mkdir()
    (staging(layout, ID) / "src/var").symlink_to(tmp_path)
    with pytest.raises(ReleaseError, match=r"^writable path var/cache goes through a symbolic link of the source$"):
        assemble(layout, parts(layout))
    assert (tmp_path / "cache").is_dir()
    assert not (tmp_path / "cache").is_symlink()


def test_activating_is_one_relative_link(layout: AppLayout) -> None:
    assert served_release(layout) is None
    assemble(layout, parts(layout))
    assert activate(layout, ID)
    assert str(layout.current.readlink()) == f"releases/{ID}"
    assert served_release(layout) == ID
    assert not activate(layout, ID)


def test_what_is_not_complete_is_not_activated(layout: AppLayout) -> None:
    layout.release(ID).mkdir()
    with pytest.raises(ReleaseError, match=f"^release {ID} is not complete$"):
        activate(layout, ID)
    assert served_release(layout) is None


def test_the_history_grows_by_lines(layout: AppLayout) -> None:
    record(layout, {"release": "a", "why": 'two\nlines "quoted"'})
    record(layout, {"release": "b"})
    history = layout.root / "history.jsonl"
    lines = [json.loads(line) for line in history.read_text().splitlines()]
    assert [line["release"] for line in lines] == ["a", "b"]
    assert all(line["time"].endswith("+00:00") for line in lines)
    assert mode(history) == 0o600


def test_parts_do_not_show_their_environment(layout: AppLayout) -> None:
    assert "100%" not in repr(parts(layout))


def test_the_source_is_given_away_before_it_is_live(layout: AppLayout, accounts: Accounts) -> None:
    assemble(layout, parts(layout))
    assert accounts.given[staging(layout, ID) / "src/app.py"] == (0, os.getgid())
