"""The modules that only look."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import history as entries
from ansible_collections.emperor.flask.plugins.module_utils import status as looked
from ansible_collections.emperor.flask.plugins.module_utils.layout import AppLayout
from ansible_collections.emperor.flask.plugins.modules import history, logs, remove, run, status
from ansible_collections.emperor.flask.tests.support.hosts import ID, App, Host
from ansible_collections.emperor.flask.tests.support.modules import run_module

LOCK = {"run": "1-controller-0", "who": "ada@controller"}


def test_an_app_that_was_never_deployed_is_shown_as_such(host: Host) -> None:
    found = run_module(status, listed=["shop"])
    assert (found["known"], found["changed"]) == (["shop"], False)
    assert (found["apps"][0]["release"], found["apps"][0]["listed"]) == (None, True)
    assert "the emperor does not run" in found["emperor"]


def test_an_app_that_cannot_be_looked_at_hides_no_other(shop: App, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_layout: AppLayout, _release: str) -> None:
        raise RecursionError("too deep")

    shop.serve()
    monkeypatch.setattr(looked, "manifest_of", fail)
    blog, ours = run_module(status, listed=["blog", "shop"])["apps"]
    assert (blog["unseen"], blog["release"]) == ("", None)
    assert (ours["unseen"], ours["release"], ours["health"]) == ("RecursionError: too deep", ID, "unknown")
    monkeypatch.setattr(looked, "served_release", lambda layout: fail(layout, ""))
    assert [app["unseen"] for app in run_module(status, only="shop")["apps"]] == ["RecursionError: too deep"]


def test_one_app_of_several_is_looked_at(host: Host) -> None:
    found = run_module(status, listed=["shop", "blog"], only="blog")
    assert [app["name"] for app in found["apps"]] == ["blog"]
    assert found["known"] == ["blog", "shop"]


def test_the_last_entries_of_each_app_are_told_in_the_order_of_time(host: Host) -> None:
    for name in ("shop", "blog"):
        (host.apps / name).mkdir()
        for hour in (1, 2, 3):
            entries.record(AppLayout(name), {"time": f"2026-11-21T0{hour}:00:00+00:00", "release": f"{name}{hour}"})
    found = run_module(history, lines=2)["entries"]
    assert [entry["release"] for entry in found] == ["blog2", "shop2", "blog3", "shop3"]
    assert {entry["app"] for entry in run_module(history, only="shop", listed=["shop"])["entries"]} == {"shop"}


def test_no_command_and_no_release_are_told(host: Host) -> None:
    assert "run what? Add -e command=" in run_module(run, name="shop", command=" ", listed=["shop"])["msg"]
    found = run_module(run, name="shop", command="id", listed=["shop"])
    assert (found["failure"], found["changed"]) == ("app shop has no release here; deploy it first", False)
    assert run_module(run, name="shop", command="id")["failure"] == ""


def test_check_mode_runs_nothing(shop: App, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_arguments: Any, **_options: Any) -> None:
        raise AssertionError("it was run")

    monkeypatch.setattr(run, "run_as", never)
    shop.layout.current.symlink_to("releases/0123456789ab")
    found = run_module(run, check=True, name="shop", command="touch x")
    assert found["text"] == "as app-shop, in release 0123456789ab, this would run: touch x"


@pytest.mark.parametrize("name", ["", "../etc", "web*", "Web"])
def test_what_is_no_name_is_not_removed(host: Host, name: str) -> None:
    found = run_module(remove, check=True, name=name, lock=LOCK)
    assert found["failed"]
    assert f"'{name}' is no name" in found["msg"]


REQUEST = "3f9c2a71b04e3f9c2a71b04e3f9c2a71"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A request that ended at 12:00:05 after two seconds, and the options that the journal was read with."""
    options: list[str] = []
    entry = {"time": "2026-11-21T12:00:05+00:00", "request_id": REQUEST, "app": "shop", "request_time": 2.04}

    def read_journal(_module: Any, _user: int, *given: str) -> str:
        options.extend(given)
        moment = 1795262405 * 10**6
        raw = {"__REALTIME_TIMESTAMP": str(moment), "_PID": "7", "SYSLOG_IDENTIFIER": "app-shop"}
        said = ["KeyError: \x1b[31m'x'", f"request {REQUEST}: status 500, 2000 ms"]
        return "\n".join(json.dumps({**raw, "MESSAGE": message}) for message in said)

    monkeypatch.setattr(logs, "user_id", lambda _name: 990)
    monkeypatch.setattr(logs, "read_journal", read_journal)
    found = {("shop", REQUEST): json.dumps(entry)}
    monkeypatch.setattr(logs, "find_request", lambda app, request: found.get((app, request)))
    return options


def test_one_request_is_told_with_what_the_app_wrote_of_it(host: Host, asked: list[str]) -> None:
    lines = run_module(logs, name="shop", request=REQUEST)["text"].splitlines()
    assert (lines[0], lines[2]) == ("-- a request of shop --", "-- what shop wrote of it --")
    assert json.loads(lines[1])["request_id"] == REQUEST
    assert [line.partition("]: ")[2] for line in lines[3:]] == [
        "KeyError: \\x1b[31m'x'",
        f"request {REQUEST}: status 500, 2000 ms",
    ]
    assert {"--since=@1795262401", "--until=@1795262407"} <= set(asked)


def test_an_entry_with_several_messages_is_told(host: Host, asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Which an app can send that writes to the journal itself."""
    said = json.dumps({"MESSAGE": ["one", f"for {REQUEST}"]})
    monkeypatch.setattr(logs, "read_journal", lambda *_given: f"{said}\n{said[:-3]}\n")
    assert run_module(logs, name="shop", request=REQUEST)["text"].endswith(f": one\\nfor {REQUEST}")


def test_a_request_of_another_host_and_no_id_at_all(host: Host, asked: list[str]) -> None:
    assert "shop has no request 00000000" in run_module(logs, name="shop", request="0" * 32)["text"]
    for wrong in ("12", "../x", REQUEST.upper()):
        assert f"request '{wrong}' is no id" in run_module(logs, name="shop", request=wrong)["msg"]
    assert asked == []
