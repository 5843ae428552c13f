"""What an app needs no more."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import emperor, history, retirement
from ansible_collections.emperor.flask.plugins.module_utils.layout import AppLayout
from ansible_collections.emperor.flask.plugins.module_utils.plan import previous_good
from ansible_collections.emperor.flask.plugins.module_utils.releases import is_built
from ansible_collections.emperor.flask.plugins.module_utils.virtualenvs import is_complete, marker
from ansible_collections.emperor.flask.tests.support.hosts import App, Host

A, B, C, D, E = (letter * 12 for letter in "abcde")


def names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


def serve_in_turn(shop: App, *releases: str) -> None:
    """Let each release serve; the vassal of the one before ends."""
    last = ""
    for release in releases:
        vassal = shop.serve(release)
        if last:
            shop.end(last)
        last = vassal


def test_the_last_ones_that_were_live_stay(shop: App) -> None:
    serve_in_turn(shop, A, B, C, D)
    assert names(retirement.prunable(shop.layout, 2)) == [A, B]
    assert names(retirement.prunable(shop.layout, 3)) == [A]
    assert retirement.prunable(shop.layout, 4) == []
    assert retirement.prunable(shop.layout, 50) == []


def test_the_served_one_and_the_one_before_stay_in_any_case(shop: App) -> None:
    serve_in_turn(shop, A, B, C)
    assert names(retirement.prunable(shop.layout, 0)) == [A]


def test_the_served_one_stays_though_others_were_live_later(shop: App) -> None:
    """After some rollbacks; the history lost an entry."""
    serve_in_turn(shop, A, B, C)
    for release in (B, C):
        history.record(shop.layout, {"release": release, "result": history.ACTIVATED})
    shop.layout.current.unlink()
    shop.layout.current.symlink_to(f"releases/{A}")
    assert A not in names(retirement.prunable(shop.layout, 1))


def test_one_that_runs_stays(shop: App) -> None:
    """It is kept warm, or still drains."""
    serve_in_turn(shop, A, B, C)
    shop.start(A, f"shop.{A}-2")
    assert retirement.prunable(shop.layout, 1) == []
    shop.end(f"shop.{A}-2")
    assert names(retirement.prunable(shop.layout, 1)) == [A]


def test_the_vassals_of_a_neighbour_keep_nothing(shop: App, host: Host) -> None:
    serve_in_turn(shop, A, B, C)
    (host.vassals / f"shop2.{A}.ini").symlink_to("/nowhere")
    assert names(retirement.prunable(shop.layout, 1)) == [A]


def test_the_newest_that_never_went_live_stays(shop: App) -> None:
    """It failed for a reason outside, and need not be built again."""
    serve_in_turn(shop, A)
    for age, release in enumerate((E, C, D)):
        shop.build(release)
        os.utime(shop.layout.release(release), (1000 - age, 1000 - age))
    assert names(retirement.prunable(shop.layout, 5)) == [C, D]


def test_one_without_a_manifest_never_stays(shop: App) -> None:
    """Its removal was interrupted; it is newer than all others, since something was removed from it."""
    serve_in_turn(shop, A)
    shop.build(B)
    shop.build(C)
    (shop.layout.release(C) / "release.json").unlink()
    assert names(retirement.prunable(shop.layout, 5)) == [C]


def test_a_failed_release_never_counts_as_live(shop: App) -> None:
    serve_in_turn(shop, A, B)
    shop.build(C)
    shop.build(D)
    os.utime(shop.layout.release(C), (1, 1))
    for release in (C, D):
        history.record(shop.layout, {"release": release, "result": history.FAILED})
    assert names(retirement.prunable(shop.layout, 2)) == [C]


def test_virtualenvs_go_with_the_last_release_that_uses_them(shop: App) -> None:
    for name in ("shared", "mine", "nobodys"):
        shop.make_virtualenv(name)
    environments = shop.layout.virtualenvs
    shop.serve(A, virtualenv=environments / "mine")
    shop.end(f"shop.{A}")
    for release in (B, C, D):
        shop.serve(release, virtualenv=environments / "shared")
    for release in (B, C):
        shop.end(f"shop.{release}")
    assert names(retirement.prunable(shop.layout, 2)) == [A, B, "mine", "nobodys"]
    assert names(retirement.prunable(shop.layout, 4)) == ["nobodys"]
    retirement.prune(retirement.prunable(shop.layout, 2))
    assert sorted(path.name for path in environments.iterdir()) == ["shared", "shared.complete"]
    assert is_built(shop.layout, C)
    assert is_built(shop.layout, D)


def test_nothing_goes_before_anything_is_served(shop: App) -> None:
    shop.build(A)
    assert retirement.prunable(shop.layout, 1) == []
    assert retirement.prunable(AppLayout("blog"), 1) == []
    shop.layout.current.symlink_to(f"releases/{A}")
    retirement.remove_tree(shop.layout.releases)
    assert retirement.prunable(shop.layout, 1) == []


def test_unfinished_builds_are_no_releases(shop: App) -> None:
    serve_in_turn(shop, A)
    (shop.layout.releases / f"{B}.tmp").mkdir()
    assert retirement.prunable(shop.layout, 1) == []
    assert names(retirement.unfinished(shop.layout)) == [f"{B}.tmp"]
    assert retirement.unfinished(AppLayout("blog")) == []


def test_what_was_pruned_is_gone_and_a_second_time_does_nothing(shop: App) -> None:
    serve_in_turn(shop, A, B, C)
    old = retirement.prunable(shop.layout, 2)
    retirement.prune(old)
    retirement.prune(old)
    assert sorted(path.name for path in shop.layout.releases.iterdir()) == [B, C]


def test_a_crash_in_the_middle_leaves_nothing_that_counts_as_complete(
    shop: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = shop.make_virtualenv("mine")
    shop.serve(A, virtualenv=mine)
    shop.end(f"shop.{A}")
    for release in (B, C):
        shop.serve(release)
    shop.end(f"shop.{B}")
    assert previous_good(shop.layout, B) == C
    old = retirement.prunable(shop.layout, 2)
    assert names(old) == [A, "mine"]

    def crash(_path: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(retirement, "remove_tree", crash)
        for path in old:
            with pytest.raises(KeyboardInterrupt):
                retirement.prune([path])
    assert (shop.layout.release(A) / "vassal.ini").exists()
    assert mine.is_dir()
    assert not is_built(shop.layout, A)
    assert not is_complete(mine, "app-shop")
    assert not marker(mine).exists()
    # The next run goes on with it.
    assert names(retirement.prunable(shop.layout, 2)) == [A, "mine"]


def test_an_end_waits_for_each_before_it_goes(shop: App, monkeypatch: pytest.MonkeyPatch) -> None:
    for release in (A, B):
        shop.build(release)
        shop.start(release)
    steps: list[tuple[str, str]] = []
    monkeypatch.setattr(emperor, "wait_idle", lambda stats, _timeout: steps.append(("wait", stats.stem)))
    monkeypatch.setattr(emperor, "dismiss", lambda name: steps.append(("end", name)))
    retirement.end([f"shop.{A}", f"shop.{B}"], 60)
    assert steps == [("wait", A), ("end", f"shop.{A}"), ("wait", B), ("end", f"shop.{B}")]


def test_what_was_about_to_be_renamed_is_found_everywhere(host: Host) -> None:
    layout = AppLayout("web")
    release = layout.release("0123456789ab")
    release.mkdir(parents=True)
    layout.virtualenvs.mkdir()
    left = [
        layout.root / ".current.7.tmp",
        layout.releases / "ba9876543210.tmp",
        release / ".uwsgi.sock.7.tmp",
        layout.virtualenvs / ".77ab.complete.7.tmp",
        host.vassals / ".web.0123456789ab.ini.7.tmp",
    ]
    for path in left:
        path.symlink_to("somewhere")
    (host.vassals / ".web2.0123456789ab.ini.7.tmp").symlink_to("somewhere")
    assert retirement.unfinished(layout) == sorted(left)


def test_an_app_that_is_not_there_left_nothing(host: Host) -> None:
    assert retirement.unfinished(AppLayout("web")) == []
