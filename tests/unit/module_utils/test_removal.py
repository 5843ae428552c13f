"""What goes with an app, and what stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.emperor.flask.plugins.filter.site_files import files_of
from ansible_collections.emperor.flask.plugins.module_utils import layout, removal
from ansible_collections.emperor.flask.plugins.module_utils.layout import AppLayout
from ansible_collections.emperor.flask.tests.support.apps import complete, minimal
from ansible_collections.emperor.flask.tests.support.hosts import ID, Host
from ansible_collections.emperor.flask.tests.support.rendering import render

VASSAL = f"web.{ID}"


@pytest.fixture
def users(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    names = {"app-web", "build-web", "app-web2", "build-web2"}
    monkeypatch.setattr(removal, "user_id", lambda name: 4711 if name in names else None)
    return names


@pytest.fixture
def web(host: Host, users: set[str]) -> AppLayout:
    """Return an app of which there is everything, beside one whose name begins with its."""
    for folder in (layout.SITES, layout.MAINTENANCE):
        folder.mkdir()
    for name in ("web", "web2"):
        app = AppLayout(name)
        for path in (
            app.release(ID),
            app.virtualenvs / "77ab",
            app.repository,
            app.shared / "instance",
            app.root / "run",
        ):
            path.mkdir(parents=True)
        app.cache.mkdir()
        app.history.touch()
        app.current.symlink_to(f"releases/{ID}")
        (app.virtualenvs / "77ab.complete").touch()
        app.site.write_text(f"# Managed\n# Role flask_app, app {name}\n")
        app.mounted_at("*.web.test").parent.mkdir(parents=True, exist_ok=True)
        app.mounted_at("*.web.test").touch()
        (layout.VASSALS / f"{name}.{ID}.ini").symlink_to(app.release(ID) / "vassal.ini")
        (layout.UNITS / app.unit("mails")).touch()
    for path in (AppLayout("web").redirect, *AppLayout("web").maintenance):
        path.touch()
    return AppLayout("web")


def test_data_history_and_their_owner_stay(web: AppLayout) -> None:
    found = removal.find(web, purge=False)
    assert found.files == [web.site, layout.MOUNTS / "_.web.test/web.conf", web.redirect, *web.maintenance]
    assert found.units == ["flask-app-web.mails.service"]
    assert found.vassals == [VASSAL]
    assert found.releases == [web.release(ID), web.virtualenvs / "77ab"]
    assert found.paths == [web.current, web.releases, web.virtualenvs, web.repository, web.root / "run", web.cache]
    assert found.users == ["build-web"]
    assert found.kept == [str(web.shared), str(web.history), "user app-web"]


def test_all_goes_when_it_is_purged(web: AppLayout) -> None:
    found = removal.find(web, purge=True)
    assert (found.paths[-1], found.users, found.kept) == (web.root, ["build-web", "app-web"], [])


def test_the_lines_are_in_the_order_in_which_it_goes(web: AppLayout) -> None:
    lines = removal.find(web, purge=True).lines()
    places = [
        lines.index(line)
        for line in (
            str(web.site),
            "unit flask-app-web.mails.service",
            f"vassal {VASSAL}",
            str(web.current),
            "user app-web",
        )
    ]
    assert places == sorted(places)
    assert len(lines) == len(set(lines))


def test_a_listener_goes_and_not_the_neighbours(web: AppLayout) -> None:
    layout.LISTENERS.mkdir()
    for app in (web, AppLayout("web2")):
        app.listener.touch()
    found = removal.find(web, purge=False)
    assert found.paths[0] == web.listener
    removal.clear(found)
    assert list(layout.LISTENERS.iterdir()) == [AppLayout("web2").listener]


def test_nothing_of_a_neighbour_is_named(web: AppLayout) -> None:
    lines = "\n".join(removal.find(web, purge=True).lines())
    assert "web2" not in lines
    assert "web2" not in "\n".join(removal.find(AppLayout("we"), purge=True).lines())
    assert removal.find(AppLayout("we"), purge=True).lines() == []


def test_what_is_cleared_is_found_no_more_and_the_neighbour_stays(web: AppLayout, host: Host) -> None:
    before = sorted(str(path) for path in host.apps.rglob("*") if "web2" in path.parts)
    removal.clear(removal.find(web, purge=False))
    assert removal.find(web, purge=False).paths == []
    assert sorted(path.name for path in web.root.iterdir()) == ["history.jsonl", "shared"]
    removal.clear(removal.find(web, purge=True))
    assert not web.root.exists()
    assert sorted(str(path) for path in host.apps.rglob("*") if "web2" in path.parts) == before


@pytest.mark.parametrize("left", ["site", "unit", "vassal", "user", "data"])
def test_an_app_is_known_by_whatever_is_left_of_it(host: Host, users: set[str], left: str) -> None:
    users.clear()
    layout.SITES.mkdir()
    app = AppLayout("web")
    assert not removal.is_here(app)
    if left == "site":
        app.site.write_text("# Managed\n# Role flask_app, app web\n")
    elif left == "unit":
        (layout.UNITS / app.unit("mails")).touch()
    elif left == "vassal":
        (layout.VASSALS / f"{VASSAL}.ini").symlink_to("x")
    elif left == "user":
        users.add("build-web")
    else:
        app.shared.mkdir(parents=True)
    assert removal.is_here(app)


@pytest.mark.parametrize("mount", ["/", "/web"])
def test_a_site_is_known_by_what_the_templates_write(host: Host, users: set[str], mount: str) -> None:
    users.clear()
    layout.SITES.mkdir()
    app = AppLayout("web")
    [site] = [file for file in files_of(complete(minimal(name="web", mount=mount))) if file["path"] == str(app.site)]
    app.site.write_text(render("flask_app", site["template"], site["vars"]))
    assert removal.find(app, purge=False).files == [app.site]


def test_files_and_folders_of_somebody_else_are_no_app(host: Host, users: set[str]) -> None:
    users.clear()
    layout.SITES.mkdir()
    (layout.SITES / "mine.conf").write_text("server {}\n")
    (host.apps / "backup").mkdir()
    (host.apps / "backup/files").touch()
    assert removal.apps_with_traces() == []
    assert removal.find(AppLayout("mine"), purge=True).files == []


def test_roots_processes_are_never_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def kill(pid: int, number: int) -> None:
        raise AssertionError(f"process {pid} would get signal {number}")

    monkeypatch.setattr(removal.os, "kill", kill)
    for uid in (0, None):
        monkeypatch.setattr(removal, "user_id", lambda _name, uid=uid: uid)
        removal.end_processes("app-web")


def test_a_log_is_no_part_of_it(web: AppLayout, tmp_path: Path) -> None:
    assert all(path.is_relative_to(web.root) or path == web.cache for path in removal.find(web, purge=True).paths)
