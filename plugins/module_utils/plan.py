# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Compares what is wanted of an app with what the host has, and says what has to be done.

A request says what is wanted: a release by all that goes into it (`deploy`), or one that is here already
(`rollback`, `restart`). It is plain data, so that the same question can be asked again under the app's lock.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.emperor.flask.plugins.module_utils import history, runners, vassals, warm
from ansible_collections.emperor.flask.plugins.module_utils.digests import release_id
from ansible_collections.emperor.flask.plugins.module_utils.files import differs, user_id
from ansible_collections.emperor.flask.plugins.module_utils.layout import AppLayout, traces_of
from ansible_collections.emperor.flask.plugins.module_utils.releases import (
    MANIFEST,
    ROLLED_BACK,
    is_built,
    misled,
    read_manifest,
    served_release,
)
from ansible_collections.emperor.flask.plugins.module_utils.retirement import unfinished

# In check mode on a bare host there may be no git yet to ask, or a Python that is still to be fetched.
UNKNOWN = "unknown"
# Nothing is to be done for these: as it should be, left as it is on purpose, or not to be helped.
AT_REST = ("unchanged", "held", "failed")
# What keys of a description that are no options stand for.
_NAMES = {"recipe": "templates of the release", "engine": "version of uWSGI"}


@dataclass(frozen=True)
class AppPlan:
    """What an app needs.

    `action` is `create`, `deploy`, `repair`, `rollback`, `restart`; or, if nothing, `unchanged`, `held` (a release
    that was rolled back from) or `failed` (`error` says why). `description` is the app as the release wants it,
    `served_description` as the served one does. `missing_users` are accounts with their homes. `request` is the
    question that this answers.
    """

    name: str
    action: str
    reasons: list[str]
    id: str = UNKNOWN
    path: str = ""
    revision: str = UNKNOWN
    built: bool = False
    served: str | None = None
    serving: str | None = None
    vassal: str = ""
    description: dict[str, Any] = field(default_factory=dict)
    served_description: dict[str, Any] | None = None
    request: dict[str, Any] = field(default_factory=dict)
    missing_users: list[dict[str, str]] = field(default_factory=list)
    error: str = ""
    warnings: list[str] = field(default_factory=list)


def plan_app(request: Mapping[str, Any]) -> AppPlan:
    """Answer a request: `want`, `name`, and for a deploy `description`, `revision`, `interpreter`, `again`.

    `error` in it, the reason why the source cannot be had, makes a failed plan; `release` names the release to go
    back to.
    """
    if request.get("error"):
        return _failed(request, request["error"])
    return _plan_deploy(request) if request["want"] == "deploy" else _plan_return(request)


def _plan_deploy(request: Mapping[str, Any]) -> AppPlan:
    description, revision = request["description"], request["revision"]
    layout = AppLayout(description["name"])
    interpreter = request["interpreter"]
    wanted = UNKNOWN if None in (revision, interpreter) else release_id(description, str(revision), interpreter)
    served = served_release(layout)
    manifest = manifest_of(layout, served)
    built = is_built(layout, wanted)
    held = None if request.get("again") else _rolled_back(layout, wanted)
    if served is None:
        action, reasons = "create", ["not on this host yet"]
    elif served == wanted:
        reasons = _drift(layout, description, wanted, built)
        action = "repair" if reasons else "unchanged"
    elif held:
        action, reasons = "held", [held]
    else:
        action, reasons = "deploy", [changes(manifest, served, description, revision)]
    return AppPlan(
        name=layout.name,
        action=action,
        reasons=reasons,
        id=wanted,
        path=str(layout.release(wanted)),
        revision=revision or UNKNOWN,
        built=built,
        served=served,
        serving=vassals.serving_vassal(layout.release(served)) if served else None,
        vassal=_vassal(layout, wanted, built),
        description=dict(description),
        served_description=_description(manifest),
        request=dict(request),
        missing_users=_missing_users(layout),
        warnings=list(request.get("warnings", [])),
    )


def _plan_return(request: Mapping[str, Any]) -> AppPlan:
    """Plan a rollback to a release that is here, or a restart of the one that serves."""
    layout, want = AppLayout(request["name"]), request["want"]
    served = served_release(layout)
    if served is None:
        return _failed(request, f"app {layout.name} has no release on this host; deploy it first")
    # Going back once more would be one release too far.
    interrupted = want == "rollback" and not request.get("release") and is_unsettled(layout, served)
    stays = want == "restart" or interrupted
    target = served if stays else request.get("release") or previous_good(layout, served)
    if target is None:
        return _failed(request, f"app {layout.name} has no earlier good release to roll back to; {_choice(layout)}")
    manifest = manifest_of(layout, target)
    if not _is_complete(layout, target):
        return _failed(request, f"app {layout.name} has no complete release {target} here; {_choice(layout)}")
    served_description = _description(manifest_of(layout, served))
    settled = want == "rollback" and target == served and not interrupted
    reason = f"release {served} serves already" if settled else f"{want} was asked for"
    return AppPlan(
        name=layout.name,
        action="unchanged" if settled else want,
        reasons=["the last switch was interrupted, and is brought to its end" if interrupted else reason],
        id=target,
        path=str(layout.release(target)),
        revision=str(manifest.get("revision", UNKNOWN)),
        built=True,
        served=served,
        serving=vassals.serving_vassal(layout.release(served)),
        vassal=_vassal(layout, target, built=want != "restart"),
        description=_description(manifest) or {},
        served_description=served_description,
        request=dict(request),
        missing_users=_missing_users(layout),
    )


def is_unsettled(layout: AppLayout, served: str) -> bool:
    """Tell whether a run has moved the traffic to a release and did not get to its own end."""
    left = leftovers(layout, vassals.serving_vassal(layout.release(served)))
    return bool(left) or history.last_live(layout) != served


def _missing_users(layout: AppLayout) -> list[dict[str, str]]:
    accounts = {layout.user: layout.root, layout.builder: layout.cache}
    return [{"name": name, "home": str(home)} for name, home in accounts.items() if user_id(name) is None]


def previous_good(layout: AppLayout, served: str) -> str | None:
    """Return the release that was live last before this one, is complete, and was not rolled back from."""
    live = history.went_live(history.read(layout))
    return next(
        (
            found
            for found in live
            if found != served and _is_complete(layout, found) and not _rolled_back(layout, found)
        ),
        None,
    )


def _is_complete(layout: AppLayout, release: str) -> bool:
    """Tell whether a release can serve again; one of an early version does not say how its app was described."""
    return is_built(layout, release) and _description(manifest_of(layout, release)) is not None


def _choice(layout: AppLayout) -> str:
    here = [found for found in history.went_live(history.read(layout)) if _is_complete(layout, found)]
    return f"complete releases: {', '.join(here) or 'none'}; name one with -e release=ID"


def _failed(request: Mapping[str, Any], error: str) -> AppPlan:
    layout = AppLayout(request["name"])
    served = served_release(layout)
    return AppPlan(
        name=layout.name,
        action="failed",
        reasons=[error],
        served=served,
        served_description=_description(manifest_of(layout, served)),
        request=dict(request),
        error=error,
        warnings=list(request.get("warnings", [])),
    )


def _vassal(layout: AppLayout, release: str, built: bool) -> str:
    """Return the vassal of a release that runs, or the name to start it as."""
    last = vassals.last_vassal(layout.release(release)) or vassals.latest_trace(layout.name, release)
    # A release that has to be built again is started again, as a vassal of another name.
    if built and last is not None and runners.of_vassal(last).is_started(last):
        return last
    return vassals.next_vassal(layout.name, release, last)


def _rolled_back(layout: AppLayout, release: str) -> str:
    """Return when and by whom a release was rolled back from, or an empty text."""
    try:
        mark = json.loads((layout.release(release) / ROLLED_BACK).read_text(encoding="utf-8"))
        return f"release {release} was rolled back from at {mark['time']} by {mark['who']}"
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, LookupError, TypeError):
        return f"release {release} was rolled back from"


def manifest_of(layout: AppLayout, release: str | None) -> dict[str, Any]:
    """Return what a release says of itself, or nothing."""
    try:
        return read_manifest(layout.release(release)) if release else {}
    except (OSError, ValueError):
        return {}


def _description(manifest: Mapping[str, Any]) -> dict[str, Any] | None:
    found = manifest.get("description")
    return found if isinstance(found, dict) else None


def changes(manifest: Mapping[str, Any], served: str, description: Mapping[str, Any], revision: str | None) -> str:
    """Return in one line what differs from the served release."""
    known = _description(manifest)
    if known is None:
        return f"release {served} has no readable {MANIFEST}"
    changed = sorted(key for key in {*description, *known} if description.get(key) != known.get(key))
    source = [] if manifest.get("revision") == revision else ["source"]
    named = [*source, *(_NAMES.get(key, key) for key in changed)]
    return f"changed: {', '.join(named)}" if named else "changed: Python"


def _drift(layout: AppLayout, description: Mapping[str, Any], wanted: str, built: bool) -> list[str]:
    media = [entry["path"] for entry in description["media"]]
    release = layout.release(wanted)
    found = []
    found += [f"user {account['name']} is missing" for account in _missing_users(layout)]
    found += [
        f"{directory.path} has another owner or mode than it must have"
        for directory in layout.directories(description["writable"], media)
        if differs(directory.path, directory.owner, directory.group, directory.mode)
    ]
    if not built:
        found.append(f"release {wanted} was changed by hand, or its virtualenv is gone")
    found += [f"{link} leads to {link.readlink()}" for link in misled(layout, wanted)]
    vassal = vassals.serving_vassal(release)
    if vassal is None:
        found.append("the release has no vassal")
    elif flaw := runners.of_release(release).flaw(vassal, release, layout.user):
        found.append(flaw)
    found += [f"vassal {name} is left over" for name in leftovers(layout, vassal)]
    if history.last_live(layout) != wanted:
        found.append(f"the history lacks the switch to release {wanted}")
    found += [f"{entry.name} is unfinished" for entry in unfinished(layout)]
    return found


def drift_of_served(layout: AppLayout) -> list[str]:
    """Return what differs from how the served release was left, in words."""
    served = served_release(layout)
    if served is None:
        return []
    description = _description(manifest_of(layout, served))
    if description is None:
        return [f"release {served} has no readable {MANIFEST}"]
    return _drift(layout, description, served, is_built(layout, served))


def leftovers(layout: AppLayout, *wanted: str | None) -> list[str]:
    """Return the vassals of exactly this app that are neither wanted nor kept warm."""
    kept = {*wanted, *warm.kept(layout.name)}
    return [name for name in traces_of(layout.name) if name not in kept]


def as_dicts(plans: Iterable[AppPlan]) -> list[dict[str, Any]]:
    """Return plans as a module result."""
    return [asdict(plan) for plan in plans]
