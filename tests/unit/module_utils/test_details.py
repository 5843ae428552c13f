"""The text that diff mode shows of each app, from what is on the host."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.emperor.flask.plugins.module_utils.details import PLACEHOLDER, Sent, Tools, tell
from ansible_collections.emperor.flask.plugins.module_utils.layout import AppLayout
from ansible_collections.emperor.flask.plugins.module_utils.plan import AppPlan
from ansible_collections.emperor.flask.plugins.module_utils.releases import ReleaseParts, assemble, staging
from ansible_collections.emperor.flask.plugins.module_utils.sources import LOCAL_ENVIRONMENT, Run, SourceError
from ansible_collections.emperor.flask.plugins.module_utils.virtualenvs import marker
from ansible_collections.emperor.flask.tests.support.hosts import Host

OLD, NEW = "0123456789ab", "ba9876543210"
APP: dict[str, Any] = {
    "environment": {"LEVEL": "hush-1"},
    "secret_names": ["KEY"],
    "secrets": "hush-2",
    "workers": {"processes": 2},
    "static": [],
}
PATH = {"path": "app"}


def run(command: list[str], environment: Mapping[str, str] = LOCAL_ENVIRONMENT) -> tuple[int, str, str]:
    known = {**os.environ, **environment}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=known)
    return done.returncode, done.stdout, done.stderr


def never(_run: Run, _place: Path) -> None:
    raise AssertionError("nothing was to be fetched")


def build(
    release: str, source: Mapping[str, Any], revision: str, description: Mapping[str, Any], requirements: str = ""
) -> None:
    layout = AppLayout("shop")
    (staging(layout, release) / "src").mkdir(parents=True)
    (staging(layout, release) / "src/requirements.txt").write_text(requirements)
    virtualenv = layout.virtualenvs / "77ab"
    virtualenv.mkdir(parents=True, exist_ok=True)
    virtualenv.chmod(0o750)
    marker(virtualenv).touch()
    manifest = {"source": source, "revision": revision, "description": description}
    environment = {**description["environment"], "KEY": "hush-3", "EMPEROR_APP": "shop"}
    vassal = f"[uwsgi]\nprocesses = {description['workers']['processes']}\nchdir = /releases/{release}/src\n"
    assemble(layout, ReleaseParts(release, virtualenv, {"vassal.ini": vassal}, environment, [], [], manifest))


def plan(action: str = "deploy", **more: Any) -> AppPlan:
    known: dict[str, Any] = {
        "id": NEW, "served": OLD, "revision": "2" * 64, "description": APP, "served_description": APP,
        "reasons": ["why"],
    }  # fmt: skip
    return AppPlan("shop", action, **(known | more))


def told(tmp_path: Path, plan: AppPlan, sent: Sent | None = None, fetch: Any = never) -> str:
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    lines = tell(plan, sent or Sent(), Tools(run, fetch, str(scratch)))
    assert list(scratch.iterdir()) == []
    return "\n".join(lines)


@pytest.mark.parametrize("action", ["unchanged", "failed"])
def test_what_stays_is_not_mentioned(tmp_path: Path, action: str) -> None:
    assert told(tmp_path, plan(action)) == ""


def test_what_is_held_says_why(tmp_path: Path) -> None:
    assert told(tmp_path, plan("held")) == "shop: held; why"


def test_a_new_app_names_what_it_gets(tmp_path: Path) -> None:
    assert told(tmp_path, plan("create", served=None, served_description=None)) == (
        f"shop: create, release {NEW}\n  environment\n    + LEVEL\n  secrets\n    + KEY"
    )


def test_a_release_from_a_folder_tells_all_in_order(host: Host, tmp_path: Path) -> None:
    build(OLD, PATH, "1" * 64, APP, "flask==3.1.0\n")
    description = {**APP, "environment": {"RATE": "hush-4"}, "secrets": "hush-5", "workers": {"processes": 4}}
    vassal = f"[uwsgi]\nprocesses = 4\nchdir = /releases/{PLACEHOLDER}/src\n"
    sent = Sent({"path": "/a"}, {"vassal.ini": vassal}, {"requirements.txt": "flask==3.1.1\n"})
    assert told(tmp_path, plan(description=description), sent).splitlines() == [
        f"shop: deploy, release {OLD} -> {NEW}",
        "  revision 111111111111 -> 222222222222",
        "  environment",
        "    - LEVEL",
        "    + RATE",
        "  secrets",
        "    values changed",
        "  options",
        "    workers.processes: 2 -> 4",
        "  requirements",
        "    - flask==3.1.0",
        "    + flask==3.1.1",
        "  vassal.ini",
        "    @@ -1,3 +1,3 @@",
        "     [uwsgi]",
        "    -processes = 2",
        "    +processes = 4",
        f"     chdir = /releases/{NEW}/src",
    ]


def test_only_another_id_is_no_difference_and_the_reason_is_given(host: Host, tmp_path: Path) -> None:
    build(OLD, PATH, "1" * 64, APP)
    sent = Sent(PATH, {"vassal.ini": f"[uwsgi]\nprocesses = 2\nchdir = /releases/{PLACEHOLDER}/src\n"}, {})
    lines = told(tmp_path, plan(revision="1" * 64), sent).splitlines()[1:]
    assert lines == ["  reason", "    why"]


def test_requirements_that_nobody_knows_yet_say_so(host: Host, tmp_path: Path) -> None:
    build(OLD, {"archive": "https://example.org/1.zip"}, "1" * 64, APP)
    sent = Sent({"archive": "https://example.org/2.zip"}, unknown="not known before the archive is unpacked")
    assert "  requirements unknown: not known before the archive is unpacked" in told(tmp_path, plan(), sent)


def test_a_served_release_that_says_nothing_gives_the_reason(host: Host, tmp_path: Path) -> None:
    lines = told(tmp_path, plan(served_description=None)).splitlines()
    assert lines == [f"shop: deploy, release {OLD} -> {NEW}", "  reason", "    why"]


@pytest.fixture
def server(tmp_path: Path) -> tuple[Path, str, str]:
    """Return a repository and two of its commits."""
    place = tmp_path / "server"
    commits = []
    git = ["git", "-C", str(place), "-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false"]
    run(["git", "init", "-q", str(place)])
    for version in ("3.1.0", "3.1.1"):
        (place / "requirements.txt").write_text(f"flask=={version}\n")
        run([*git, "add", "--all"])
        run([*git, "commit", "-q", "-m", f"Take flask {version}"])
        commits.append(run([*git, "rev-parse", "HEAD"])[1].strip())
    return place, commits[0], commits[1]


def test_a_release_from_git_tells_commits_and_requirements(
    host: Host, tmp_path: Path, server: tuple[Path, str, str]
) -> None:
    place, old, new = server
    git = {"git": f"file://{place}", "version": "v1"}
    build(OLD, git, old, APP, "flask==3.1.0\n")

    def fetch(limited: Run, repository: Path) -> None:
        assert limited(["git", "--git-dir", str(repository), "fetch", "-q", git["git"], new], LOCAL_ENVIRONMENT)[0] == 0

    lines = told(tmp_path, plan(revision=new), Sent({**git, "version": "v2"}), fetch).splitlines()
    assert lines[1:] == [
        f"  revision {old[:7]} -> {new[:7]}, version v1 -> v2",
        "  commits",
        f"    {new[:7]} Take flask 3.1.1",
        "  requirements",
        "    - flask==3.1.0",
        "    + flask==3.1.1",
    ]


def test_a_way_back_tells_the_commits_that_go_away(host: Host, tmp_path: Path, server: tuple[Path, str, str]) -> None:
    place, old, new = server
    git = {"git": f"file://{place}", "version": "v1"}
    build(OLD, git, new, APP, "flask==3.1.1\n")
    build(NEW, git, old, APP, "flask==3.1.0\n")
    AppLayout("shop").repository.symlink_to(place / ".git")
    lines = told(tmp_path, plan("rollback", revision=old)).splitlines()
    assert lines[1:] == [
        f"  revision {new[:7]} -> {old[:7]}",
        "  commits that go away",
        f"    {new[:7]} Take flask 3.1.1",
        "  requirements",
        "    - flask==3.1.1",
        "    + flask==3.1.0",
    ]


def test_a_lost_server_costs_the_commits_alone(host: Host, tmp_path: Path) -> None:
    git = {"git": "https://me:hush@git.invalid/a.git", "version": "v1"}
    build(OLD, git, "1" * 40, APP)

    def fetch(_run: Run, _place: Path) -> None:
        raise SourceError("git cannot fetch https://me:hush@git.invalid/a.git: no answer within 30 s")

    lines = told(tmp_path, plan(revision="2" * 40), Sent(git), fetch).splitlines()
    assert lines[1:4] == [
        "  revision 1111111 -> 2222222",
        "  commits unknown: git cannot fetch https://git.invalid/a.git: no answer within 30 s",
        "  requirements unknown: git cannot fetch https://git.invalid/a.git: no answer within 30 s",
    ]


def test_a_repair_names_what_was_changed_by_hand(host: Host, tmp_path: Path) -> None:
    build(OLD, PATH, "1" * 64, APP)
    release = AppLayout("shop").release(OLD)
    whole = (release / "vassal.ini").read_text()
    (release / "vassal.ini").write_text(whole.replace("= 2", "= 9"))
    (release / "env/LEVEL").write_text("hush-9")
    (release / "env/EXTRA").write_text("hush-9")
    (release / "src").chmod(0o777)
    (AppLayout("shop").virtualenvs / "77ab.complete").unlink()
    sent = Sent(PATH, {"vassal.ini": whole.replace(OLD, PLACEHOLDER)})
    lines = told(tmp_path, plan("repair", id=OLD), sent).splitlines()
    assert lines == [
        f"shop: repair, release {OLD}",
        "  found",
        "    why",
        f"    vassal.ini, htpasswd, engine or a file in env of release {OLD} has another content",
        f"    {release}/src has another owner or mode than it must have",
        f"    virtualenv {release.parent.parent}/venvs/77ab is gone or incomplete",
        "    environment - EXTRA",
        "    environment ~ LEVEL",
        "  vassal.ini",
        "    @@ -1,3 +1,3 @@",
        "     [uwsgi]",
        "    -processes = 9",
        "    +processes = 2",
        f"     chdir = /releases/{OLD}/src",
    ]


def test_what_an_own_uwsgi_needs_no_line_for_is_no_difference(host: Host, tmp_path: Path) -> None:
    build(OLD, PATH, "1" * 64, APP)
    whole = (AppLayout("shop").release(OLD) / "vassal.ini").read_text().replace(OLD, PLACEHOLDER)
    sent = Sent(PATH, {"vassal.ini": whole.replace("[uwsgi]\n", "[uwsgi]\nplugins = python3\n")})
    own = {**APP, "uwsgi_engine": "app"}
    assert "  vassal.ini" not in told(tmp_path, plan(description=own, served_description=own), sent).splitlines()
    assert "    +plugins = python3" in told(tmp_path, plan(), sent).splitlines()


VALUES = st.dictionaries(st.from_regex(r"[A-Z]{1,6}", fullmatch=True), st.from_regex(r"hush-\w{1,9}", fullmatch=True))


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(old=VALUES, new=VALUES, action=st.sampled_from(["deploy", "create", "repair", "rollback", "restart", "held"]))
def test_no_value_of_a_variable_or_secret_is_ever_told(
    host: Host, tmp_path: Path, old: dict[str, str], new: dict[str, str], action: str
) -> None:
    before, after = ({**APP, "environment": values, "secrets": f"hush-{values}"} for values in (old, new))
    release = AppLayout("shop").release(OLD)
    if release.exists():
        subprocess.run(["rm", "-r", str(release)], check=True)
    build(OLD, PATH, "1" * 64, before)
    found = told(
        tmp_path,
        plan(action, description=after, served_description=before, id=OLD if action == "repair" else NEW),
        Sent(PATH, {"vassal.ini": "[uwsgi]\n"}, {}),
    )
    assert "hush" not in found
    if action in ("deploy", "rollback") and old != new:
        assert "environment" in found
