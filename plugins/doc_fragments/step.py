# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""What the documentation of the steps of a release has in common."""

from __future__ import annotations


class ModuleDocFragment:
    """Named in a module as `emperor.flask.step` and `emperor.flask.step.release`."""

    DOCUMENTATION = r"""
options:
  name:
    description: Name of the app.
    type: str
    required: true
  lock:
    description: C(lock) of M(emperor.flask.plan), which says in whose name this run holds the app.
    type: dict
    required: true
"""

    RELEASE = r"""
options:
  release:
    description: Id of the release.
    type: str
    required: true
"""
