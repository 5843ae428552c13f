# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""What the documentation of the modules has in common."""

from __future__ import annotations


class ModuleDocFragment:
    """Named in a module as `emperor.flask.step` and `emperor.flask.step.<part>`."""

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

    CHECK = r"""
attributes:
  check_mode:
    description: Says what would change, and changes nothing.
    support: full
  diff_mode:
    description: Shows what changes.
    support: none
"""

    CHECK_AND_DIFF = r"""
attributes:
  check_mode:
    description: Says what would change, and changes nothing.
    support: full
  diff_mode:
    description: Shows what changes.
    support: full
"""
