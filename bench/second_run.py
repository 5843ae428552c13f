#!/usr/bin/env python3
"""How much longer does a run of site.yml that changes nothing take for many apps than for one?

    bench/second_run.py [--distribution debian:13] [--apps 50] [--rounds 5]

Makes two container hosts, provisions one with a single app and one with many, and then runs site.yml on each in
turn. Prints the median of each and the ratio; the hosts are removed at the end. Takes about ten minutes.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CLONE = Path(__file__).resolve().parent.parent
UNCHANGED = re.compile(r" changed=0 .* failed=0 ")


def make_inventory(folder: Path, host: str, distribution: str, apps: int) -> Path:
    """Write an inventory of one container host with that many small apps."""
    inventory = folder / host
    (inventory / "group_vars").mkdir(parents=True)
    hosts = {
        "app": {
            "hosts": {host: {}},
            "vars": {
                "ansible_connection": "containers.podman.podman",
                "ansible_python_interpreter": "/usr/bin/python3",
                "container_host_distribution": distribution,
            },
        }
    }
    described = [
        {
            "name": f"app{number:02}",
            "source": {"path": "app/examples/foobar"},
            "wsgi": "foobar.py:application",
            "workers": {"processes": 1},
            "idle": "10m",
        }
        for number in range(apps)
    ]
    (inventory / "hosts.yml").write_text(json.dumps(hosts), encoding="utf-8")
    (inventory / "group_vars/app.yml").write_text(json.dumps({"flask_apps": described}), encoding="utf-8")
    return inventory


def play(inventory: Path, playbook: str, *arguments: str) -> tuple[float, str]:
    """Run a playbook; return its seconds and what it said."""
    command = ["ansible-playbook", "--inventory", str(inventory), playbook, *arguments]
    begin = time.monotonic()
    done = subprocess.run(command, cwd=CLONE, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-1000:]}")
    return time.monotonic() - begin, done.stdout


def measure(inventories: dict[int, Path], rounds: int) -> dict[int, list[float]]:
    """Run site.yml on each host in turn, in an order that changes from round to round."""
    found: dict[int, list[float]] = {apps: [] for apps in inventories}
    for number in range(rounds):
        order = list(inventories) if number % 2 == 0 else list(reversed(inventories))
        for apps in order:
            seconds, said = play(inventories[apps], "site.yml")
            if not UNCHANGED.search(said):
                sys.exit(f"the run for {apps} apps changed something:\n{said[-2000:]}")
            found[apps].append(seconds)
            print(f"  round {number + 1}, {apps:3} apps: {seconds:5.1f} s, 0 changed", flush=True)
    return found


def main() -> None:
    """Make, provision, measure, print, remove."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--distribution", default="debian:13")
    parser.add_argument("--apps", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="emperor-flask-bench-") as name:
        inventories = {
            apps: make_inventory(Path(name), f"emperor-flask-bench-{apps}", given.distribution, apps)
            for apps in (1, given.apps)
        }
        try:
            for apps, inventory in inventories.items():
                print(f"Provisioning a host with {apps} apps, about {30 + 5 * apps} s", flush=True)
                play(inventory, "playbooks/development.yml")
                seconds, _ = play(inventory, "site.yml")
                print(f"  {seconds:.0f} s", flush=True)
            found = measure(inventories, given.rounds)
        finally:
            for inventory in inventories.values():
                play(inventory, "playbooks/development.yml", "--extra-vars", "container_host_state=absent")
    one, many = (statistics.median(found[apps]) for apps in (1, given.apps))
    print(f"second run of site.yml on {given.distribution}, median of {given.rounds} interleaved rounds:")
    print(f"1 app {one:.1f} s, {given.apps} apps {many:.1f} s")
    print(f"ratio {many / one:.2f} (at most 1.5 is the aim)")


if __name__ == "__main__":
    main()
