"""The plan as a module in diff mode."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.emperor.flask.plugins.modules import plan
from ansible_collections.emperor.flask.tests.support.hosts import Host
from ansible_collections.emperor.flask.tests.support.modules import run_module

APP: dict[str, Any] = {"name": "shop", "writable": [], "media": [], "environment": {"LEVEL": "hush"}, "secrets": ""}


def planned(*requests: dict[str, Any], known: tuple[str, ...] = ("shop",), **more: Any) -> dict[str, Any]:
    place = {"uv_home": "/nonexistent", "uv_requirements": "uv"}
    return run_module(plan, check=True, requests=list(requests), known=list(known), **place, **more)


def wanted(**changes: Any) -> dict[str, Any]:
    return {"want": "deploy", "name": "shop", "description": {**APP, **changes}, "revision": "1" * 64}


def test_what_differs_is_told_as_one_text(host: Host) -> None:
    found = planned(wanted(), details={"shop": {"source": {"path": "app"}, "files": {}, "unknown": ""}})
    identity = found["apps"][0]["id"]
    assert found["diff"] == {"prepared": f"shop: create, release {identity}\n  environment\n    + LEVEL\n"}


def test_nothing_to_tell_is_no_difference(host: Host) -> None:
    assert "diff" not in planned()


def test_a_stranger_is_left_alone(host: Host) -> None:
    (host.apps / "old").mkdir()
    (host.apps / "old/current").symlink_to("releases/0123456789ab")
    assert planned()["diff"] == {"prepared": "old: on this host, not in the inventory; left alone\n"}


def test_a_server_that_gives_nothing_costs_the_commits_alone(host: Host, tmp_path: Path) -> None:
    release = host.apps / "shop/releases/0123456789ab"
    (release / "src").mkdir(parents=True)
    git = {"git": f"file://{tmp_path}/none", "version": "2" * 40}
    (release / "release.json").write_text(
        f'{{"revision": "{"1" * 40}", "source": {{"git": "{git["git"]}"}}, "description": {{"name": "shop"}}}}'
    )
    (host.apps / "shop/current").symlink_to("releases/0123456789ab")
    request = {"want": "deploy", "name": "shop", "description": APP, **git}
    found = planned(request, details={"shop": {"source": git, "files": {}, "unknown": ""}})
    assert not found.get("failed")
    assert "  commits unknown: git cannot fetch" in found["diff"]["prepared"]
    assert "hush" not in found["diff"]["prepared"]
