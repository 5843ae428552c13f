"""The step that runs what apps do beside requests."""

from __future__ import annotations

import time
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.plugins.module_utils import layout
from ansible_collections.emperor.flask.plugins.modules import units
from ansible_collections.emperor.flask.tests.support.hosts import App, Host
from ansible_collections.emperor.flask.tests.support.modules import run_module
from ansible_collections.emperor.flask.tests.support.systemd import Systemd

DAEMON, OLD, SERVICE, TIMER = (
    f"flask-app-shop.{name}" for name in ("mails.service", "old.service", "tidy.service", "tidy.timer")
)
GOOD = {"LoadState": "loaded", "ActiveState": "active", "UnitFileState": "enabled", "NeedDaemonReload": "no"}


def bring(*names: str, check: bool = False) -> dict[str, Any]:
    return run_module(units, check, apps={"shop": list(names)}, settle=0)


def shown(**changes: Any) -> str:
    """Return the daemon and the timer as systemd prints them, started a second from now: after all of the test."""
    moment = int((time.monotonic() + 1) * 1e6)
    times = {"ExecMainStartTimestampMonotonic": moment, "ActiveEnterTimestampMonotonic": moment}
    lines = {name: {"Id": name, **GOOD, **times} for name in (DAEMON, SERVICE, TIMER)}
    lines[DAEMON] |= changes
    return "\n".join("".join(f"{key}={value}\n" for key, value in each.items()) for each in lines.values())


def verbs(systemd: Systemd) -> list[tuple[str, ...]]:
    """Return what systemd was told, and what for; questions left out."""
    told = (call[1:] for call in systemd.calls if call[1] != "show")
    return [tuple(word for word in words if not word.startswith("--")) for words in told]


@pytest.fixture
def written(shop: App, systemd: Systemd) -> None:
    shop.serve()
    for name in (DAEMON, SERVICE, TIMER):
        (layout.UNITS / name).touch()


@pytest.mark.usefixtures("written")
def test_what_is_as_it_should_be_is_left_alone(systemd: Systemd) -> None:
    systemd.answer(shown())
    found = bring(DAEMON, SERVICE, TIMER)
    assert (found["changed"], found["failures"], verbs(systemd)) == (False, [], [])


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"ActiveState": "failed"}, [("restart", DAEMON)]),
        ({"ActiveState": "inactive"}, [("restart", DAEMON)]),
        ({"UnitFileState": "disabled"}, [("enable", DAEMON)]),
        ({"NeedDaemonReload": "yes"}, [("daemon-reload",)]),
        ({"ExecMainStartTimestampMonotonic": 1}, [("restart", DAEMON)]),
        ({"LoadState": "not-found", "ActiveState": "inactive"}, [("daemon-reload",), ("restart", DAEMON)]),
    ],
)
def test_what_is_missing_is_done(systemd: Systemd, changes: dict[str, Any], told: list[tuple[str, ...]]) -> None:
    systemd.answer(shown(**changes))
    assert bring(DAEMON, SERVICE, TIMER, check=True)["changed"]
    assert verbs(systemd) == []
    assert bring(DAEMON, SERVICE, TIMER)["changed"]
    assert verbs(systemd) == told


@pytest.mark.usefixtures("written")
def test_a_daemon_that_systemd_goes_on_starting_is_told_and_no_change(
    systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    warned: list[str] = []
    monkeypatch.setattr(AnsibleModule, "warn", lambda _self, text: warned.append(text))
    systemd.answer(shown(ActiveState="activating", Result="exit-code", ExecMainCode=1, ExecMainStatus=3, NRestarts=2))
    found = bring(DAEMON, SERVICE, TIMER)
    said = f"app shop: daemon mails does not stay up: ended with 3; look at: journalctl --unit={DAEMON} --lines=50"
    assert (found["changed"], found["failures"]) == (False, [said])
    assert warned == [said]


@pytest.mark.usefixtures("written")
def test_a_daemon_that_became_a_schedule_ends_and_starts_with_the_host_no_more(systemd: Systemd) -> None:
    link = layout.UNITS / "multi-user.target.wants" / SERVICE
    link.parent.mkdir()
    link.symlink_to(layout.UNITS / SERVICE)
    systemd.answer(shown())
    assert bring(DAEMON, SERVICE, TIMER)["changed"]
    assert verbs(systemd) == [("stop", SERVICE)]
    assert not link.is_symlink()
    assert not bring(DAEMON, SERVICE, TIMER)["changed"]


@pytest.mark.usefixtures("written")
def test_what_is_not_wanted_goes_and_a_neighbours_stays(systemd: Systemd, host: Host) -> None:
    for name in (OLD, "flask-app-shop2.old.service"):
        (layout.UNITS / name).touch()
    systemd.answer(shown())
    assert bring(DAEMON, SERVICE, TIMER, check=True)["removed"] == [OLD]
    assert (layout.UNITS / OLD).exists()
    assert bring(DAEMON, SERVICE, TIMER)["removed"] == [OLD]
    assert not (layout.UNITS / OLD).exists()
    assert (layout.UNITS / "flask-app-shop2.old.service").exists()
    assert bring()["removed"] == [DAEMON, SERVICE, TIMER]


@pytest.mark.usefixtures("written")
def test_nothing_is_started_without_the_sandbox(systemd: Systemd) -> None:
    (layout.UNITS / "flask-app-.service.d/sandbox.conf").unlink()
    systemd.answer(shown(ActiveState="inactive"))
    found = bring(DAEMON, SERVICE, TIMER)
    assert found["msg"].endswith(
        "sandbox.conf is missing, which the role uwsgi writes; run site.yml once, which brings the host up to this "
        "version of the collection; deploy.yml does not"
    )
    assert verbs(systemd) == []


def test_a_systemd_that_does_not_answer_is_named(host: Host, systemd: Systemd) -> None:
    systemd.refuse("Failed to connect to bus")
    assert "systemctl show: Failed to connect to bus; look at" in bring(DAEMON)["msg"]
