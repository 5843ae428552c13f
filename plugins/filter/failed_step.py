# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""The filter that makes one report of all the ways in which a step of a release can end badly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.emperor.flask.plugins.module_utils.diagnosis import AWAY, killed_by, unanswered

DOCUMENTATION = r"""
name: failed_step
short_description: Tell why a step of a release failed
version_added: 0.1.0
author: The emperor.flask maintainers
description:
  - Completes the result of a task, so that it names the app, the release, the cause and the remedy, also when the
    task was none of this collection's, or was killed before it could say anything.
options:
  _input:
    description: C(ansible_failed_result).
    type: dict
    required: true
  task:
    description: Name of the task.
    type: str
    required: true
  name:
    description: Name of the app.
    type: str
    required: true
  release:
    description: Id of the release.
    type: str
    required: true
  cleared:
    description: Result of the task that cleared up after it; it tells whether the host is still there.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Show why the shop's release failed
  ansible.builtin.debug:
    msg: "{{ (ansible_failed_result | emperor.flask.failed_step(ansible_failed_task.name, 'shop', release)).msg }}"
"""

RETURN = r"""
_value:
  description:
    - C(cause), and all of the message as C(msg); C(remedy), what the app wrote as C(log), the emperor's C(view).
    - C(locked), whether another run was at the app, and C(away), whether the host went away.
  type: dict
"""


def failed_step(
    result: Mapping[str, Any], task: str, name: str, release: str, cleared: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return what a person should know of a step that failed."""
    about = f"app {name}, release {release}: "
    told = {key: str(result.get(key) or "") for key in ("msg", "log", "view", "remedy")}
    away = unanswered(result) or unanswered(cleared or {})
    if "remedy" in result:  # One of ours; not all of them know the release.
        cause = told["msg"].removeprefix(about).removeprefix(f"app {name}: ")
    elif away:
        cause = f'the host went away in "{task}": {away}'
        told["remedy"] = AWAY
    elif signal := killed_by(result):
        cause = f'"{task}" was killed on the host by {signal}'
        told["remedy"] = "find what did it, most often the kernel for want of memory: journalctl --dmesg --grep=kill"
    else:
        cause = f'"{task}" failed: {told["msg"] or "no message"}'
        told["remedy"] = "the message tells what the host lacks; with -vvv, all that was written is shown"
    return {**told, "msg": about + cause, "cause": cause, "locked": bool(result.get("locked")), "away": bool(away)}


class FilterModule:
    """Registers the filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter under its name."""
        return {"failed_step": failed_step}
