"""Releases on disk."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import files, vassals
from ansible_collections.emperor.flask.plugins.module_utils.layout import AppLayout
from ansible_collections.emperor.flask.plugins.module_utils.releases import (
    ReleaseError,
    ReleaseParts,
    activate,
    assemble,
    flaws,
    is_built,
    mark_rolled_back,
    previous_release,
    served_release,
    staging,
)
from ansible_collections.emperor.flask.plugins.module_utils.virtualenvs import marker
from ansible_collections.emperor.flask.tests.support.hosts import Accounts, App, Host

ID = "0123456789ab"
VASSAL = f"shop.{ID}"


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
    (found.virtualenvs / "77ab").chmod(0o750)
    marker(found.virtualenvs / "77ab").touch()
    return found


def parts(layout: AppLayout, **changes: Any) -> ReleaseParts:
    given: dict[str, Any] = {
        "release_id": ID,
        "virtualenv": layout.virtualenvs / "77ab",
        "files": {"vassal.ini": "[uwsgi]\n"},
        "environment": {"A": "100% @(x)\nz", "B": "ü"},
        "static": [{"url": "/assets/v1", "path": "shop/static"}],
        "outliving": ["instance", "var/cache"],
        "manifest": {"id": ID, "description": {}},
        **changes,
    }
    return ReleaseParts(**given)


def mark_started(release: Path, vassal: str) -> None:
    link = release / vassals.STARTED
    link.unlink(missing_ok=True)
    link.symlink_to(vassals.socket_of(vassal))


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
    manifest = json.loads((release / "release.json").read_text())
    assert len(manifest.pop("digest")) == 64
    assert manifest == {"id": ID, "description": {}}
    assert [path.name for path in layout.releases.iterdir()] == [ID]


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


def test_users_are_for_nginx_alone_and_part_of_what_was_built(layout: AppLayout) -> None:
    assemble(layout, parts(layout, users={"ada": "$6$x$y", "bob": "$5$x$z"}))
    file = layout.release(ID) / "htpasswd"
    assert (file.read_text(), mode(file)) == ("ada:$6$x$y\nbob:$5$x$z\n", 0o640)
    assert is_built(layout, ID)
    file.chmod(0o644)
    assert flaws(layout, ID) == [f"{file} has another owner or mode than it must have"]
    changed = f"vassal.ini, htpasswd, engine or a file in env of release {ID} has another content"
    file.chmod(0o640)
    file.write_text("eve:$6$x$y\n")
    assert flaws(layout, ID) == [changed]
    file.unlink()
    assert flaws(layout, ID) == [changed]


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


def test_error_pages_are_public_and_none_of_the_code_beside_them(layout: AppLayout) -> None:
    folder = staging(layout, ID) / "src/errors"
    folder.mkdir()
    for name in ("down.html", "notes.txt"):
        (folder / name).write_text(name)
    pages = [{"url": f"/.errors/{status}.html", "path": "errors/down.html"} for status in (502, 504)]
    assemble(layout, parts(layout, error_pages=pages))
    public = layout.release(ID) / "public"
    found = {path.name: (path.read_text(), mode(path)) for path in (public / ".errors").iterdir()}
    assert found == {"502.html": ("down.html", 0o640), "504.html": ("down.html", 0o640)}


@pytest.mark.parametrize("path", ["shop", "gone.html"])
def test_an_error_page_that_is_no_file_is_refused(layout: AppLayout, path: str) -> None:
    with pytest.raises(ReleaseError, match=rf"^error page {path} is no file of the source$"):
        assemble(layout, parts(layout, error_pages=[{"url": "/.errors/502.html", "path": path}]))


def test_an_error_page_out_of_the_app_is_refused(layout: AppLayout) -> None:
    (staging(layout, ID) / "src/down.html").symlink_to("/etc/passwd")
    with pytest.raises(ReleaseError, match=r"^error page down.html: .* leads out of the app, to /etc/passwd$"):
        assemble(layout, parts(layout, error_pages=[{"url": "/.errors/502.html", "path": "down.html"}]))


@pytest.mark.parametrize("order", [1, -1])
def test_a_static_address_inside_another_is_the_inner_folders_alone(layout: AppLayout, order: int) -> None:
    """As nginx serves it: the longest prefix wins, and what is not there is not looked for outside."""
    outer = staging(layout, ID) / "src/shop/b"
    outer.mkdir()
    (outer / "hidden.css").touch()
    nested = [{"url": "/a/b", "path": "shop/static"}, {"url": "/a", "path": "shop"}][::order]
    assemble(layout, parts(layout, static=nested))
    public = layout.release(ID) / "public"
    assert (public / "a/b/css/a.css").exists()
    assert (public / "a/static/css/a.css").exists()
    assert not (public / "a/b/hidden.css").exists()


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
    mark_started(layout.release(ID), VASSAL)
    assert activate(layout, ID)
    assert str(layout.current.readlink()) == f"releases/{ID}"
    assert (layout.current / "uwsgi.sock").readlink() == vassals.socket_of(VASSAL)
    assert served_release(layout) == ID
    assert not activate(layout, ID)


def test_what_is_not_complete_is_not_activated(layout: AppLayout) -> None:
    layout.release(ID).mkdir()
    with pytest.raises(ReleaseError, match=f"^release {ID} is not complete$"):
        activate(layout, ID)
    assert served_release(layout) is None


def test_parts_do_not_show_their_environment(layout: AppLayout) -> None:
    assert "100%" not in repr(parts(layout))


def test_the_source_is_given_away_before_it_is_live(layout: AppLayout, accounts: Accounts) -> None:
    assemble(layout, parts(layout))
    assert accounts.given[staging(layout, ID) / "src/app.py"] == (0, os.getgid())


def test_a_release_that_serves_already_moves_its_traffic_to_its_last_start(layout: AppLayout) -> None:
    assemble(layout, parts(layout))
    mark_started(layout.release(ID), VASSAL)
    activate(layout, ID)
    mark_started(layout.release(ID), f"{VASSAL}-2")
    assert vassals.serving_vassal(layout.release(ID)) == VASSAL
    assert activate(layout, ID)
    assert vassals.serving_vassal(layout.release(ID)) == f"{VASSAL}-2"
    assert not activate(layout, ID)


def test_what_was_never_started_is_not_activated(layout: AppLayout) -> None:
    assemble(layout, parts(layout))
    with pytest.raises(ReleaseError, match=f"^release {ID} was never started$"):
        activate(layout, ID)
    assert served_release(layout) is None
    assert not (layout.release(ID) / "uwsgi.sock").is_symlink()


def test_a_link_to_a_folder_among_static_files_is_refused(layout: AppLayout) -> None:
    (staging(layout, ID) / "src/shop/static/more").symlink_to("css")
    message = r"^static path shop/static: shop/static/more is a link to a folder; name that folder instead$"
    with pytest.raises(ReleaseError, match=message):
        assemble(layout, parts(layout))
    assert not layout.release(ID).exists()


def test_nothing_that_the_app_wrote_becomes_public(layout: AppLayout) -> None:
    """What the source holds in a writable folder is copied, not what stands in shared/ in its place."""
    (layout.shared / "instance").mkdir(parents=True)
    (layout.shared / "instance/secret.db").touch()
    (staging(layout, ID) / "src/shop/static/a.txt").symlink_to("../../instance/from-git.txt")
    static = [{"url": "/all", "path": "instance"}, {"url": "/static", "path": "shop/static"}]
    assemble(layout, parts(layout, static=static))
    public = layout.release(ID) / "public"
    assert [path.name for path in (public / "all").iterdir()] == ["from-git.txt"]
    assert (public / "static/a.txt").is_file()
    assert not any(path.is_symlink() for path in public.rglob("*"))


def change_vassal(release: Path) -> None:
    (release / "vassal.ini").write_text("[uwsgi]\nevil = true\n")


def change_value(release: Path) -> None:
    (release / "env/A").write_text("other")


def rename_value(release: Path) -> None:
    (release / "env/A").rename(release / "env/C")


def add_value(release: Path) -> None:
    (release / "env/LD_PRELOAD").write_text("/tmp/evil.so")


def swap_values(release: Path) -> None:
    one, other = (release / "env/A").read_bytes(), (release / "env/B").read_bytes()
    (release / "env/A").write_bytes(other)
    (release / "env/B").write_bytes(one)


def remove_values(release: Path) -> None:
    files.remove_tree(release / "env")


def open_source(release: Path) -> None:
    (release / "src").chmod(0o777)


def close_public(release: Path) -> None:
    (release / "public").chmod(0o700)


def remove_public(release: Path) -> None:
    files.remove_tree(release / "public")


def open_release(release: Path) -> None:
    release.chmod(0o777)


def forget_manifest(release: Path) -> None:
    (release / "release.json").unlink()


def forget_digest(release: Path) -> None:
    (release / "release.json").write_text("{}")


def remove_virtualenv(release: Path) -> None:
    files.remove_tree((release / "venv").resolve())


def leave_virtualenv_half_built(release: Path) -> None:
    marker((release / "venv").resolve()).unlink()


def turn_virtualenv_in_a_circle(release: Path) -> None:
    (release / "venv").unlink()
    (release / "venv").symlink_to("venv")


@pytest.mark.parametrize(
    "change",
    [
        change_vassal, change_value, rename_value, add_value, swap_values, remove_values, open_source, close_public,
        remove_public, open_release, forget_manifest, forget_digest, remove_virtualenv, leave_virtualenv_half_built,
        turn_virtualenv_in_a_circle,
    ],
)  # fmt: skip
def test_a_release_that_was_changed_is_not_built(layout: AppLayout, change: Callable[[Path], None]) -> None:
    assemble(layout, parts(layout))
    assert is_built(layout, ID)
    change(layout.release(ID))
    assert not is_built(layout, ID)


@pytest.mark.root
@pytest.mark.parametrize("name", ["src", "env", "public", "vassal.ini", "."])
def test_a_part_that_was_given_away_is_a_change(layout: AppLayout, name: str) -> None:
    assemble(layout, parts(layout))
    os.chown(layout.release(ID) / name, 4_000_000, -1)
    assert not is_built(layout, ID)


def test_a_mark_inside_of_the_virtualenv_counts_for_nothing(layout: AppLayout) -> None:
    """There the builder can write, so the code of any package could have put it there."""
    assemble(layout, parts(layout))
    virtualenv = layout.virtualenvs / "77ab"
    assert not marker(virtualenv).is_relative_to(virtualenv)
    marker(virtualenv).rename(virtualenv / marker(virtualenv).name)
    assert not is_built(layout, ID)


def test_a_release_that_is_built_again_goes_on_serving(layout: AppLayout) -> None:
    assemble(layout, parts(layout))
    release = layout.release(ID)
    mark_started(release, VASSAL)
    activate(layout, ID)
    mark_started(release, f"{VASSAL}-2")
    change_value(release)
    (staging(layout, ID) / "src").mkdir(parents=True)
    assemble(layout, parts(layout, static=[]))
    assert is_built(layout, ID)
    assert (vassals.serving_vassal(release), vassals.last_vassal(release)) == (VASSAL, f"{VASSAL}-2")
    assert [path.name for path in layout.releases.iterdir()] == [ID]


def test_a_replaced_release_that_a_crash_left_aside_is_no_obstacle(layout: AppLayout) -> None:
    (layout.releases / f"{ID}.broken.tmp/src").mkdir(parents=True)
    layout.release(ID).mkdir()
    assemble(layout, parts(layout))
    assert is_built(layout, ID)
    assert [path.name for path in layout.releases.iterdir()] == [ID]


def test_a_static_address_below_a_file_of_another_is_refused(layout: AppLayout) -> None:
    nested = [{"url": "/a", "path": "shop/static"}, {"url": "/a/css/a.css/b", "path": "shop/static"}]
    with pytest.raises(ReleaseError, match=r"^static path shop/static: "):
        assemble(layout, parts(layout, static=nested))


OTHER = "ba9876543210"


def test_the_release_before_is_known_from_the_switch_on(shop: App) -> None:
    """Pages that were loaded before it ask for static files of that one."""
    for release in (ID, OTHER):
        shop.build(release)
        shop.start(release)
    activate(shop.layout, ID)
    assert previous_release(shop.layout, ID) is None
    activate(shop.layout, OTHER)
    assert previous_release(shop.layout, OTHER) == ID
    assert (shop.layout.current / "previous").resolve() == shop.layout.release(ID).resolve()
    activate(shop.layout, OTHER)
    assert previous_release(shop.layout, OTHER) == ID


def test_a_release_that_is_built_again_keeps_its_predecessor_and_its_command(shop: App) -> None:
    shop.serve(ID)
    shop.serve(OTHER)
    (shop.layout.release(OTHER) / "release-command.log").write_text("migrated")
    change_value(shop.layout.release(OTHER))
    shop.build(OTHER)
    assert previous_release(shop.layout, OTHER) == ID
    log = shop.layout.release(OTHER) / "release-command.log"
    assert (log.read_text(), mode(log)) == ("migrated", 0o600)


def test_a_mark_of_a_rollback_goes_when_the_release_serves_again(shop: App) -> None:
    shop.serve(ID)
    mark_rolled_back(shop.layout, ID, "ada@controller")
    mark = shop.layout.release(ID) / "rolled-back.json"
    assert (json.loads(mark.read_text())["who"], mode(mark)) == ("ada@controller", 0o600)
    # It is no part of the release.
    assert is_built(shop.layout, ID)
    activate(shop.layout, ID)
    assert not mark.exists()


def test_the_preflight_sees_the_whole_release_before_it_has_its_name(layout: AppLayout) -> None:
    seen: list[Path] = []

    def preflight(stage: Path) -> None:
        assert sorted(path.name for path in stage.iterdir()) == [
            "env", "public", "release.json", "src", "vassal.ini", "venv",
        ]  # fmt: skip
        # A path is relative to where the release will stand, and leads to the same place from here.
        assert (stage / "venv").resolve() == (layout.virtualenvs / "77ab").resolve()
        assert not layout.release(ID).exists()
        seen.append(stage)

    assemble(layout, parts(layout), preflight)
    assert seen == [staging(layout, ID)]
    assert is_built(layout, ID)


def test_a_preflight_that_fails_leaves_the_release_as_it_was(shop: App) -> None:
    shop.serve(ID)
    before = (shop.layout.release(ID) / "release.json").read_bytes()
    change_value(shop.layout.release(ID))
    (staging(shop.layout, ID) / "src").mkdir(parents=True)

    def preflight(_stage: Path) -> None:
        raise RuntimeError("no import")

    given = parts(shop.layout, static=[], manifest={"id": ID})
    with pytest.raises(RuntimeError, match="no import"):
        assemble(shop.layout, given, preflight)
    assert (shop.layout.release(ID) / "release.json").read_bytes() == before
    assert served_release(shop.layout) == ID


def test_a_release_that_brings_what_runs_it_says_so_by_a_link(layout: AppLayout) -> None:
    assemble(layout, parts(layout, own_engine=True))
    link = layout.release(ID) / "engine"
    assert str(link.readlink()) == "venv/bin/pyuwsgi"
    assert is_built(layout, ID)
    link.unlink()
    assert not is_built(layout, ID)


def test_a_release_that_does_not_has_none_and_one_made_by_hand_is_seen(layout: AppLayout) -> None:
    assemble(layout, parts(layout))
    link = layout.release(ID) / "engine"
    assert not link.is_symlink()
    link.symlink_to("/bin/sh")
    assert not is_built(layout, ID)


def test_bytecode_is_that_of_the_python_that_runs_the_app(layout: AppLayout, tmp_path: Path) -> None:
    python = tmp_path / "python3.12"
    python.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\n')
    python.chmod(0o755)
    assemble(layout, parts(layout, python=str(python)))
    assert (tmp_path / "asked").read_text().startswith("-I -S -m compileall")
