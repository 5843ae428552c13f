"""Where everything is, and whose it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import layout
from ansible_collections.emperor.flask.plugins.module_utils.layout import (
    SOCKETS,
    VASSAL_NAME,
    AppLayout,
    traces_of,
    vassals_of,
)
from ansible_collections.emperor.flask.tests.support.hosts import App


def test_a_socket_path_fits_for_the_longest_name() -> None:
    longest = f"{'a' * 23}.{'0' * 12}-99999.socket"
    assert VASSAL_NAME.fullmatch(longest.removesuffix(".socket"))
    assert len(str(SOCKETS / longest)) <= 107


def test_directories_come_parents_first_and_close_what_is_not_for_all() -> None:
    found = AppLayout("shop").directories(["instance", "var/cache"], ["media/pictures"])
    assert [(str(one.path), one.owner, one.group, oct(one.mode)) for one in found] == [
        ("/srv/apps", "root", "root", "0o755"),
        ("/var/cache/flask-emperor", "root", "root", "0o755"),
        ("/srv/apps/shop", "root", "root", "0o751"),
        ("/srv/apps/shop/releases", "root", "root", "0o751"),
        ("/srv/apps/shop/venvs", "root", "root", "0o751"),
        ("/srv/apps/shop/shared", "root", "root", "0o751"),
        ("/var/cache/flask-emperor/shop", "build-shop", "build-shop", "0o700"),
        ("/srv/apps/shop/run", "app-shop", "app-shop", "0o700"),
        ("/srv/apps/shop/tmp", "app-shop", "app-shop", "0o700"),
        ("/srv/apps/shop/shared/instance", "app-shop", "app-shop", "0o700"),
        ("/srv/apps/shop/shared/var", "root", "root", "0o751"),
        ("/srv/apps/shop/shared/var/cache", "app-shop", "app-shop", "0o700"),
        ("/srv/apps/shop/shared/media", "root", "root", "0o751"),
        ("/srv/apps/shop/shared/media/pictures", "app-shop", "www-data", "0o2750"),
    ]  # fmt: skip


def test_vassals_of_an_app_are_not_those_of_a_neighbour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "VASSALS", tmp_path)
    monkeypatch.setattr(layout, "SOCKETS", tmp_path)
    mine = ["web.0123456789ab", "web.0123456789ab-2"]
    others = [
        "web2.0123456789ab",
        "we.0123456789ab",
        "web-x.0123456789ab",
        "web",
        "web.x",
        "web.0123456789ab-02",
    ]
    for name in (*mine, *others):
        (tmp_path / f"{name}.ini").symlink_to("/nowhere")
    (tmp_path / "web.0123456789ab.tmp").touch()
    for name in ("web.ffffffffffff", "web2.ffffffffffff"):
        (tmp_path / f"{name}.socket").touch()
    assert vassals_of("web") == mine
    assert traces_of("web") == [*mine, "web.ffffffffffff"]


def test_a_bare_host_has_no_vassals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "VASSALS", tmp_path / "none")
    monkeypatch.setattr(layout, "SOCKETS", tmp_path / "none")
    assert traces_of("web") == []


@pytest.mark.parametrize(
    "name", ["web.0123", "web.0123456789ab-0", "web.0123456789ab:1", ".0123456789ab", "web.0123456789AB"]
)
def test_no_other_name_is_a_vassal(name: str) -> None:
    assert VASSAL_NAME.fullmatch(name) is None


def test_a_release_is_roots_and_the_app_only_reads_it(shop: App) -> None:
    layout = shop.layout
    release = shop.build(files={"vassal.ini": "", "release.service": ""})
    found = layout.release_parts(release)
    assert [(str(one.path.relative_to(release)), one.owner, one.group, oct(one.mode)) for one in found] == [
        (".", "root", "root", "0o751"),
        ("src", "root", "app-shop", "0o750"),
        ("env", "root", "app-shop", "0o750"),
        ("public", "root", "www-data", "0o750"),
        ("vassal.ini", "root", "app-shop", "0o640"),
        ("release.service", "root", "app-shop", "0o640"),
    ]


def test_each_app_has_a_builder_and_statistics_of_its_own() -> None:
    layout = AppLayout("shop")
    assert (layout.user, layout.builder) == ("app-shop", "build-shop")
    assert len(AppLayout("a" * 23).builder) <= 32  # what useradd takes
    assert str(layout.stats("0123456789ab")) == "/srv/apps/shop/run/0123456789ab.stats"


@pytest.mark.parametrize(
    "name",
    ["traceback.${PATH}", "traceback.$HOME", "traceback.1 2", "traceback.1\n", "traceback.", "traceback.123456",
     "tracebackx1", "traceback.\u0661"],
)  # fmt: skip
def test_of_tracebackers_only_names_that_a_worker_makes_count(shop: App, name: str) -> None:
    """They go onto command lines of root, and the app may put any name into its folder."""
    good = [f"0123456789ab.traceback.{worker}" for worker in (1, 12, 12345)]
    for made in (*good, f"0123456789ab.{name}", "ba9876543210.traceback.1"):
        (shop.root / "run" / made).touch()
    assert [path.name for path in shop.layout.tracebackers("0123456789ab")] == good


def test_tracebackers_have_a_limit(shop: App) -> None:
    for worker in range(1100):
        (shop.root / f"run/0123456789ab.traceback.{worker}").touch()
    assert len(shop.layout.tracebackers("0123456789ab")) == 1024


def test_an_app_without_a_folder_for_its_sockets_has_no_tracebackers(shop: App) -> None:
    (shop.root / "run").rmdir()
    assert shop.layout.tracebackers("0123456789ab") == []
