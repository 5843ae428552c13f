"""The plan as a module: all apps at once, git asked here."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.plugins.module_utils import locks, provisioned, removal, uv_program
from ansible_collections.emperor.flask.plugins.module_utils.interpreters import Interpreter
from ansible_collections.emperor.flask.plugins.module_utils.releases import mark_rolled_back
from ansible_collections.emperor.flask.plugins.modules import plan
from ansible_collections.emperor.flask.tests.support.hosts import ID, LOCK, App, Host, request
from ansible_collections.emperor.flask.tests.support.modules import run_module
from ansible_collections.emperor.flask.tests.support.systemd import Systemd


def app(name: str, **source: Any) -> dict[str, Any]:
    """Return what the controller asks about an app; the host finds revision and interpreter out."""
    asked = request(name, revision=None)
    return {key: value for key, value in asked.items() if key not in ("revision", "interpreter")} | source


def plan_of(*requests: dict[str, Any], check: bool = False, **more: Any) -> dict[str, Any]:
    """Return what the module answers for these apps."""
    known = [asked["name"] for asked in requests]
    given = {"known": known, "uv_home": "/nowhere/uv", "uv_requirements": "uv==1\n"}
    return run_module(plan, check, **{**given, "requests": list(requests), **more})


@pytest.fixture
def repository(tmp_path: Path) -> str:
    identity = ["-c", "user.name=n", "-c", "user.email=e"]
    for command in (["init", "-b", "main"], ["commit", "--allow-empty", "-m", "m"]):
        subprocess.run(["git", *identity, *command], cwd=tmp_path, check=True, capture_output=True)
    return f"file://{tmp_path}"


def test_every_app_gets_its_plan_in_order(host: Host, repository: str) -> None:
    found = plan_of(app("a", revision="r1"), app("b", git=repository, version="main"))
    assert [(entry["name"], entry["action"]) for entry in found["apps"]] == [("a", "create"), ("b", "create")]
    assert found["apps"][0]["revision"] == "r1"
    assert len(found["apps"][1]["revision"]) == 40
    assert found["diff"]["prepared"].count("create, release") == 2


def test_the_same_input_plans_the_same_release(host: Host) -> None:
    first, second = (plan_of(app("a", revision="r1"))["apps"][0]["id"] for _ in range(2))
    assert first == second
    assert plan_of(app("a", revision="r2"))["apps"][0]["id"] != first


@pytest.mark.parametrize(("check", "changed"), [(False, False), (True, True)])
def test_it_reports_a_change_in_check_mode_alone(host: Host, check: bool, changed: bool) -> None:
    assert plan_of(app("a", revision="r1"), check=check)["changed"] is changed
    assert plan_of(check=check)["changed"] is False
    assert list(host.apps.iterdir()) == []


def test_a_repository_that_cannot_be_read_is_named(host: Host, tmp_path: Path) -> None:
    [failure] = plan_of(app("a", git=f"file://{tmp_path}/none", version="main"))["failures"]
    assert (failure["name"], failure["served"]) == ("a", None)
    assert failure["report"].startswith(f"app a, version main: git cannot read file://{tmp_path}/none: ")


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have a uWSGI that knows one option, and notes each time that it is asked."""
    program = tmp_path / "uwsgi"
    program.write_text('#!/bin/sh\necho "$*" >> "$0.asked"\necho "    --mule    add a mule"\n')
    program.chmod(0o755)
    monkeypatch.setattr(plan, "HOSTS_UWSGI", str(program))
    return program.with_name("uwsgi.asked")


def with_options(name: str, **options: list[str]) -> dict[str, Any]:
    asked = app(name, revision="r1")
    return {**asked, "description": {**asked["description"], "uwsgi_options": options}}


def test_an_option_that_the_hosts_uwsgi_does_not_know_stops_its_app_alone(host: Host, engine: Path) -> None:
    found = plan_of(with_options("a", mull=["a.py"]), with_options("b", mule=["a.py"]), app("c", revision="r1"))
    assert [entry["action"] for entry in found["apps"]] == ["failed", "create", "create"]
    assert found["failures"][0]["report"].startswith("uwsgi_options.mull: the host's uWSGI ")
    assert "did you mean 'mule'?" in found["failures"][0]["report"]
    # Once for its help and once for its version, however many apps there are.
    assert len(engine.read_text().splitlines()) == 2


def test_uwsgi_is_not_asked_for_apps_without_options(host: Host, engine: Path) -> None:
    plan_of(app("a", revision="r1"))
    assert not engine.exists()


def test_uwsgi_is_not_asked_before_it_is_complete(host: Host, engine: Path) -> None:
    """What is missing may be the very plugin; the role installs it and asks again."""
    found = plan_of(with_options("a", mull=["a.py"]), packages=["no-such-package"])
    assert found["apps"][0]["action"] == "create"
    assert not engine.exists()


def served(host: Host, name: str, **manifest: Any) -> None:
    """Leave the manifest of a release that gets the traffic."""
    release = host.apps / name / "releases/0123456789ab"
    release.mkdir(parents=True)
    (release / "release.json").write_text(json.dumps(manifest))
    (host.apps / name / "current").symlink_to("releases/0123456789ab")


def test_a_repository_that_is_away_leaves_the_app_at_its_commit(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(AnsibleModule, "warn", lambda _module, text: warnings.append(text))
    source = {"git": f"file://{tmp_path}/none", "version": "main"}
    served(host, "a", revision="a" * 40, source=source)
    found = plan_of(app("a", **source), app("b", revision="r1"))
    assert [entry["revision"] for entry in found["apps"]] == ["a" * 40, "r1"]
    [warning] = warnings
    assert warning.startswith(f"app a, version main: git cannot read file://{tmp_path}/none: ")
    assert warning.endswith("; goes on with what that was at the last deploy, commit aaaaaaaaaaaa")


@pytest.mark.parametrize("manifest", ["", "[]", "{}"])
def test_an_unreadable_manifest_tells_nothing(host: Host, tmp_path: Path, manifest: str) -> None:
    served(host, "a")
    (host.apps / "a/current/release.json").write_text(manifest)
    assert plan_of(app("a", git=f"file://{tmp_path}/none", version="main"))["apps"][0]["action"] == "failed"


def test_what_cannot_be_read_is_alone(host: Host, tmp_path: Path) -> None:
    apps = [app(name, git=f"file://{tmp_path}/{name}", version="main") for name in ("a", "b")]
    found = plan_of(*apps, app("c", revision="r1"))
    said = [failure["report"].split(": ")[0] for failure in found["failures"]]
    assert said == ["app a, version main", "app b, version main"]
    assert [entry["name"] for entry in found["to_do"]] == ["c"]


def test_ssh_gets_the_key_of_its_app_and_no_other(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program in the place of ssh writes down what it could read, and where."""
    fake = tmp_path / "bin/ssh"
    fake.parent.mkdir()
    fake.write_text(
        f'#!/bin/sh\necho "$@" >>{tmp_path}/argv\nenv >>{tmp_path}/env\n'
        f'while [ "$1" != -i ]; do [ $# = 0 ] && exit 1; shift; done\ncat "$2" >>{tmp_path}/keys\nexit 1\n'
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    apps = [app(name, git=f"git@{name}.test:a.git", version="main") for name in ("a", "b")]
    found = plan_of(*apps, access=json.dumps({"a": {"key": "canary\n", "known_hosts": []}}))
    assert len(found["failures"]) == 2
    assert (tmp_path / "keys").read_text() == "canary\n"
    assert len((tmp_path / "argv").read_text().splitlines()) == 2
    assert "canary" not in (tmp_path / "argv").read_text() + (tmp_path / "env").read_text() + json.dumps(found)


def test_a_bare_host_without_git_plans_in_check_mode(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AnsibleModule, "get_bin_path", lambda *_rest, **_more: None)
    found = plan_of(app("a", git="https://git.invalid/a.git", version="main"), check=True)
    assert (found["apps"][0]["id"], found["apps"][0]["action"]) == ("unknown", "create")


def test_a_rollback_asks_no_repository(shop: App) -> None:
    shop.serve(ID)
    found = plan_of({"want": "restart", "name": "shop", "release": ""})
    assert [entry["action"] for entry in found["to_do"]] == ["restart"]


def test_what_is_held_is_noted_with_the_way_out(shop: App) -> None:
    wanted = plan_of(app("shop", revision="r1"))["apps"][0]["id"]
    shop.serve(ID)
    shop.build(wanted)
    mark_rolled_back(shop.layout, wanted, "ada@controller")
    found = plan_of(app("shop", revision="r1"), check=True)
    assert (found["to_do"], found["changed"]) == ([], False)
    [note] = found["notes"]
    assert note.startswith(f"shop stays with release {ID}: release {wanted} was rolled back from at ")
    assert note.endswith(
        " by ada@controller. Change the app, or deploy it again: "
        "ansible-playbook playbooks/deploy.yml -e app=shop -e again=true"
    )


def test_a_stranger_is_named_and_none_of_another_list(shop: App) -> None:
    shop.serve(ID)
    other = App("shop2")
    other.serve(ID)
    found = plan_of(app("shop2", revision="r1"))
    assert found["strangers"] == ["shop"]
    [note] = found["notes"]
    assert note == (
        "shop is on this host, but not in its inventory; it is left alone. To remove it: "
        "ansible-playbook playbooks/remove.yml -e app=shop"
    )
    # Another app of the inventory, which nobody asked about now.
    assert plan_of(app("shop2", revision="r1"), known=["shop", "shop2"])["strangers"] == []


def test_who_is_at_an_app_is_told(host: Host) -> None:
    with locks.held("a", locks.Holder.of(LOCK)):
        found = plan_of(app("a", revision="r1"), app("b", revision="r1"))
    assert found["holders"] == {"a": LOCK}


def dpkg(*installed: str) -> Any:
    def run_command(_self: AnsibleModule, command: list[str], **_more: Any) -> tuple[int, str, str]:
        if command[0] != "dpkg-query":
            return 0, "cpython-3.11\n", ""
        lines = [f"{name}:amd64 {name} ii \n" if name in installed else f"{name} {name} rc \n" for name in command[3:]]
        return 1, "".join(lines), "no packages found"

    return run_command


def test_packages_that_are_not_installed_are_missing(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """A removed one that has left its configuration is none."""
    monkeypatch.setattr(AnsibleModule, "run_command", dpkg("git"))
    assert plan_of(packages=["git", "libpq5"])["missing_packages"] == ["libpq5"]
    assert plan_of()["missing_packages"] == []


def test_uv_is_missing_until_just_this_one_is_there(host: Host, tmp_path: Path) -> None:
    home = tmp_path / "uv"
    assert plan_of(uv_home=str(home))["uv_missing"]
    (home / "bin").mkdir(parents=True)
    uv_program.program(home).touch()
    uv_program.stamp(home).write_bytes(uv_program.digest("uv==1\n"))
    assert not plan_of(uv_home=str(home))["uv_missing"]
    assert plan_of(uv_home=str(home), uv_requirements="uv==2\n")["uv_missing"]


def test_a_warning_of_the_controller_is_passed_on(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    warned: list[str] = []
    monkeypatch.setattr(AnsibleModule, "warn", lambda _self, text: warned.append(text))
    found = plan_of(app("a", revision="r1", warnings=["a.test has no certificate"]))
    assert found["apps"][0]["warnings"] == warned == ["a.test has no certificate"]


def with_cron(schedule: str) -> dict[str, Any]:
    asked = app("a", revision="r1")
    work = {"name": "tidy", "command": "x", "schedule": schedule, "timeout": 60}
    return {**asked, "description": {**asked["description"], "cron": [work]}}


def test_a_schedule_that_systemd_refuses_fails_the_plan_of_its_app(host: Host, systemd: Systemd) -> None:
    assert plan_of(with_cron("daily"))["apps"][0]["action"] == "create"
    assert systemd.calls == [["systemd-analyze", "calendar", "--", "daily"]]
    systemd.refuse("Failed to parse '*-13-1'")
    found = plan_of(with_cron("*-13-1"), app("b", revision="r1"))
    assert [entry["action"] for entry in found["apps"]] == ["failed", "create"]
    assert "app a, cron tidy: Failed to parse '*-13-1'" in found["failures"][0]["report"]


def test_an_app_without_schedules_costs_no_question(host: Host, systemd: Systemd) -> None:
    plan_of(app("a", revision="r1"))
    assert systemd.calls == []


def test_the_units_of_the_asked_apps_are_told(host: Host) -> None:
    for name in ("flask-app-a.mails.service", "flask-app-ab.mails.service"):
        (host.units / name).touch()
    assert plan_of(app("a", revision="r1"))["units"] == ["flask-app-a.mails.service"]


@pytest.fixture
def users(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Users of the host, for the removal."""
    names: set[str] = set()
    monkeypatch.setattr(removal, "user_id", lambda name: 4711 if name in names else None)
    return names


def test_what_shall_be_absent_and_is_here_is_to_be_removed(shop: App, users: set[str]) -> None:
    users.update({"app-shop", "build-shop"})
    found = plan_of(absent=["shop", "none"], known=["shop", "none"])
    [leaving] = found["removals"]
    assert leaving["name"] == "shop"
    assert str(shop.layout.releases) in leaving["removed"]
    assert leaving["kept"] == [str(shop.layout.shared), "user app-shop"]
    assert "user build-shop" in leaving["removed"]
    assert found["apps"] == found["to_do"] == found["notes"] == found["strangers"] == []
    [announced] = found["announcements"]
    assert announced.startswith(f"shop: remove (state: absent; {shop.layout.shared}")
    assert announced.endswith(" stay, -e purge=true removes them too)")
    lines = found["diff"]["prepared"].splitlines()
    assert lines[:2] == ["shop: remove; state: absent", "  goes"]
    assert f"    {shop.layout.releases}" in lines[2 : lines.index("  stays")]
    assert f"    {shop.layout.shared}" in lines[lines.index("  stays") :]


@pytest.mark.parametrize("check", [False, True])
def test_a_removal_is_a_change_in_check_mode_and_changes_nothing(shop: App, check: bool) -> None:
    assert plan_of(absent=["shop"], check=check)["changed"] is check
    assert shop.layout.shared.is_dir()


def test_a_purge_leaves_nothing(shop: App, users: set[str]) -> None:
    found = plan_of(absent=["shop"], purge=True)
    [leaving] = found["removals"]
    assert (str(shop.root) in leaving["removed"], leaving["kept"]) == (True, [])
    assert found["announcements"] == ["shop: remove (state: absent)"]


def test_what_is_absent_already_needs_nothing(host: Host, users: set[str]) -> None:
    found = plan_of(absent=["shop"], check=True)
    assert (found["removals"], found["announcements"], found["changed"]) == ([], [], False)
    assert "diff" not in found


def test_data_of_an_app_that_is_gone_needs_nothing(host: Host, users: set[str]) -> None:
    users.add("app-shop")
    (host.apps / "shop/shared").mkdir(parents=True)
    assert plan_of(absent=["shop"], check=True)["removals"] == []
    assert [entry["name"] for entry in plan_of(absent=["shop"], purge=True)["removals"]] == ["shop"]


def asking(name: str, **keys: Any) -> dict[str, Any]:
    asked = app(name, revision="r1")
    return {**asked, "description": {**asked["description"], **keys}}


@pytest.fixture
def pythons(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a Python of the distribution, and another."""
    known = [Interpreter("/usr/bin/python3", "cpython-3.11"), Interpreter("/opt/python3.12", "cpython-3.12")]
    monkeypatch.setattr(plan, "on_host", lambda _run: known)


def test_another_python_is_another_release_and_told_to_the_build(host: Host, pythons: None) -> None:
    usual, other = plan_of(asking("a"), asking("b", python="3.12", uwsgi_engine="app"))["apps"]
    assert (usual["request"]["python"], other["request"]["python"]) == ("/usr/bin/python3", "/opt/python3.12")
    assert other["request"]["interpreter"] == "cpython-3.12"


def test_a_python_that_the_hosts_uwsgi_has_not_fails_the_plan_of_its_app(host: Host, pythons: None) -> None:
    found = plan_of(asking("a", python="3.12", uwsgi_engine="distribution"), asking("b"))
    assert [entry["action"] for entry in found["apps"]] == ["failed", "create"]
    assert "write uwsgi_engine: app, or leave it out" in found["failures"][0]["report"]


def test_a_version_that_is_missing_is_fetched_first_and_then_told(host: Host, pythons: None) -> None:
    asked = asking("a", python="3.14", uwsgi_engine="app")
    found = plan_of(asked, asking("b"))
    assert found["missing_pythons"] == ["3.14"]
    assert [(entry["action"], entry["id"] == "unknown") for entry in found["apps"]] == [
        ("create", True),
        ("create", False),
    ]
    again = plan_of(asked, asking("b"), unfetched={"3.14": "no route"})
    assert again["missing_pythons"] == []
    assert [entry["action"] for entry in again["apps"]] == ["failed", "create"]
    assert again["failures"][0]["report"] == (
        "python: the host has no Python 3.14; it has 3.11 (/usr/bin/python3), 3.12 (/opt/python3.12); uv could not "
        "fetch it: no route\n"
        "Nothing of a is served yet.\n"
        "What to do: install /usr/local/bin/python3.14, write the path of one, or write a version that the host has; "
        "then run again."
    )


def test_check_mode_warns_of_what_would_be_fetched(host: Host, pythons: None, monkeypatch: pytest.MonkeyPatch) -> None:
    warned: list[str] = []
    monkeypatch.setattr(AnsibleModule, "warn", lambda _self, text: warned.append(text))
    plan_of(asking("a", python="3.14", uwsgi_engine="app"), check=True)
    assert warned == ["Python 3.14 is not on this host; uv is going to fetch it"]


def test_pythons_are_not_looked_for_unless_an_app_asks(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "on_host", lambda _run: pytest.fail("looked"))
    assert plan_of(asking("a"))["apps"][0]["action"] == "create"


def test_the_hosts_uwsgi_is_not_asked_for_an_app_that_brings_its_own(host: Host, engine: Path) -> None:
    asked = with_options("a", mull=["a.py"])
    plan_of({**asked, "description": {**asked["description"], "uwsgi_engine": "app"}})
    assert not engine.exists()


def test_a_host_of_an_earlier_version_is_told_what_to_run(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provisioned, "NGINX", tmp_path)
    assert "apps" in plan_of(app("a", revision="r1")), "the role nginx was never here"
    (tmp_path / "flask-listen").touch()
    found = plan_of(app("a", revision="r1"))
    assert (found["failed"], "flask-listen-tls is missing" in found["msg"], "run site.yml once" in found["msg"]) == (
        True,
    ) * 3
    assert "apps" in plan_of(app("a", revision="r1"), check=True)
    for name in ("flask-listen-tls", "flask-acme", "flask-headers", "flask-limits"):
        (tmp_path / name).touch()
    assert "apps" in plan_of(app("a", revision="r1"))
