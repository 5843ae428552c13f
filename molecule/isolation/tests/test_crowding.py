"""An app that takes all it can get costs its neighbour no request."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from load import Load, summary
from outside import on_each

# Requests each second, at the victim alone.
RATE = 20
# Seconds that it lasts at its limit.
BOMB = 4
BLOCKED = 3
MEGABYTES = 512


@contextmanager
def visitors(scenes: Mapping[str, Any], folder: Path) -> Iterator[None]:
    """Ask the victims until the attack is over, and some seconds longer; all must be answered."""
    with ExitStack() as stack:
        loads = {
            host: stack.enter_context(Load(scene.host.address, ["victim.localhost"], RATE, folder / host))
            for host, scene in scenes.items()
        }
        yield
        time.sleep(2)
    for host, load in loads.items():
        found = summary(load.requests())
        assert not found.lost, f"{host}: {found}: {found.lost[:5]}"
        assert found.rate > 0.9 * RATE, f"{host}: {found}"


def wait_for_the_attacker(scene: Any) -> None:
    """It is the victim of nobody but itself, and not for ever."""
    deadline = time.monotonic() + 60
    while scene.host.get("attacker").status != 200:
        assert time.monotonic() < deadline, f"{scene.host.name}: the attacker is still away"
        time.sleep(0.5)


def processes_allowed(limits: str) -> int:
    return int(limits.split()[2]) if limits.split()[2].isdigit() else 1 << 22


def test_a_fork_bomb_ends_at_its_limit(scenes: dict[str, Any], tmp_path: Path) -> None:
    def explode(host: str) -> None:
        scene = scenes[host]
        limit = processes_allowed(scene.attack("limit", "Max processes")["got"])
        [emperor] = scene.by("root", ["read", f"/proc/{scene.facts()['emperor']}/limits"])
        # Else it would be the host's, and all its processes.
        assert limit < processes_allowed(re.findall("Max processes.*", emperor["got"])[0])
        folder = "/srv/apps/attacker/tmp"
        assert scene.attack("bomb", folder) == {"got": "lit"}
        scene.host.wait(f"test -e {folder}/refused", 60)
        time.sleep(BOMB)
        most = int(scene.host.run("pgrep", "--count", "--euid", "app-attacker"))
        scene.host.run("touch", f"{folder}/over")
        assert 0.8 * limit < most <= limit
        # The master and its worker.
        scene.host.wait("test $(pgrep --count --euid app-attacker) -le 2", 60)
        wait_for_the_attacker(scene)

    with visitors(scenes, tmp_path):
        on_each(list(scenes), explode)


def test_a_leak_is_the_end_of_its_own_worker(scenes: dict[str, Any], tmp_path: Path) -> None:
    def leak(host: str) -> None:
        scene = scenes[host]
        worker = scene.facts()["attacker_worker"]
        assert scene.attack("leak", MEGABYTES) == {"got": MEGABYTES}
        resident = re.findall(r"VmRSS:\s+(\d+) kB", scene.host.run("cat", f"/proc/{worker}/status"))
        assert int(resident[0]) > MEGABYTES * 1024
        # What the kernel does to the largest process when there is no more.
        scene.host.run("kill", "-KILL", str(worker))
        wait_for_the_attacker(scene)
        assert scene.facts()["attacker_worker"] != worker

    with visitors(scenes, tmp_path):
        on_each(list(scenes), leak)


def test_blocked_workers_are_nobody_elses(scenes: dict[str, Any], tmp_path: Path) -> None:
    def block(host: str) -> None:
        scene = scenes[host]
        with ThreadPoolExecutor(BLOCKED) as pool:
            statuses = list(pool.map(lambda _: scene.send("sleep", 60)[0], range(BLOCKED)))
        assert set(statuses) <= {502, 504}, statuses
        wait_for_the_attacker(scene)

    with visitors(scenes, tmp_path):
        on_each(list(scenes), block)
