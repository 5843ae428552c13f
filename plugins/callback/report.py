# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Ansible's own output, but reports as they are: quoted, a table is none."""

from __future__ import annotations

from typing import Any

from ansible import constants
from ansible.plugins.callback.default import CallbackModule as Default

from ansible_collections.emperor.flask.plugins.module_utils.diagnosis import AWAY, killed_by, unanswered, visible

DOCUMENTATION = r"""
name: report
type: stdout
short_description: Ansible's own output, with reports as they are
version_added: 0.1.0
author: The emperor.flask maintainers
description:
  - Prints the result of M(emperor.flask.report) line by line, a failed step of a release in one line and the report
    of the failure as it is, what to do about a host that went away, and all else as
    P(ansible.builtin.default#callback) does. With C(-v) failures are printed as there, too.
  - In a play that sets C(emperor_flask_reports), C(-e format=json) leaves standard output to the report; failures go
    to standard error.
extends_documentation_fragment:
  - default_callback
  - result_format_callback
requirements:
  - set as stdout in configuration
"""

_REPORT = "emperor_flask_report"


class _ToErrors:
    """A display whose every line goes to standard error, and that shows no headings."""

    def __init__(self, display: Any) -> None:
        self._real = display

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def display(self, msg: str, *args: Any, **options: Any) -> None:
        self._real.display(msg, *args, **{**options, "stderr": True})

    def banner(self, *args: Any, **options: Any) -> None:
        """Show nothing."""


class CallbackModule(Default):
    """Prints reports raw."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "emperor.flask.report"

    _display: Any

    def __init__(self) -> None:
        super().__init__()
        self._screen: Any = self._display
        self._only_report = False
        # Of each host, the release that its plan has for an app.
        self._planned: dict[str, dict[str, str]] = {}

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Find out who reads: a person or a program."""
        manager = play.get_variable_manager()
        given = manager.extra_vars if manager else {}
        if "emperor_flask_reports" in play.vars and given.get("format") == "json":
            self._only_report = True
            self._display = _ToErrors(self._screen)
            # Errors take a way of their own.
            self.set_option("display_failed_stderr", True)
        super().v2_playbook_on_play_start(play)

    def v2_runner_on_ok(self, result: Any) -> None:
        """Print a report, or what the default prints."""
        facts = _facts(result)
        if _task(result).action == "emperor.flask.plan":
            self._planned[self.host_label(result)] = {entry["name"]: entry["id"] for entry in facts.get("to_do", [])}
        report = facts.get(_REPORT)
        if report is None:
            if not self._only_report:
                super().v2_runner_on_ok(result)
            return
        if not self._only_report:
            self._screen.display("")
        for line in report:
            # Visitors and apps have written some of it.
            self._screen.display(visible(line))

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Print a failed step in one line, since a report follows, and that report as it is."""
        task, facts = _task(result), _facts(result)
        if self._display.verbosity or self._only_report:
            super().v2_runner_on_failed(result, ignore_errors)
        elif away := unanswered(facts):
            self._print_failure(result, f"the host gives no answer: {away}")
            if not ignore_errors:
                self._print_what_to_do(result)
        elif ignore_errors:
            super().v2_runner_on_failed(result, ignore_errors)
        elif "remedy" in facts or killed_by(facts):
            said = facts["msg"] if "remedy" in facts else f"killed on the host by {killed_by(facts)}"
            self._print_failure(result, said)
        elif task.action == "ansible.builtin.fail":
            self._screen.display(f"\nfailed: [{self.host_label(result)}]", color=constants.COLOR_ERROR)
            self._screen.display(str(facts.get("msg")), color=constants.COLOR_ERROR)
        else:
            super().v2_runner_on_failed(result, ignore_errors)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Print what the default prints, and what to do."""
        super().v2_runner_on_unreachable(result)
        self._print_what_to_do(result)

    def _print_failure(self, result: Any, said: str) -> None:
        task = _task(result)
        if self._last_task_banner != task._uuid:
            self._print_task_banner(task)
        self._screen.display(f"failed: [{self.host_label(result)}]: {said}", color=constants.COLOR_ERROR)

    def _print_what_to_do(self, result: Any) -> None:
        lines = [f"What to do: {AWAY}; then run again: that goes on where this run stopped"]
        step = _task(result).get_name().rpartition(" : ")[2]
        name = step.rpartition(" ")[2]
        if release := self._planned.get(self.host_label(result), {}).get(name):
            lines = [
                f'app {name}, release {release}: the host went away in "{step}"',
                f"Once the host is up, the release of {name} that was current gets all traffic again.",
                *lines,
            ]
        for line in lines:
            self._display.display(line, color=constants.COLOR_UNREACHABLE)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Print the recap, unless a program reads."""
        if not self._only_report:
            super().v2_playbook_on_stats(stats)


def _task(result: Any) -> Any:
    return result.task if hasattr(result, "task") else result._task


def _facts(result: Any) -> dict[str, Any]:
    # Until core 2.19 the attribute had an underscore.
    found = result.result if hasattr(result, "result") else result._result
    return found if isinstance(found, dict) else {}
