# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Gathers what a person wants to read about a plan; all of it is only done in diff mode."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.emperor.flask.plugins.module_utils import changes
from ansible_collections.emperor.flask.plugins.module_utils.commits import Repository, within
from ansible_collections.emperor.flask.plugins.module_utils.engines import run_files
from ansible_collections.emperor.flask.plugins.module_utils.layout import RUN_FILES, AppLayout
from ansible_collections.emperor.flask.plugins.module_utils.plan import AT_REST, AppPlan, manifest_of
from ansible_collections.emperor.flask.plugins.module_utils.releases import flaws
from ansible_collections.emperor.flask.plugins.module_utils.sources import Run, SourceError
from ansible_collections.emperor.flask.plugins.module_utils.virtualenvs import (
    RequirementsError,
    find_requirements,
    read_inputs,
)

# Stands for the id of the release in the file that the controller renders, which does not know the id.
PLACEHOLDER = "@release@"
# Variables that each release gets from us.
_OURS = "EMPEROR_"
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True)
class Sent:
    """What the controller adds for one app.

    `source` is where the wanted code comes from; `files` say how it is run, with PLACEHOLDER; `requirements` are
    texts by the names of their files, for a source that the controller has, else `unknown` says why there are none.
    """

    source: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    requirements: Mapping[str, str] | None = None
    unknown: str = ""


@dataclass(frozen=True)
class Tools:
    """How git is run, how the wanted commit is brought into a bare repository, and where that may stand."""

    run: Run
    fetch: Callable[[Run, Path], None]
    scratch: str


@dataclass(frozen=True)
class Origin:
    """Where the code of a release comes from, and its revision."""

    source: Mapping[str, Any]
    revision: str

    @property
    def is_commit(self) -> bool:
        return bool(self.source.get("git") and _COMMIT.fullmatch(self.revision))


def requirement_texts(source: Path, description: Mapping[str, Any]) -> dict[str, str]:
    """Return the files of a source that name what to install. Raises RequirementsError."""
    found = find_requirements(source, description.get("requirements"), description.get("installer") or "uv")
    files = read_inputs(source, found) if found else {}
    return {str(path.relative_to(source)): text for path, text in files.items()}


def tell(plan: AppPlan, sent: Sent, tools: Tools) -> list[str]:
    """Return the lines about one app; none for one that stays as it is."""
    if plan.action == "held":
        return [changes.clean(f"{plan.name}: held; {'; '.join(plan.reasons)}")]
    if plan.action in AT_REST:
        return []
    moves = plan.served not in (None, plan.id)
    head = f"{plan.name}: {plan.action}, release {f'{plan.served} -> ' if moves else ''}{plan.id}"
    lines = [line for part in _parts(plan, sent, tools) for line in part]
    # Such as a release that cannot say what it was made of, or another Python.
    return [head, *(lines or changes.section("reason", [changes.clean(reason) for reason in plan.reasons]))]


def _parts(plan: AppPlan, sent: Sent, tools: Tools) -> Iterator[list[str]]:
    layout = AppLayout(plan.name)
    if plan.action == "repair":
        yield changes.section("found", [changes.clean(line) for line in [*plan.reasons, *_by_hand(layout, plan)]])
        yield from _file_sections(layout, plan, sent)
    elif plan.action == "create":
        yield changes.section("environment", changes.environment_lines({}, plan.description))
        yield changes.section("secrets", changes.secret_lines({}, plan.description))
    elif plan.served_description is not None and plan.served != plan.id:
        yield from _differences(layout, plan, plan.served_description, sent, tools)


def _differences(
    layout: AppLayout, plan: AppPlan, old: Mapping[str, Any], sent: Sent, tools: Tools
) -> Iterator[list[str]]:
    """Yield what differs between the served release and another."""
    known = manifest_of(layout, plan.served)
    before = Origin(known.get("source") or {}, str(known.get("revision", "")))
    source = sent.source or manifest_of(layout, plan.id).get("source") or {}
    after = Origin(source, plan.revision)
    line = changes.revision_line(before.source, before.revision, after.source, after.revision)
    yield [f"  {line}"] if line else []
    commits, requirements = _of_source(layout, plan, old, sent, tools, before, after)
    yield commits
    yield changes.section("environment", changes.environment_lines(old, plan.description))
    yield changes.section("secrets", changes.secret_lines(old, plan.description))
    yield changes.section("options", changes.option_lines(old, plan.description))
    yield requirements
    yield from _file_sections(layout, plan, sent)


def _of_source(
    layout: AppLayout, plan: AppPlan, old: Mapping[str, Any], sent: Sent, tools: Tools, before: Origin, after: Origin
) -> tuple[list[str], list[str]]:
    """Return the sections of commits and of requirements."""
    keys = ("requirements", "installer")
    if before == after and all(old.get(key) == plan.description.get(key) for key in keys):
        return [], []
    here = layout.release(plan.id) / "src"
    if not after.is_commit or (here.is_dir() and not before.is_commit):
        return [], _requirement_section(layout, plan, old, lambda: _sent_requirements(sent, here, plan))
    run = within(tools.run)
    try:
        with (
            Repository.beside(run, layout.repository, tools.scratch) as repository,
            tempfile.TemporaryDirectory(dir=tools.scratch) as folder,
        ):
            if not repository.has(after.revision):
                tools.fetch(run, repository.path)

            def wanted() -> Mapping[str, str]:
                repository.write_requirements(after.revision, plan.description.get("requirements"), Path(folder))
                return requirement_texts(Path(folder), plan.description)

            commits = _commit_sections(repository, before, after)
            return commits, _requirement_section(layout, plan, old, wanted)
    except (SourceError, OSError) as error:
        line = f"unknown: {changes.clean(str(error))}"
        return ([f"  commits {line}"] if before.is_commit else []), [f"  requirements {line}"]


def _commit_sections(repository: Repository, before: Origin, after: Origin) -> list[str]:
    if not before.is_commit or before.revision == after.revision:
        return []
    if not repository.has(before.revision):
        return [f"  commits unknown: the repository has no commit {before.revision[:7]} any more"]
    try:
        come = repository.between(before.revision, after.revision)
        gone = repository.between(after.revision, before.revision)
    except SourceError as error:
        return [f"  commits unknown: {changes.clean(str(error))}"]
    return [*changes.section("commits", come), *changes.section("commits that go away", gone)]


def _sent_requirements(sent: Sent, here: Path, plan: AppPlan) -> Mapping[str, str]:
    if here.is_dir():
        return requirement_texts(here, plan.description)
    if sent.requirements is None:
        raise RequirementsError(sent.unknown)
    return sent.requirements


def _requirement_section(
    layout: AppLayout, plan: AppPlan, old: Mapping[str, Any], wanted: Callable[[], Mapping[str, str]]
) -> list[str]:
    try:
        known = requirement_texts(layout.release(plan.served or "") / "src", old)
        return changes.section("requirements", changes.requirement_lines(known, wanted()))
    except (RequirementsError, OSError) as error:
        return [f"  requirements unknown: {changes.clean(str(error))}"]


def _file_sections(layout: AppLayout, plan: AppPlan, sent: Sent) -> Iterator[list[str]]:
    """Yield how each file that says how the app is run differs, the ids of the two releases apart."""
    served = plan.served or plan.id
    before = _run_files(layout.release(served))
    after = run_files(sent.files, plan.description) or _run_files(layout.release(plan.id))
    if not (before and after):
        return
    for name in RUN_FILES:
        old, new = before.get(name, "").replace(served, plan.id), after.get(name, "").replace(PLACEHOLDER, plan.id)
        yield changes.section(name, changes.file_lines(old, new))


def _run_files(release: Path) -> dict[str, str]:
    found = (path for name in RUN_FILES if (path := release / name).is_file())
    return {path.name: path.read_text(encoding="utf-8", errors="replace") for path in found}


def _by_hand(layout: AppLayout, plan: AppPlan) -> list[str]:
    """Return what was changed by hand in a release, as far as it can be told: names, no values."""
    found = flaws(layout, plan.id)
    folder = layout.release(plan.id) / "env"
    try:
        here = {entry.name: entry.read_bytes() for entry in folder.iterdir() if not entry.name.startswith(_OURS)}
    except OSError:
        return found
    environment = {name: str(value).encode() for name, value in (plan.description.get("environment") or {}).items()}
    # A secret's value is not known here: what was found there passes for it.
    secrets = {name: here.get(name, b"") for name in plan.description.get("secret_names") or ()}
    names = changes.environment_lines({"environment": here}, {"environment": environment | secrets})
    return [*found, *(f"environment {name}" for name in names)]
