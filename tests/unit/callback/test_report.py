"""What the callback prints of a report."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from ansible_collections.emperor.flask.plugins.callback.report import CallbackModule


def test_a_line_of_a_report_cannot_steer_the_terminal() -> None:
    """Logs are among them, and apps and visitors write those."""
    shown: list[str] = []
    callback: Any = object.__new__(CallbackModule)
    callback._only_report = False
    callback._screen = SimpleNamespace(display=shown.append)
    callback.v2_runner_on_ok(SimpleNamespace(result={"emperor_flask_report": ["a\tü", "\x1b[2J\x9b31m\r"]}))
    assert shown == ["", "a\tü", "\\x1b[2J\\x9b31m\\r"]
