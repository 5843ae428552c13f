"""What leaves the controller for a comparison."""

from __future__ import annotations

import getpass
import hashlib
import os
import platform
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.emperor.flask.plugins.action.plan import (
    LATE,
    ActionModule,
    accesses,
    choose,
    describe,
    states_of,
)
from ansible_collections.emperor.flask.plugins.module_utils.digests import release_id
from ansible_collections.emperor.flask.plugins.plugin_utils import runs
from ansible_collections.emperor.flask.plugins.plugin_utils.runs import is_over, machine
from ansible_collections.emperor.flask.tests.support.apps import HASH, complete, full, minimal


def sent(recipe: str = "r", **changes: Any) -> dict[str, Any]:
    return describe(complete(minimal(**changes)), recipe)


def identity(request: dict[str, Any]) -> str:
    return release_id(request["description"], request.get("revision") or request["version"], "py")


def test_no_secret_and_no_source_are_sent() -> None:
    request = describe(complete(full()), "r")
    assert "exec://id" not in repr(request)
    assert HASH not in repr(request)
    assert [len(request["description"][key]) for key in ("secrets", "auth_basic_users")] == [32, 32]
    assert "source" not in request["description"]
    assert (request["git"], request["version"]) == ("https://git.example.org/shop.git", "v1.4.0")


def test_the_key_names_no_release_and_goes_its_own_way() -> None:
    address = {"git": "git@a.test:a.git"}
    key = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"
    known = ["a.test ssh-ed25519 AAAA"]
    plain, keyed = minimal(source=address), minimal(name="keyed", source={**address, "key": key})
    known_only = minimal(name="known", source={**address, "known_hosts": known})
    assert "MIIB" not in repr(describe(complete(keyed), "r"))
    assert describe(complete(minimal(source={**address, "key": key})), "r") == describe(complete(plain), "r")
    assert accesses([complete(app) for app in (plain, keyed, known_only)]) == {
        "keyed": {"key": key, "known_hosts": []},
        "known": {"key": None, "known_hosts": known},
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"recipe": "r2"}, {"secrets": {"A": "1"}}, {"environment": {"A": "1"}}, {"domains": ["a.test"]},
        {"access": [{"rate": "1r/s"}]}, {"access": [{"auth_basic": True}], "auth_basic_users": {"ada": HASH}},
        {"workers": {"threads": 2}}, {"idle": "1s"}, {"release_command": "x"}, {"requirements": "r.txt"},
        {"static": [{"url": "/s", "path": "s"}]}, {"writable": []}, {"wsgi": "shop:create_app()"},
    ],
    ids=lambda changes: next(iter(changes)),
)  # fmt: skip
def test_each_change_of_an_app_is_another_release(changes: dict[str, Any]) -> None:
    assert identity(sent(**changes)) != identity(sent())


@pytest.mark.parametrize("given", [{"workers": {"processes": 2}}, {"idle": "0h"}, {"domains": ["shop.localhost"]}])
def test_a_default_written_out_is_no_change(given: dict[str, Any]) -> None:
    assert identity(sent(**given)) == identity(sent())


def test_what_the_app_writes_itself_is_not_its_source(tmp_path: Path) -> None:
    (tmp_path / "app.py").touch()
    media = [{"url": "/m", "path": "media"}]

    def revision() -> str:
        return sent(source={"path": str(tmp_path)}, media=media)["revision"]

    before = revision()
    for name in ("media", "instance"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    assert revision() == before
    (tmp_path / "other.py").touch()
    assert revision() != before


def test_an_archive_is_named_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"content")
    digest = hashlib.sha256(b"content").hexdigest()
    assert sent(source={"archive": str(tmp_path / "a.zip")})["revision"] == digest
    remote = {"archive": "https://a.test/a.zip", "checksum": f"sha256:{digest}"}
    assert sent(source=remote)["revision"] == digest


APPS = [complete(minimal()), complete(minimal(name="blog", source={"path": "blog"}))]


def test_without_a_name_all_apps_are_chosen() -> None:
    assert choose(APPS, "", "") == APPS


def test_one_app_is_chosen_by_its_whole_name() -> None:
    assert choose(APPS, "blog", "") == [APPS[1]]
    with pytest.raises(AnsibleActionFail) as caught:
        choose(APPS, "sho", "")
    assert str(caught.value).endswith("lists no app sho for this host; its apps: shop, blog; type -e app=shop")
    with pytest.raises(AnsibleActionFail, match=r"its apps: none; add \w+ to flask_apps$"):
        choose([], "shop", "")


def test_a_version_takes_the_place_of_the_inventorys_and_leaves_that_alone() -> None:
    [chosen] = choose(APPS, "shop", "v1.4.1")
    assert chosen["source"]["version"] == "v1.4.1"
    assert APPS[0]["source"]["version"] == "HEAD"
    assert {**chosen, "source": APPS[0]["source"]} == APPS[0]


def test_a_version_needs_an_app_and_one_from_git() -> None:
    with pytest.raises(AnsibleActionFail, match=r"^version v1 is of which app\? Add -e app=NAME$"):
        choose(APPS, "", "v1")
    with pytest.raises(AnsibleActionFail) as caught:
        choose(APPS, "blog", "v1")
    assert str(caught.value) == "app blog does not come from git, so it has no version v1; leave it out"


def test_a_version_is_trusted_no_more_than_that_of_the_inventory() -> None:
    source = {"git": "http://a.test/shop.git", "version": "0f" * 20}
    apps = [complete(minimal(source=source))]
    assert choose(apps, "shop", "f0" * 20)
    with pytest.raises(AnsibleActionFail, match=r"^app shop: 'http://a.test/shop.git' is not encrypted"):
        choose(apps, "shop", "v1")


VARIABLES = {
    "ansible_play_hosts_all": ["one", "two", "bare"],
    "hostvars": {
        "one": {"flask_apps": [minimal(), {"name": "old", "state": "absent"}]},
        "two": {"flask_apps": [minimal(name="blog"), {}]},
        "bare": {},
        "outside": {"flask_apps": [minimal(name="wiki")]},
    },
}


@pytest.mark.parametrize(
    ("name", "states"),
    [("shop", {"present"}), ("blog", {"present"}), ("old", {"absent"}), ("wiki", set()), ("blo", set()), ("", set())],
)
def test_an_app_of_another_host_of_the_play_is_known(name: str, states: set[str]) -> None:
    assert states_of(name, VARIABLES) == states


def test_without_a_play_no_app_is_known() -> None:
    assert states_of("shop", {}) == set()


def run_of(process: int, node: str = machine()) -> str:
    return f"{process}-{node}-0a1b2c3d"


def test_a_run_is_over_when_its_process_is_gone() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        assert not is_over(run_of(process.pid))
        process.kill()
    assert is_over(run_of(process.pid))


def test_an_earlier_look_of_this_very_run_is_over() -> None:
    """The same playbook compares again, under another name."""
    assert is_over(run_of(os.getppid()))


def test_a_run_of_another_controller_may_live() -> None:
    with subprocess.Popen(["true"]) as process:
        pass
    assert not is_over(run_of(process.pid, "elsewhere"))
    assert not is_over(run_of(process.pid, f"{machine()}-2"))


def test_a_controller_of_the_same_name_is_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As containers are that a pipeline starts; the numbers of their processes say nothing here."""
    with subprocess.Popen(["true"]) as process:
        pass
    mine = run_of(process.pid, machine())
    assert is_over(mine)
    for mark in ("_BOOT", "_PROCESSES"):
        with monkeypatch.context() as elsewhere:
            (tmp_path / mark).write_text("another")
            (tmp_path / f"{mark}.link").symlink_to("pid:[1]")
            other = tmp_path / (mark if mark == "_BOOT" else f"{mark}.link")
            elsewhere.setattr(runs, mark, other)
            assert machine().startswith(f"{platform.node()}-")
            assert not is_over(mine)
    monkeypatch.setattr(runs, "_BOOT", tmp_path / "none")
    assert machine().startswith(f"{platform.node()}-")


def test_a_process_of_another_user_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    def kill(_process: int, _signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", kill)
    assert not is_over(run_of(4711))


@pytest.mark.parametrize("run", ["", "garbage", f"x-{machine()}-0", "1", "-1"])
def test_a_name_that_nobody_gave_is_not_over(run: str) -> None:
    assert not is_over(run)


def test_an_app_without_the_later_keys_keeps_its_release() -> None:
    later = {"server", "isolation", "memory_max", "cpu_quota"}
    assert not later & sent()["description"].keys()
    strict = sent(isolation="strict", memory_max="1g")["description"]
    assert (strict["isolation"], strict["memory_max"], "cpu_quota" in strict) == ("strict", 1024, False)


class Asked:
    """The action in place, with what it was given and what it sends."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent: dict[str, Any] = {}
        self.answer: dict[str, Any] = {"holders": {}}
        (folder / "vassal.ini.j2").write_text("recipe")
        self.folder = folder
        self.patch = monkeypatch

    def run(self, *apps: dict[str, Any], variables: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        arguments = {"apps": list(apps), "uv_home": "/uv", "uv_requirements": "uv", **more}
        task: Any = SimpleNamespace(args=arguments, async_val=0, check_mode=False, diff=False)
        action = object.__new__(ActionModule)
        action._task = task

        def execute(name: str, sent: dict[str, Any], task_vars: Any) -> dict[str, Any]:
            assert name == "emperor.flask.plan"
            self.sent = sent
            return dict(self.answer)

        self.patch.setattr(ActionBase, "run", lambda *_rest: {})
        self.patch.setattr(ActionModule, "_execute_module", lambda _self, *given, **named: execute(*given, **named))
        self.patch.setattr(ActionModule, "_find_needle", lambda _self, _kind, name: str(self.folder / name))
        return action.run(None, variables or {})


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Asked:
    return Asked(tmp_path, monkeypatch)


def test_a_deploy_asks_about_the_chosen_and_knows_all(asked: Asked) -> None:
    asked.run(minimal(packages=["libpq5"]), minimal(name="blog", domains=["b.test"], packages=["pandoc"]), only="shop")
    assert [(entry["want"], entry["name"], entry["again"]) for entry in asked.sent["requests"]] == [
        ("deploy", "shop", False)
    ]
    assert asked.sent["known"] == ["shop", "blog"]
    assert asked.sent["packages"] == ["git", "libpq5"]


def test_again_and_a_version_reach_the_host(asked: Asked) -> None:
    asked.run(minimal(), only="shop", version="v2", again=True)
    [entry] = asked.sent["requests"]
    assert (entry["version"], entry["again"]) == ("v2", True)


@pytest.mark.parametrize("want", ["rollback", "restart"])
def test_a_way_back_needs_no_source_and_no_package(asked: Asked, want: str) -> None:
    asked.run(minimal(), minimal(name="blog", domains=["b.test"]), want=want, only="shop", release="0" * 12)
    assert asked.sent["requests"] == [{"want": want, "name": "shop", "release": "0" * 12}]
    assert (asked.sent["packages"], asked.sent["access"]) == ([], "{}")


def test_a_rollback_of_all_apps_is_refused(asked: Asked) -> None:
    with pytest.raises(AnsibleActionFail, match=r"^roll back which app\? Add -e app=NAME$"):
        asked.run(minimal(), want="rollback")


def test_an_app_of_another_host_is_nothing_to_do_here(asked: Asked) -> None:
    asked.run(minimal(), only="blog", variables=VARIABLES)
    assert (asked.sent["requests"], asked.sent["known"]) == ([], ["shop"])
    with pytest.raises(AnsibleActionFail, match="lists no app wiki"):
        asked.run(minimal(), only="wiki", variables=VARIABLES)


def test_each_look_has_a_lock_of_its_own(asked: Asked) -> None:
    first, second = (asked.run(minimal())["lock"] for _ in range(2))
    assert first["who"] == second["who"] == f"{getpass.getuser()}@{platform.node()}"
    assert first["run"] != second["run"]
    assert first["run"].startswith(f"{os.getppid()}-{machine()}-")


def test_only_runs_that_are_over_are_abandoned(asked: Asked) -> None:
    with subprocess.Popen(["true"]) as process:
        pass
    asked.answer = {
        "holders": {
            "shop": {"run": run_of(process.pid), "who": "me"},
            "blog": {"run": run_of(os.getpid()), "who": "me"},
            "wiki": {"run": run_of(process.pid, "elsewhere"), "who": "me"},
        }
    }
    found = asked.run(minimal())
    assert found["abandoned"] == {"shop": run_of(process.pid)}
    assert "holders" not in found


ABSENT = {"name": "old", "state": "absent"}


def test_absent_apps_are_sent_by_name_alone(asked: Asked) -> None:
    asked.run(minimal(), ABSENT, minimal(name="older", state="absent"), purge=True)
    assert [request["name"] for request in asked.sent["requests"]] == ["shop"]
    assert (asked.sent["absent"], asked.sent["purge"]) == (["old", "older"], True)
    # They are no strangers.
    assert asked.sent["known"] == ["shop", "old", "older"]


@pytest.mark.parametrize(("only", "requested", "absent"), [("old", [], ["old"]), ("shop", ["shop"], [])])
def test_one_app_is_removed_or_deployed_alone(asked: Asked, only: str, requested: list[str], absent: list[str]) -> None:
    asked.run(minimal(), ABSENT, minimal(name="blog", state="absent"), only=only)
    assert [request["name"] for request in asked.sent["requests"]] == requested
    assert asked.sent["absent"] == absent


@pytest.mark.parametrize("want", ["rollback", "restart"])
def test_nothing_is_removed_but_by_a_deploy(asked: Asked, want: str) -> None:
    asked.run(minimal(), ABSENT, want=want, only="shop")
    assert asked.sent["absent"] == []


@pytest.mark.parametrize(
    ("more", "what"),
    [({"want": "rollback"}, "a rollback"), ({"want": "restart"}, "a restart"), ({"version": "v2"}, "version v2")],
)
def test_what_only_a_present_app_has_is_refused(asked: Asked, more: dict[str, Any], what: str) -> None:
    """A version may have been typed for an app that somebody has taken away meanwhile."""
    with pytest.raises(AnsibleActionFail) as caught:
        asked.run(minimal(), ABSENT, only="old", **more)
    assert str(caught.value) == f"{what} of app old, which is absent by the inventory; give it state: present"
    assert asked.sent == {}


def test_an_app_that_is_absent_here_and_present_elsewhere_is_no_mistake(asked: Asked) -> None:
    variables = {
        "ansible_play_hosts_all": ["one", "two"],
        "hostvars": {"one": {"flask_apps": [ABSENT]}, "two": {"flask_apps": [minimal(name="old")]}},
    }
    asked.run(ABSENT, only="old", want="rollback", variables=variables)
    assert (asked.sent["requests"], asked.sent["absent"]) == ([], [])


def test_keys_that_came_later_leave_the_ids_of_other_apps_alone() -> None:
    """Their releases would all be made anew by an update of this collection."""
    description = describe(complete(minimal()), "r", "e")["description"]
    assert {"python", "uwsgi_engine", "engine"}.isdisjoint(description)


def test_each_key_that_came_later_is_told_as_soon_as_it_is_used() -> None:
    usual = complete(minimal())
    assert {key: usual[key] for key in LATE} == LATE
    used = {"server": "gunicorn", "memory_max": "1g", "cpu_quota": "50%", "python": "3.12"}
    by_gunicorn = describe(complete(minimal(**used)), "r", "e")["description"]
    assert {"server", "isolation", "memory_max", "cpu_quota", "python"} <= set(by_gunicorn)
    # It brings no uWSGI, so a newer one is not a change of it.
    assert {"uwsgi_engine", "engine"}.isdisjoint(by_gunicorn)


def test_what_an_app_brings_to_run_it_is_part_of_its_release() -> None:
    asked = complete(minimal(python="3.12"))
    description = describe(asked, "r", "e")["description"]
    assert (description["python"], description["uwsgi_engine"], description["engine"]) == ("3.12", "app", "e")
    assert describe(asked, "r", "newer") != describe(asked, "r", "e")
