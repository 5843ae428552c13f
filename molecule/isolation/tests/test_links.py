"""Links that an app leaves where root, or nginx, comes by later."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest

from outside import on_each
from owner import Owner
from playbooks import play

DATA = "the data of the victim"
# What nginx may read, and is asked for by way of the attacker's uploads.
SHOWN = ["link/data.txt", "link.txt", "nested/link/data.txt"]


def everything(scene: Any) -> set[str]:
    """Return the state of all that is not the attacker's: modes, owners, sizes, targets and times."""
    places = ["/etc", "/srv/apps/victim", "/usr/local"]
    # Where the attacker's new vassal is made known.
    but = ["-not", "-path", "/etc/flask-emperor/*"]
    return set(scene.host.run("find", *places, *but, "-printf", r"%p %y %l %m %U:%G %s %C@\n").splitlines())


@pytest.mark.parametrize("path", SHOWN)
def test_nginx_follows_no_link_of_an_upload(scenes: dict[str, Any], path: str) -> None:
    for host, scene in scenes.items():
        facts = scene.facts()
        media = f"{facts['attacker']}/shared/media"
        target = f"{facts['victim']}/shared/media"
        scene.host.run("install", "-d", "-o", "app-attacker", "-g", "www-data", "-m", "2750", f"{media}/nested")
        assert "got" in scene.attack("link", f"{media}/link", target)
        assert "got" in scene.attack("link", f"{media}/nested/link", target)
        assert "got" in scene.attack("link", f"{media}/link.txt", f"{target}/data.txt")
        assert "got" in scene.attack("write", f"{media}/own.txt")
        # nginx itself could read what the link leads to, and serves what is no link.
        [readable] = scene.by("www-data", ["read", f"{media}/{path}"])
        assert readable == {"got": DATA}, host
        assert scene.host.get("attacker", "/media/own.txt").status == 200, host
        answer = scene.host.get("attacker", f"/media/{path}")
        assert answer.status in (403, 404), f"{host}: {answer}"
        assert DATA not in answer.text, host


def test_a_deploy_touches_nothing_that_links_lead_to(scenes: dict[str, Any], inventory: Path) -> None:
    """It runs as root, over folders that the app fills."""

    def check(host: str) -> None:
        scene = scenes[host]
        facts = scene.facts()
        own, victim = facts["attacker"], facts["victim"]
        for path, target in {
            f"{own}/shared/instance/link": f"{victim}/shared/instance",
            f"{own}/shared/instance/shadow": "/etc/shadow",
            f"{own}/shared/media/link": f"{victim}/shared/media",
            f"{own}/tmp/link": f"{victim}/shared/instance",
            f"{own}/run/link.stats": f"{victim}/shared/instance/data.txt",
            # Where root asks for the app's statistics, and clears up after it.
            facts["attacker_stats"]: facts["victim_stats"],
        }.items():
            assert "got" in scene.attack("link", path, target), path
        before = everything(scene)
        Owner(host).describe("attacker", environment={"ROUND": secrets.token_hex(4)})
        play(inventory, "deploy", host, app="attacker").good()
        assert scene.facts()["attacker_release"] != facts["attacker_release"]
        assert everything(scene) ^ before == set()
        assert scene.host.get("victim").status == 200
        assert scene.attack("temporary") == {"got": f"{own}/tmp"}

    on_each(list(scenes), check)


def test_old_temporary_files_go_and_links_lead_nowhere(scenes: dict[str, Any]) -> None:
    own, victim = "/srv/apps/attacker/tmp", "/srv/apps/victim/shared"
    # Nobody can make a file old: the time at which its inode was changed counts, too. So the rule is made young.
    young = "sed 's/10d/0/; s/[*]/attacker/' /etc/tmpfiles.d/flask-emperor.conf > /run/young.conf"
    for host, scene in scenes.items():
        assert "got" in scene.attack("write", f"{own}/file")
        assert "got" in scene.attack("link", f"{own}/link", f"{victim}/instance")
        before = scene.host.run("find", victim, "-ls")
        scene.host.run("sh", "-c", f"{young} && systemd-tmpfiles --clean /run/young.conf")
        assert scene.attack("names", own) == {"got": []}, host
        assert scene.host.run("find", victim, "-ls") == before, host
