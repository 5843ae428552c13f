"""Deploys and rollbacks of the shop, one playbook after the other, and what each came to."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from extent import in_short
from load import Load, Request, Switch, switch
from outside import Condition, Outside
from owner import Owner
from playbooks import Run, play

SHOP = "shop"
# Requests each second.
RATE = 100


@dataclass(frozen=True)
class Step:
    """What the operator does: changes the shop, if anything, and runs a playbook."""

    kind: str
    change: Callable[[Owner], None] | None = None

    @property
    def playbook(self) -> str:
        return "deploy" if self.change else "rollback"


@dataclass(frozen=True)
class Outcome:
    """A step that is over; the times are those of the controller."""

    step: Step
    run: Run
    before: Condition
    after: Condition
    expected: str | None
    looks: dict[str, Any]
    looked: dict[str, Any] | None

    @property
    def old(self) -> str:
        return str(self.before.current)

    @property
    def new(self) -> str:
        return str(self.after.current)

    def switch(self, requests: list[Request]) -> Switch | None:
        return switch(requests, self.old, self.new, self.run.began, self.run.began + self.run.seconds + 1)


def new_code(owner: Owner) -> None:
    text = (owner.source(SHOP) / "shop.py").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("CODE = "))
    owner.replace(SHOP, "shop.py", line, f'CODE = "{secrets.token_hex(4)}"')


def new_environment(owner: Owner) -> None:
    owner.describe(SHOP, environment={"FLAG": secrets.token_hex(4)})


def new_workers(owner: Owner) -> None:
    processes = owner.apps[SHOP]["workers"]["processes"]
    owner.describe(SHOP, workers={"processes": 5 - processes, "threads": 10})


def new_migration(owner: Owner) -> None:
    number = len(list((owner.source(SHOP) / "migrations").iterdir())) + 1
    owner.write(SHOP, {f"migrations/{number:04}_more.sql": f"ALTER TABLE visit ADD COLUMN more{number} TEXT"})
    new_code(owner)


def new_everything(owner: Owner) -> None:
    """Change code, virtualenv, environment and options at once."""
    new_code(owner)
    new_environment(owner)
    new_workers(owner)
    requirements = (owner.source(SHOP) / "requirements.txt").read_text(encoding="utf-8")
    owner.write(SHOP, {"requirements.txt": _other(requirements, "iniconfig==2.0.0", "iniconfig==2.1.0")})
    description = owner.apps[SHOP]
    owner.describe(
        SHOP,
        max_body_size=_other(description["max_body_size"], "1m", "5m"),
        static=[{"url": _other(description["static"][0]["url"], "/assets", "/files"), "path": "assets"}],
    )


def keep_warm(owner: Owner) -> None:
    """From now on, the previous release stays up for a while."""
    owner.describe(SHOP, rollback_window="10m")
    new_code(owner)


def _other(text: str, one: str, other: str) -> str:
    return text.replace(one, other) if one in text else text.replace(other, one)


ALL_STEPS = (
    Step("code", new_code),
    Step("environment", new_environment),
    Step("workers", new_workers),
    Step("cold rollback"),
    Step("migration", new_migration),
    Step("code", new_code),
    Step("cold rollback"),
    Step("everything", new_everything),
    Step("cold rollback"),
    Step("code, kept warm", keep_warm),
    Step("code", new_code),
    Step("warm rollback"),
    Step("environment", new_environment),
    Step("code", new_code),
    Step("warm rollback"),
)
# One of each kind that differs, in the same order.
FEW_STEPS = (
    Step("migration", new_migration),
    Step("everything", new_everything),
    Step("cold rollback"),
    Step("code, kept warm", keep_warm),
    Step("environment", new_environment),
    Step("warm rollback"),
)
STEPS = FEW_STEPS if in_short() else ALL_STEPS


@dataclass
class Drill:
    """Goes through the steps on one host and remembers which releases were good."""

    inventory: Path
    host: str
    good: list[str] = field(default_factory=list)
    looks: dict[str, dict[str, Any]] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)

    def begin(self) -> None:
        """Bring the shop to where the steps begin, whatever was run before."""
        owner = Owner(self.host)
        owner.describe(SHOP, rollback_window=None)
        new_code(owner)
        play(self.inventory, "deploy", self.host, app=SHOP).good()
        self._remember(self._condition())

    def go(self, step: Step) -> None:
        before = self._condition()
        expected = None
        if step.change is None:
            # A release that was rolled back from is good no more.
            self.good.pop()
            expected = self.good[-1]
        else:
            step.change(Owner(self.host))
        run = play(self.inventory, step.playbook, self.host, app=SHOP).good()
        after = self._condition()
        # Some requests that began after the playbook's end, for whoever looks at the record.
        time.sleep(0.5)
        looked = self.looks.get(str(after.current))
        looks = self._remember(after) if step.change else look(self.host)
        self.outcomes.append(Outcome(step, run, before, after, expected, looks, looked))

    def _condition(self) -> Condition:
        return Outside(self.host).condition(SHOP)

    def _remember(self, condition: Condition) -> dict[str, Any]:
        release = str(condition.current)
        self.good.append(release)
        self.looks[release] = look(self.host)
        return self.looks[release]


def look(host: str) -> dict[str, Any]:
    """Tell all by which releases differ, from outside; the database is not theirs."""
    outside = Outside(host)
    answer: dict[str, Any] = json.loads(outside.get(SHOP).body)
    for url in ("/assets", "/files"):
        answer[url] = outside.get(SHOP, f"{url}/mark.txt").status
    answer["2 MB"] = outside.takes(SHOP, 2_000_000)
    answer["venv"] = outside.run("readlink", "/srv/apps/shop/current/venv")
    del answer["schema"]
    return answer


def schema(host: str) -> int:
    return int(json.loads(Outside(host).get(SHOP).body)["schema"])


@dataclass(frozen=True)
class Report:
    """All that a host's drill came to."""

    drill: Drill
    requests: list[Request]
    schemas: tuple[int, int]
    guestbook: Run
    guestbook_before: str
    guestbook_after: str


def load_of(host: str) -> Load:
    return Load(Outside(host).address, [f"{SHOP}.localhost"], RATE, Owner(host).folder / "load")
