"""An app that goes, by the inventory or by a playbook, takes nothing of its neighbours along."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from outside import on_each
from owner import Owner
from playbooks import play

Visitors = Callable[[str], AbstractContextManager[dict[str, str]]]
KEPT = ["/srv/apps/leaver", "/srv/apps/leaver/history.jsonl", "/srv/apps/leaver/shared"]


def traces(scene: Any, app: str) -> list[str]:
    """Return all that bears the name of an app, but for what its lock was; it goes with the next boot."""
    places = ["/", "/run", "-xdev", "-not", "-path", "/run/emperor-flask/*"]
    named = ["-name", app, "-o", "-name", f"{app}.*", "-o", "-name", f"*flask-app-{app}.*"]
    below = ["-path", f"/srv/apps/{app}/history.jsonl", "-o", "-path", f"/srv/apps/{app}/shared"]
    found = scene.host.run("find", *places, "(", *named, "-o", *below, ")", "-print")
    return sorted(found.splitlines())


def test_the_inventory_removes_an_app_and_no_other(scenes: dict[str, Any], inventory: Path, visitors: Visitors) -> None:
    def go(host: str) -> None:
        scene, owner = scenes[host], Owner(host)
        data = scene.host.run("find", "/srv/apps/leaver/shared", "-type", "f", "-printf", "%p %s %C@ %U\n")
        assert data
        before, reloads, served = scene.others("leaver"), scene.reloads(), scene.host.condition("leaver")
        assert served.processes
        assert len(traces(scene, "leaver")) > len(KEPT)
        owner.end("leaver")
        check = play(inventory, "deploy", host, "--check", "--diff").good()
        [planned] = [task for task in check.tasks if task.name == "Compare the apps with the host"]
        assert [line for line in planned.result["diff"]["prepared"].splitlines() if not line.startswith(" ")] == [
            "leaver: remove; state: absent"
        ]
        assert scene.host.condition("leaver") == served
        run = play(inventory, "deploy", host).good()
        assert traces(scene, "leaver") == KEPT
        assert scene.host.run("find", "/srv/apps/leaver/shared", "-type", "f", "-printf", "%p %s %C@ %U\n") == data
        assert not scene.host.condition("leaver").processes
        again = play(inventory, "deploy", host).good()
        assert again.changed(host) == []
        assert scene.others("leaver") == before
        purge = play(inventory, "deploy", host, app="leaver", purge="true").good()
        assert traces(scene, "leaver") == []
        assert "app-leaver" not in scene.host.run("cat", "/etc/passwd", "/etc/group").replace("app-leaver2", "")
        assert "Remove what is absent" in purge.changed(host)
        assert scene.others("leaver") == before
        notes[host] = f"in {run.seconds:.0f} s; nginx reloads: {scene.reloads() - reloads}"

    with visitors("removed by inventory") as notes:
        on_each(list(scenes), go)


def test_the_playbook_removes_an_app_and_no_other(scenes: dict[str, Any], inventory: Path, visitors: Visitors) -> None:
    def go(host: str) -> None:
        scene = scenes[host]
        before, reloads = scene.others("leaver2"), scene.reloads()
        assert scene.host.condition("leaver2").processes
        run = play(inventory, "remove", host, app="leaver2", purge="true").good()
        assert traces(scene, "leaver2") == []
        assert scene.others("leaver2") == before
        notes[host] = f"in {run.seconds:.0f} s; nginx reloads: {scene.reloads() - reloads}"
        Owner(host).end("leaver2")

    with visitors("removed by playbook") as notes:
        on_each(list(scenes), go)
