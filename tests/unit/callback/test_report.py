"""What the callback prints of a report."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible.plugins.callback.default import CallbackModule as Default

from ansible_collections.emperor.flask.plugins.callback.report import CallbackModule


def printed(event: str, result: dict[str, Any], *ignored: bool, plan: list[dict[str, str]] | None = None) -> list[str]:
    """Return what is shown of a task that ended, after a plan."""
    shown: list[str] = []
    task = SimpleNamespace(
        _uuid="1", action="emperor.flask.start", get_name=lambda: "emperor.flask.flask_app : Start and check shop"
    )
    callback: Any = object.__new__(CallbackModule)
    callback._only_report = False
    callback._planned = {}
    callback._last_task_banner = task._uuid
    callback._display = SimpleNamespace(verbosity=0, display=lambda text, **_: shown.append(text))
    callback._screen = callback._display
    callback.host_label = lambda _: "h"
    if plan is not None:
        planning = SimpleNamespace(action="emperor.flask.plan")
        callback.v2_runner_on_ok(SimpleNamespace(result={"to_do": plan}, task=planning))
    getattr(callback, event)(SimpleNamespace(result=result, task=task), *ignored)
    return shown


def test_a_step_that_was_killed_is_shown_in_one_line() -> None:
    result = {"msg": "Module result deserialization failed.", "rc": 137, "module_stdout": "", "exception": "long"}
    assert printed("v2_runner_on_failed", result) == ["failed: [h]: killed on the host by SIGKILL"]
    assert printed("v2_runner_on_failed", {"msg": "no room", "remedy": "make some"}) == ["failed: [h]: no room"]


GONE = {"msg": "Module result deserialization failed.", "rc": 255, "module_stdout": "", "module_stderr": "Error: off\n"}
WHAT_TO_DO = "What to do: see that the host is up and lets you in; then run again: that goes on where this run stopped"
ABOUT = [
    'app shop, release 0123456789ab: the host went away in "Start and check shop"',
    "Once the host is up, the release of shop that was current gets all traffic again.",
]


def test_a_host_that_gives_no_answer_is_shown_with_what_to_do() -> None:
    line = "failed: [h]: the host gives no answer: off"
    assert printed("v2_runner_on_failed", GONE) == [line, WHAT_TO_DO]
    # A report follows.
    assert printed("v2_runner_on_failed", GONE, True) == [line]


def test_a_host_that_went_away_in_a_release_has_left_an_app(monkeypatch: pytest.MonkeyPatch) -> None:
    for event in ("v2_runner_on_ok", "v2_runner_on_unreachable"):
        monkeypatch.setattr(Default, event, lambda *_: None)
    plan = [{"name": "shop", "id": "0123456789ab"}]
    assert printed("v2_runner_on_unreachable", {}, plan=plan) == [*ABOUT, WHAT_TO_DO]
    assert printed("v2_runner_on_unreachable", {}) == [WHAT_TO_DO]


def test_a_line_of_a_report_cannot_steer_the_terminal() -> None:
    """Logs are among them, and apps and visitors write those."""
    lines = {"emperor_flask_report": ["a\tü", "\x1b[2J\x9b31m\r"]}
    assert printed("v2_runner_on_ok", lines) == ["", "a\tü", "\\x1b[2J\\x9b31m\\r"]
