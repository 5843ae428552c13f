# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""What the role uwsgi writes to a host and apps rest on; a host that was set up by an earlier version may lack it."""

from __future__ import annotations

from pathlib import Path

REMEDY = "run site.yml once, which brings the host up to this version of the collection; deploy.yml does not"


class NotProvisionedError(OSError):
    """A file that the role uwsgi writes is missing."""


def need(*paths: Path) -> None:
    """Raise NotProvisionedError for the first of the files that is not there."""
    for path in paths:
        if not path.exists():
            raise NotProvisionedError(f"{path} is missing, which the role uwsgi writes")
