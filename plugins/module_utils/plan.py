# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Compares the wanted releases of apps with what the host has, and says what has to be done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.emperor.flask.plugins.module_utils import emperor
from ansible_collections.emperor.flask.plugins.module_utils.digests import digest, release_id
from ansible_collections.emperor.flask.plugins.module_utils.files import differs, user_id
from ansible_collections.emperor.flask.plugins.module_utils.layout import AppLayout, traces_of
from ansible_collections.emperor.flask.plugins.module_utils.releases import (
    MANIFEST,
    is_built,
    served_release,
)

# In check mode on a bare host there may be no git yet to ask.
UNKNOWN = "unknown"


@dataclass(frozen=True)
class AppPlan:
    """What an app needs: `create`, `deploy`, `repair` or, if nothing, `unchanged`."""

    name: str
    id: str
    path: str
    revision: str
    action: str
    reasons: list[str]
    built: bool
    served: str | None
    serving: str | None
    vassal: str
    parts: dict[str, str] = field(default_factory=dict)


def plan_app(description: Mapping[str, Any], revision: str | None, interpreter: str) -> AppPlan:
    """Plan one app from its completed description, without source and secrets, and its revision."""
    layout = AppLayout(description["name"])
    wanted = UNKNOWN if revision is None else release_id(description, revision, interpreter)
    parts = {key: digest(value) for key, value in description.items()}
    served = served_release(layout)
    built = is_built(layout, wanted)
    last = emperor.last_vassal(layout.release(wanted)) or emperor.latest_trace(layout.name, wanted)
    # A release that has to be built again is started again, as a vassal of another name.
    alive = built and last is not None and emperor.is_started(last)
    serving = emperor.serving_vassal(layout.release(served)) if served else None
    if served is None:
        action, reasons = "create", ["not on this host yet"]
    elif served != wanted:
        action, reasons = "deploy", _changes(layout, served, parts, revision)
    else:
        reasons = _drift(layout, description, wanted, built)
        action = "repair" if reasons else "unchanged"
    return AppPlan(
        name=layout.name,
        id=wanted,
        path=str(layout.release(wanted)),
        revision=revision or UNKNOWN,
        action=action,
        reasons=reasons,
        built=built,
        served=served,
        serving=serving,
        vassal=last if alive and last else emperor.next_vassal(layout.name, wanted, last),
        parts=parts,
    )


def _changes(layout: AppLayout, served: str, parts: Mapping[str, str], revision: str | None) -> list[str]:
    try:
        manifest = json.loads((layout.release(served) / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return [f"release {served} has no readable {MANIFEST}"]
    known = manifest.get("parts", {})
    changed = sorted(key for key in {*parts, *known} if parts.get(key) != known.get(key))
    source = [] if manifest.get("revision") == revision else ["source"]
    return [f"changed: {', '.join([*source, *changed])}"] if source or changed else ["changed: Python or the recipe"]


def _drift(layout: AppLayout, description: Mapping[str, Any], wanted: str, built: bool) -> list[str]:
    media = [entry["path"] for entry in description["media"]]
    release = layout.release(wanted)
    found = []
    if user_id(layout.user) is None:
        found.append(f"user {layout.user} is missing")
    found += [
        f"{directory.path} has another owner or mode than it must have"
        for directory in layout.directories(description["writable"], media)
        if differs(directory.path, directory.owner, directory.group, directory.mode)
    ]
    if not built:
        found.append(f"release {wanted} was changed by hand, or its virtualenv is gone")
    vassal = emperor.serving_vassal(release)
    if vassal is None:
        found.append("the release has no vassal")
    elif not emperor.is_started(vassal):
        found.append(f"vassal {vassal} has no link or no socket")
    else:
        link = emperor.link_of(vassal)
        if str(link.readlink()) != str(release / "vassal.ini") or link.lstat().st_uid != user_id(layout.user):
            found.append(f"vassal {vassal} was changed by hand")
    found += [f"vassal {name} is left over" for name in traces_of(layout.name) if name != vassal]
    if layout.releases.is_dir():
        found += [f"{entry.name} is unfinished" for entry in layout.releases.glob("*.tmp")]
    return found


def describe(plans: list[AppPlan]) -> tuple[str, str]:
    """Return two texts, before and after, that a diff of them shows what would change."""
    before, after = [], []
    for plan in plans:
        if plan.action == "unchanged":
            continue
        before.append(f"{plan.name}: release {plan.served or 'none'}\n")
        after.append(f"{plan.name}: release {plan.id}, {plan.action} ({'; '.join(plan.reasons)})\n")
    return "".join(before), "".join(after)


def as_dicts(plans: list[AppPlan]) -> list[dict[str, Any]]:
    """Return plans as a module result."""
    return [asdict(plan) for plan in plans]
