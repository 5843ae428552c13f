"""The action plugins in a real run, on the controller itself."""

from __future__ import annotations

import getpass
import json
import platform
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.emperor.flask.tests.support.apps import minimal
from ansible_collections.emperor.flask.tests.support.programs import Done, Run

CANARY = "canary-4711"
# The form is all that is looked at; nobody listens where it would be used.
KEY = "-----BEGIN PRIVATE KEY-----\ncanary4711ab\n-----END PRIVATE KEY-----\n"
CLOSED = "ssh://git@127.0.0.1:1/shop.git"
MINE = {"owner": "{{ lookup('pipe', 'id -un') }}", "group": "{{ lookup('pipe', 'id -gn') }}"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("play")


@pytest.fixture(scope="module")
def play(run: Run, folder: Path) -> Done:
    """Run the actions that need no app host, as talkative as Ansible gets."""
    (folder / "app").mkdir()
    (folder / "app/app.py").write_text("app = 1\n")
    (folder / "templates").mkdir()
    (folder / "templates/a.j2").write_text("{{ word }} {{ more | default('') }}\n{% if true %}\n  end\n{% endif %}\n")
    (folder / "templates/vassal.ini.j2").write_text("recipe\n")
    app = minimal(source={"path": str(folder / "app")}, secrets={"KEY": "{{ secret }}"})
    out = {"path": f"{folder}/out", **MINE}
    fetched = {
        "name": "shop",
        "lock": {"run": "1-test", "who": "test"},
        "source": {"git": CLOSED, "version": "main", "key": "{{ key }}", "known_hosts": [], "checksum": None},
        "outliving": [],
        "release": "0123456789ab",
        "revision": "1" * 40,
        "group": "root",
    }
    plan = {"uv_home": f"{folder}/uv", "uv_requirements": "uv"}
    keyed = minimal(source={"git": CLOSED, "version": "main", "key": "{{ key }}"})
    results = "{{ [validated, planned, written, refused, unreachable, fetched, kept, kept_too] | to_json }}"
    tasks = [
        {"emperor.flask.validate_apps": {"apps": [app]}, "register": "validated"},
        {"emperor.flask.plan": {"apps": [app], **plan}, "register": "planned"},
        {
            "emperor.flask.managed_files": {
                "files": [
                    {**out, "template": "a.j2", "vars": {"more": "own"}},
                    {**out, "path": f"{folder}/plain", "content": "kept {{ '{{' }} as it is\n"},
                ]
            },
            "register": "written",
        },
        {
            "emperor.flask.managed_files": {"files": [{**out, "template": "a.j2", "content": "x"}]},
            "register": "refused",
            "ignore_errors": True,
        },
        {
            "emperor.flask.plan": {"apps": [keyed], **plan},
            "register": "unreachable",
        },
        {"emperor.flask.source": fetched, "register": "fetched", "check_mode": True},
        {
            "emperor.flask.plan": {"apps": [keyed], **plan},
            "become": True,
            "become_method": "ansible.builtin.su",
            "register": "kept",
            "ignore_errors": True,
        },
        {
            "emperor.flask.source": fetched,
            "become": True,
            "become_method": "ansible.builtin.su",
            "register": "kept_too",
            "ignore_errors": True,
        },
        {"ansible.builtin.copy": {"dest": f"{folder}/seen.json", "content": results}},
    ]
    variables = {"word": "task", "secret": CANARY, "key": KEY, "ansible_python_interpreter": sys.executable}
    plays = [
        {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": variables,
            "tasks": tasks,
        }
    ]
    (folder / "play.yml").write_text(yaml.safe_dump(plays))
    return run(
        "ansible-playbook",
        "-i",
        "localhost,",
        folder / "play.yml",
        "-vvv",
        ANSIBLE_INJECT_INVOCATION="1",
        ANSIBLE_PIPELINING="0",
    )


@pytest.fixture(scope="module")
def seen(play: Done, folder: Path) -> list[dict[str, Any]]:
    assert play.code == 0, play.said
    return json.loads((folder / "seen.json").read_text())


def test_names_are_all_that_the_validation_tells(seen: list[dict[str, Any]]) -> None:
    assert (seen[0]["names"], seen[0]["changed"]) == (["shop"], False)


def test_the_plan_is_made_on_the_host(seen: list[dict[str, Any]]) -> None:
    [app] = seen[1]["apps"]
    assert (app["name"], app["action"]) == ("shop", "create")
    assert len(app["id"]) == 12
    assert (seen[1]["to_do"], seen[1]["failures"], seen[1]["uv_missing"]) == ([app], [], True)


def test_the_plan_says_in_whose_name_the_run_goes_on(seen: list[dict[str, Any]]) -> None:
    assert seen[1]["lock"]["run"].split("-")[0].isdigit()
    assert seen[1]["lock"]["who"] == f"{getpass.getuser()}@{platform.node()}"
    assert seen[1]["abandoned"] == {}


def test_templates_are_rendered_with_the_variables_of_task_and_file(seen: list[dict[str, Any]], folder: Path) -> None:
    assert seen[2]["written"] == [f"{folder}/out", f"{folder}/plain"]
    assert (folder / "out").read_text() == "task own\n  end\n"
    assert (folder / "plain").read_text() == "kept {{ as it is\n"


def test_template_and_content_exclude_each_other(seen: list[dict[str, Any]], folder: Path) -> None:
    assert seen[3]["failed"]
    assert f"{folder}/out: give exactly one of template and content" in str(seen[3]["msg"])


def test_a_key_goes_the_whole_way_without_being_written(seen: list[dict[str, Any]]) -> None:
    said = f"app shop, version main: git cannot read {CLOSED}: ssh: connect to host 127.0.0.1 port 1"
    assert said in seen[4]["failures"][0]["report"]
    assert seen[5]["changed"]
    for refused in seen[6:8]:
        assert "app shop: without pipelining Ansible would write source.key to the host" in str(refused["msg"])


def test_a_module_with_a_key_is_never_a_file(play: Done) -> None:
    """This run is without pipelining, so every other module is written first, with its arguments."""
    assert "AnsiballZ_managed_files.py" in play.said
    assert "AnsiballZ_source.py" not in play.said


def test_no_secret_is_shown_however_talkative_the_run(play: Done, seen: list[dict[str, Any]]) -> None:
    assert CANARY not in play.said
    assert "canary4711" not in play.said
    assert "canary4711" not in json.dumps(seen)
    assert CANARY not in json.dumps(seen)
