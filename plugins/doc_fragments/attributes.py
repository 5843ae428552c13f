# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""How modules behave in check mode and diff mode."""

from __future__ import annotations


class ModuleDocFragment:
    """Named in a module as `emperor.flask.attributes.<part>`."""

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

    READS = r"""
attributes:
  check_mode:
    description: Does the same; nothing is changed.
    support: full
  diff_mode:
    description: Shows what changes.
    support: none
"""
