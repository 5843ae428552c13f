"""An app that takes all it can get costs its neighbour no request, whether its owner has set limits or not."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from outside import on_each

Visitors = Callable[[str], AbstractContextManager[dict[str, str]]]
# Seconds that it lasts at its limit.
BOMB = 4
BLOCKED = 3
# Of memory that a host has left before it leaks, and what is taken at once: so much that the host is not short of it
# for long before the end, when all that it reads comes anew from a disk that others use, too.
LEFT, SIP = 384, 256


@pytest.fixture(
    params=[
        pytest.param("limited", id="with-limits", marks=pytest.mark.lengthy),
        pytest.param("attacker", id="with-defaults"),
    ]
)
def attackers(request: pytest.FixtureRequest, scenes: dict[str, Any]) -> dict[str, Any]:
    """One that its owner has given limits, and then one without."""
    return {host: type(scene)(host, request.param) for host, scene in scenes.items()}


def occasion(attack: str, attackers: dict[str, Any]) -> str:
    return f"{attack}, {'limits' if next(iter(attackers.values())).attacker == 'limited' else 'defaults'}"


def wait_for_the_attacker(scene: Any) -> float:
    """It is the victim of nobody but itself, and not for ever. Return how long it took."""
    since = time.monotonic()
    while scene.host.get(scene.attacker).status != 200:
        assert time.monotonic() < since + 60, f"{scene.host.name}: the attacker is still away"
        time.sleep(0.2)
    return time.monotonic() - since


def processes_allowed(limits: str) -> int:
    return int(limits.split()[2]) if limits.split()[2].isdigit() else 1 << 22


def inspect(host: str, what: str) -> int:
    answer = subprocess.run(["podman", "inspect", f"--format={{{{{what}}}}}", host], capture_output=True, check=True)
    return int(answer.stdout)


def test_a_fork_bomb_ends_at_its_limit(attackers: dict[str, Any], visitors: Visitors) -> None:
    def explode(host: str) -> None:
        scene = attackers[host]
        limit = processes_allowed(scene.attack("limit", "Max processes")["got"])
        [emperor] = scene.by("root", ["read", f"/proc/{scene.facts()['emperor']}/limits"])
        # Else it would be the host's, and all its processes.
        assert limit < processes_allowed(re.findall("Max processes.*", emperor["got"])[0])
        # And else, should it not hold, the controller's.
        assert limit < inspect(host, ".HostConfig.PidsLimit") < 10_000
        folder, user = f"/srv/apps/{scene.attacker}/tmp", f"app-{scene.attacker}"
        before = scene.others(scene.attacker)
        assert scene.attack("bomb", folder) == {"got": "lit"}
        scene.host.wait(f"test -e {folder}/refused", 60)
        time.sleep(BOMB)
        most = int(scene.host.run("pgrep", "--count", "--euid", user))
        scene.host.run("touch", f"{folder}/over")
        assert 0.8 * limit < most <= limit
        # The master and its worker.
        scene.host.wait(f"test $(pgrep --count --euid {user}) -le 2", 60)
        back = wait_for_the_attacker(scene)
        assert scene.others(scene.attacker) == before
        notes[host] = f"{most} processes of {limit}; back {back:.1f} s after its end"

    with visitors(occasion("fork bomb", attackers)) as notes:
        on_each(list(attackers), explode)


@contextmanager
def little_memory(scene: Any) -> Iterator[None]:
    """Let a host have little more memory than it uses; at its end the kernel takes a process of the host."""
    files = scene.host.run("sh", "-c", "cat /proc/[0-9]*/status")
    used = sum(map(int, re.findall(r"RssAnon:\s+(\d+) kB", files))) >> 10
    limit_memory(scene.host.name, f"{used + LEFT}m")
    try:
        yield
    finally:
        limit_memory(scene.host.name, "16g")
        # The container's monitor notes there that it has seen this.
        Path("/proc", str(inspect(scene.host.name, ".State.ConmonPid")), "cwd", "oom").unlink(missing_ok=True)


def limit_memory(host: str, size: str) -> None:
    command = ["podman", "update", f"--memory={size}", f"--memory-swap={size}", host]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_leak_is_the_end_of_its_own_worker(attackers: dict[str, Any], visitors: Visitors) -> None:
    def leak(host: str) -> None:
        scene = attackers[host]
        before, worker, taken = scene.others(scene.attacker), scene.facts()["attacker_worker"], 0
        with little_memory(scene):
            while scene.host.run("sh", "-c", f"test ! -d /proc/{worker} || echo there"):
                assert taken < 16 * LEFT, f"{host}: {taken} MiB, and nobody has ended it"
                scene.send("leak", SIP)
                taken += SIP
                time.sleep(0.2)
            back = wait_for_the_attacker(scene)
        assert scene.facts()["attacker_worker"] != worker
        assert scene.others(scene.attacker) == before
        notes[host] = f"ended after {taken} MiB; back {back:.1f} s later"

    with visitors(occasion("leak", attackers)) as notes:
        on_each(list(attackers), leak)


def test_blocked_workers_are_nobody_elses(scenes: dict[str, Any], visitors: Visitors) -> None:
    def block(host: str) -> None:
        scene = scenes[host]
        before = scene.others(scene.attacker)
        with ThreadPoolExecutor(BLOCKED) as pool:
            statuses = list(pool.map(lambda _: scene.send("sleep", 60)[0], range(BLOCKED)))
        assert set(statuses) <= {502, 504}, statuses
        wait_for_the_attacker(scene)
        assert scene.others(scene.attacker) == before

    with visitors("blocked worker"):
        on_each(list(scenes), block)
