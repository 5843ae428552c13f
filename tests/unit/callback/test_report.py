"""What the callback prints of a report."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from ansible_collections.emperor.flask.plugins.callback.report import CallbackModule


def printed(event: str, result: dict[str, Any]) -> list[str]:
    """Return what is shown of a task that ended."""
    shown: list[str] = []
    task = SimpleNamespace(_uuid="1", action="emperor.flask.start")
    callback: Any = object.__new__(CallbackModule)
    callback._only_report = False
    callback._last_task_banner = task._uuid
    callback._display = SimpleNamespace(verbosity=0)
    callback._screen = SimpleNamespace(display=lambda text, **_: shown.append(text))
    callback.host_label = lambda _: "h"
    getattr(callback, event)(SimpleNamespace(result=result, task=task))
    return shown


def test_a_step_that_was_killed_is_shown_in_one_line() -> None:
    result = {"msg": "Module result deserialization failed.", "rc": 137, "module_stdout": "", "exception": "long"}
    assert printed("v2_runner_on_failed", result) == ["failed: [h]: killed on the host by SIGKILL"]
    assert printed("v2_runner_on_failed", {"msg": "no room", "remedy": "make some"}) == ["failed: [h]: no room"]


def test_a_line_of_a_report_cannot_steer_the_terminal() -> None:
    """Logs are among them, and apps and visitors write those."""
    lines = {"emperor_flask_report": ["a\tü", "\x1b[2J\x9b31m\r"]}
    assert printed("v2_runner_on_ok", lines) == ["", "a\tü", "\\x1b[2J\\x9b31m\\r"]
