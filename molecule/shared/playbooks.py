"""Runs the playbooks as an operator does, each in a process of its own, and tells what became of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

CLONE = Path(__file__).resolve().parents[2]
# Whatever goes wrong, no run keeps the tests waiting for longer.
LONGEST = 300


@dataclass(frozen=True)
class Task:
    """The outcome of a task on one host; the times are those of the controller's clock."""

    name: str
    host: str
    began: float
    ended: float
    outcome: str
    result: Mapping[str, Any] = field(repr=False)

    @property
    def bad(self) -> bool:
        return self.outcome in ("failed", "unreachable")


@dataclass(frozen=True)
class Run:
    """A playbook that has come to its end."""

    command: list[str]
    code: int
    began: float
    seconds: float
    tasks: list[Task] = field(repr=False)
    stats: Mapping[str, Mapping[str, int]]
    output: str = field(repr=False)

    def changed(self, host: str) -> list[str]:
        """Return the names of the tasks that changed something on a host."""
        return [task.name for task in self.tasks if task.host == host and task.result.get("changed")]

    def report(self, host: str) -> str:
        """Return what the operator reads at the end of a run that failed."""
        failed = [task for task in self.tasks if task.host == host and task.bad]
        return str(failed[-1].result.get("msg", "")) if failed else ""

    def failures(self, host: str, app: str) -> list[Task]:
        """Return the tasks that failed for an app, in order."""
        return [task for task in self.tasks if task.host == host and task.bad and task.name.endswith(f" {app}")]

    def good(self) -> Run:
        """Return the run if it went well; else say what the operator has seen."""
        assert self.code == 0, f"{' '.join(self.command)} ended with {self.code}:\n{self.tail()}"
        return self

    def tail(self) -> str:
        bad = [task for task in self.tasks if task.bad]
        said = [f"{task.host}: {task.name}: {task.result.get('msg', '')}" for task in bad]
        return "\n".join(said) or self.output[-4000:]


class Playbook:
    """A run that may still be going on."""

    def __init__(self, inventory: Path, name: str, limit: str, *options: str, **variables: str) -> None:
        self.command = [
            *("ansible-playbook", "--inventory", str(inventory), "--limit", limit, *options),
            *(part for key, value in variables.items() for part in ("--extra-vars", f"{key}={value}")),
            f"playbooks/{name}.yml" if name != "site" else "site.yml",
        ]
        self.began = time.time()
        self._process = subprocess.Popen(
            self.command,
            cwd=CLONE,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # So that it can be killed with all that it has started.
            start_new_session=True,
        )

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "ANSIBLE_CONFIG": str(CLONE / "ansible.cfg"),
            # Molecule's own value starts at its scenario's folder, and this run does not.
            "ANSIBLE_COLLECTIONS_PATH": os.environ.get("EMPEROR_FLASK_COLLECTIONS") or str(CLONE / ".collections"),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.jsonl",
            # What the result of a task says is read; what it would look like is not.
            "ANSIBLE_DEPRECATION_WARNINGS": "false",
        }

    def running(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """End the controller's side as a power cut would."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()

    def wait(self, longest: float = LONGEST) -> Run:
        try:
            output, _ = self._process.communicate(timeout=longest)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{' '.join(self.command)} took more than {longest:.0f} s") from None
        events = list(_events(output))
        return Run(
            command=self.command,
            code=self._process.returncode,
            began=self.began,
            seconds=time.time() - self.began,
            tasks=[task for event in events for task in _tasks(event)],
            stats=next((event["stats"] for event in events if "stats" in event), {}),
            output=output,
        )


def play(inventory: Path, name: str, limit: str, *options: str, **variables: str) -> Run:
    """Run a playbook to its end."""
    return Playbook(inventory, name, limit, *options, **variables).wait()


def _events(output: str) -> Iterator[dict[str, Any]]:
    for line in output.splitlines():
        if line.startswith('{"_event"'):
            yield json.loads(line)


def _tasks(event: Mapping[str, Any]) -> Iterator[Task]:
    kind = str(event["_event"])
    if not kind.startswith("v2_runner_on_") or "task" not in event or kind.endswith("_start"):
        return
    task = event["task"]
    for host, result in event["hosts"].items():
        yield Task(
            name=task["name"].rpartition(" : ")[2],
            host=host,
            began=_seconds(task["duration"]["start"]),
            ended=_seconds(task["duration"]["end"]),
            outcome=kind.removeprefix("v2_runner_on_"),
            result=result,
        )


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp.rstrip("Z")).replace(tzinfo=timezone.utc).timestamp()
