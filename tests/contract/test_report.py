"""The callback in a real run: reports as they are, all else as Ansible's default prints it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.emperor.flask.tests.support.programs import Done, Run

FOUND = {"text": "first  line\nsecond: 'line'", "known": ["web"]}
OURS = {"ANSIBLE_STDOUT_CALLBACK": "emperor.flask.report"}
DEFAULT = {"ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default"}


@pytest.fixture(scope="module")
def playbook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    report = {
        "kind": "text",
        "register": "found",
        "app": "{{ app | default('') }}",
        "format": "{{ format | default('table') }}",
    }
    play: dict[str, Any] = {
        "hosts": "all",
        "connection": "local",
        "gather_facts": False,
        "vars": {"emperor_flask_reports": True},
        "tasks": [
            {"ansible.builtin.set_fact": {"found": FOUND}},
            {"ansible.builtin.debug": {"msg": "beside it"}, "changed_when": True},
            {"ansible.builtin.fail": {"msg": "went wrong"}, "ignore_errors": True},
            {"emperor.flask.report": report, "run_once": True},
        ],
    }
    path = tmp_path_factory.mktemp("play") / "play.yml"
    path.write_text(yaml.safe_dump([play]))
    return path


def played(run: Run, playbook: Path, *options: str, hosts: str = "a,", **variables: str) -> Done:
    return run("ansible-playbook", "-i", hosts, playbook, *options, **variables)


def test_a_report_is_printed_as_it_is(run: Run, playbook: Path) -> None:
    done = played(run, playbook, **OURS)
    assert done.code == 0, done.said
    assert "\nfirst  line\nsecond: 'line'\n" in done.output
    assert "emperor_flask_report" not in done.output


def test_all_else_is_printed_as_the_default_does(run: Run, playbook: Path) -> None:
    def around(done: Done) -> str:
        text = re.sub(
            r"\n(first|second).*|\nok: \[a\] => \n +changed: false\n +emperor_flask_report:\n( +- .*\n)+",
            "",
            done.output,
        )
        return re.sub(r"TASK \[emperor.flask.report\] \*+|\*+|\n+", "\n", text)

    assert around(played(run, playbook, **OURS)).split() == around(played(run, playbook, **DEFAULT)).split()


def test_without_the_callback_the_lines_are_a_list(run: Run, playbook: Path) -> None:
    done = played(run, playbook, ANSIBLE_CALLBACK_RESULT_FORMAT="yaml", **DEFAULT)
    assert re.search(r"emperor_flask_report:\n +- first  line\n +- 'second: ''line'''\n", done.output)


def test_a_program_finds_json_alone_and_a_person_the_failures(run: Run, playbook: Path) -> None:
    done = played(run, playbook, "-e", "format=json", hosts="a,b,", **OURS)
    assert done.code == 0, done.said
    assert json.loads(done.output) == {"hosts": {"a": FOUND["text"], "b": FOUND["text"]}, "missing": []}
    assert "went wrong" in done.errors


def test_format_means_nothing_to_a_play_of_somebody_else(run: Run, playbook: Path, tmp_path: Path) -> None:
    [play] = yaml.safe_load(playbook.read_text())
    del play["vars"]
    other = tmp_path / "other.yml"
    other.write_text(yaml.safe_dump([play]))
    done = played(run, other, "-e", "format=json", **OURS)
    assert "PLAY RECAP" in done.output
    assert "beside it" in done.output


def test_an_app_that_nobody_knows_is_an_error(run: Run, playbook: Path) -> None:
    done = played(run, playbook, "-e", "app=we", **OURS)
    assert done.code != 0
    assert "no host has or lists an app we; the apps are a: web" in done.said


def test_a_format_that_there_is_not_is_an_error(run: Run, playbook: Path) -> None:
    assert "format 'xml' is neither table nor json" in played(run, playbook, "-e", "format=xml", **OURS).said


@pytest.fixture
def failing(tmp_path: Path) -> Path:
    """Write a play that ends with a report of several lines, as a release that failed does."""
    tasks = [{"ansible.builtin.fail": {"msg": "app shop: no luck\n  'KeyError': x\nWhat to do: mend it"}}]
    path = tmp_path / "play.yml"
    path.write_text(yaml.safe_dump([{"hosts": "all", "connection": "local", "gather_facts": False, "tasks": tasks}]))
    return path


def test_the_report_of_a_failure_is_printed_once_and_as_it_is(run: Run, failing: Path) -> None:
    done = played(run, failing, **OURS)
    assert done.code == 2
    assert done.said.count("app shop: no luck") == 1
    assert "\nfailed: [a]\napp shop: no luck\n  'KeyError': x\nWhat to do: mend it\n" in done.said


def test_a_host_that_went_away_has_a_remedy(run: Run, failing: Path) -> None:
    [play] = yaml.safe_load(failing.read_text())
    play["connection"] = "ssh"
    play["vars"] = {"ansible_ssh_common_args": "-F none -o BatchMode=yes -o ConnectTimeout=1"}
    play["tasks"] = [{"ansible.builtin.command": {"cmd": "true"}}]
    failing.write_text(yaml.safe_dump([play]))
    done = played(run, failing, hosts="127.0.0.1:1,", **OURS)
    assert done.code == 4
    assert re.search(r"UNREACHABLE!(.|\n)*\nWhat to do: see that the host is up .* run again", done.said)


def test_more_is_printed_when_it_is_asked_for(run: Run, failing: Path) -> None:
    assert "fatal: [a]" in played(run, failing, "-v", **OURS).said
